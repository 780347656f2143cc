package engine

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

const (
	// cheapDelay is what part of a job's predicted run it may be delayed in any case.
	cheapDelay = 10
	// mostLost is how long a task has run at most that begins anew where that is no small
	// part. It is less than what a move is remembered, so that it happens to nobody twice.
	mostLost = 45 * api.Minute
	// lostShare bounds all that moves delay jobs by such delays: by one in so many of the
	// hours that jobs ran which succeeded.
	lostShare = 20
)

// move is what it means that a job's task begins anew elsewhere.
type move struct {
	left  api.Duration    // that it would have run on
	delay api.Duration    // by which it ends later
	cost  api.Microjoules // of what is lost, of the way, and of a node that draws more for it
}

// moveOf is what moving a task comes to where a decision would put it; false when it is
// delayed too much, or might miss its deadline. What all moves delay together is bounded for
// those that save energy; a strained node's tasks give way to others once at the most, and who uses
// far more than was asked for beside others goes whatever it loses. As the planner counts it, what is lost is
// all that it ran, and on top come the transfer, the stop and the new start.
func (s *seating) moveOf(w *state.Workload, t *state.Task, ask *sched.Ask, d *api.Decision) (m move, ok bool) {
	e, p, spec := s.e, &w.Profiles[t.Ref.Task], w.SpecOf(t)
	here, known := e.index.Footprint(t.Node, ask, e.st.Now)
	if !known {
		return m, false
	}
	predicted := p.Samples > 0 || spec.Duration > 0
	ran, way := max(e.st.Now.Sub(t.Started)-t.StoodBy(e.st.Now), 0), sched.MoveTime+d.Transfer
	m.left, m.delay = lasts(here.Run, ran, predicted), ran+way+max(d.Run-here.Run, 0)
	if cheap := predicted && m.delay <= d.Run/cheapDelay; !cheap && (s.by == nil && !e.mayLose(s.delay+m.delay) || ran > mostLost && (s.by == nil || !s.by.hogs)) {
		return m, false
	}
	if !e.inTime(w, t, way+late(d.Run, p), predicted) {
		return m, false
	}
	there, was := e.index.Adds(d.Chosen.Node, spec), e.index.Adds(t.Node, spec)
	m.cost = sched.EnergyOf(was, ran) + sched.EnergyOf(there, way) + sched.EnergyOf(max(there-was, 0), m.left)
	return m, true
}

// lasts is how long a task goes on that has run for a time: what is predicted is left of
// it. One that runs longer than that, or of which nothing is known, goes on for as long as
// it has run, which is the median of lifetimes with P(T > t) ∝ 1/t (Harchol-Balter and
// Downey, 1997, "Exploiting Process Lifetime Distributions for Dynamic Load Balancing").
func lasts(run, ran api.Duration, predicted bool) api.Duration {
	if left := run - ran; predicted && left > 0 {
		return left
	}
	return ran
}

// mayLose reports whether moves that are no small part of a run may delay jobs by so much
// more.
func (e *Engine) mayLose(delay api.Duration) bool {
	c := e.st.Consolidation
	return c.Lost+int64(delay/api.Second) <= c.Ran/lostShare
}

// late is the upper end of a predicted run on a node where the predicted one is run.
func late(run api.Duration, p *api.Profile) api.Duration {
	if p.Run < api.Microsecond || p.RunHigh <= p.Run {
		return run
	}
	ratio := min(int64(p.RunHigh)/int64(p.Run/1000), 100_000)
	return min(run/1000, api.MaxDuration/api.Duration(ratio)) * api.Duration(ratio)
}

// inTime reports whether a job meets its deadline when one of its tasks ends so much from
// now, with a twentieth of the time to spare. Of one that was not predicted nobody knows.
func (e *Engine) inTime(w *state.Workload, t *state.Task, takes api.Duration, predicted bool) bool {
	due := e.dueOf(w)
	if due == 0 || !predicted {
		return due == 0
	}
	left := due.Sub(e.st.Now)
	return takes+e.recalled().behind(w, t.Ref.Task) <= left-left/20
}

// worth is the event that clears the node, nil when it saves too little.
func (s *seating) worth() *state.NodeClearing {
	e, n := s.e, s.from
	less, swing := e.index.Sleeps(n.Name)
	empty := min(e.st.UsualNap(), s.stay+min(e.restOf(n).Idle(), api.MaxDuration-s.stay))
	asleep := empty - n.Sleep.Waking() - min(max(n.Sleep.Down, 0), api.MostSleep)
	ev := &state.NodeClearing{Node: n.Name, For: state.ClearSleep, Tasks: s.tasks, To: s.to, Watts: less, Empty: empty, Cost: s.cost + swing, Delay: s.delay}
	if less <= 0 || asleep <= 0 || sched.EnergyOf(less, asleep)/worthTwice <= ev.Cost {
		return nil
	}
	ev.Why = "moved from " + n.Name + " so that " + n.Name + " can sleep: saves " + wattsText(less) + " for " +
		(empty / api.Minute * api.Minute).String() + ", costs " + joulesText(ev.Cost)
	return ev
}

// wattsText shows mW in W, those below 10 with a tenth.
func wattsText(mw int64) string {
	if mw < 10_000 {
		return tenths((mw+50)/100) + " W"
	}
	return strconv.FormatInt((mw+500)/1000, 10) + " W"
}

// joulesText shows energy in kJ, below 10 with a tenth.
func joulesText(e api.Microjoules) string {
	const kilojoule = 1_000_000_000
	if e < 10*kilojoule {
		return tenths((int64(e)+kilojoule/20)/(kilojoule/10)) + " kJ"
	}
	return strconv.FormatInt((int64(e)+kilojoule/2)/kilojoule, 10) + " kJ"
}

func tenths(n int64) string {
	return strconv.FormatInt(n/10, 10) + "." + strconv.FormatInt(n%10, 10)
}
