package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// turn plans when a running element runs on and when it stands still, and says what is
// new. Only who can be held still has turns, and only while its deadline is safe.
func (e *Engine) turn(w *state.Workload, t *state.Task) {
	n := e.st.Nodes[t.Node]
	if n == nil || t.Stop != state.StopNothing || !e.slices(w) || e.thrifty(w) || !canHold(w, t.Ref.Task) {
		return
	}
	next := e.nextTurn(w, t, n)
	if n.Silent || n.Drain || w.Stopping {
		next = state.Slice{}
	}
	was := t.Slice
	if was == nil && next == (state.Slice{}) || was != nil && was.Pause == next.Pause && was.Until == next.Until {
		return
	}
	e.emit(&state.TaskSliced{Ref: t.Ref, Slice: next})
}

// nextTurn is the stretch of time that an element is to be in from now on. The zero one
// is that it runs to its end.
func (e *Engine) nextTurn(w *state.Workload, t *state.Task, n *state.Node) (s state.Slice) {
	p, due := &w.Profiles[t.Ref.Task], e.dueOf(w)
	q := e.timingEach(w, t.Ref.Task, due, e.recalled())
	if due == 0 || !q.lasts {
		return s
	}
	here := e.index.RunOn(t.Node, &sched.Ask{Task: w.SpecOf(t), Profile: p})
	run, high := goesOn(here, max(e.st.Now.Sub(t.Started)-t.StoodBy(e.st.Now), 0), p)
	q.ready = t.Ready
	latest := q.within(due.Add(-high-q.behind-due.Sub(e.st.Now)/20), q.run, run)
	h, why := q.recall.spans().Hours(e.index, n.Site, q.by, e.st.Now, latest.Add(run))
	if why != "" || latest <= e.st.Now {
		return s
	}
	r := runIn(h, run)
	r.Begun, r.Running, r.Held, r.Keep = true, t.Slice == nil || !t.Slice.Pause, true, q.keep
	if q.stretch > 0 {
		may := q.mayStand(here) - t.StoodBy(e.st.Now) - stops(t)*stopCost
		if r.Rests = rests(may, h.Step); r.Rests <= 0 {
			return s
		}
		latest = min(latest, e.st.Now.Add(may))
	}
	fit, ok := q.recall.spans().Fit(h, r)
	switch {
	case !ok:
	case fit.First > 0:
		s = state.Slice{Pause: true, Until: min(h.At(fit.First), latest), Saves: fit.Saves()}
	case fit.Stops > 0:
		s.Until = h.At(fit.Until)
	}
	return s
}

// goesOn is how long an element runs on where it is expected to take so long, and has run,
// and how long it may turn out to.
func goesOn(takes, ran api.Duration, p *api.Profile) (run, high api.Duration) {
	high = max(late(takes, p)-ran, takes/10, api.Second)
	if run = takes - ran; run < takes/10 { // it runs longer than usual
		run = high / 2
	}
	return run, high
}

// stops is how often an element was held still so far, as far as that is kept.
func stops(t *state.Task) api.Duration {
	n := api.Duration(len(t.Stills.All()))
	if t.Still != 0 {
		n++
	}
	return n
}

func (e *Engine) turnTimer(t *state.Task) {
	if t.Slice != nil && !e.follower {
		e.timers.add(timer{at: t.Slice.Until, kind: timerTurn, ref: t.Ref})
	}
}

// turnComes plans anew when a stretch of time is over. Something is always said of it:
// the next stretch ends later.
func (e *Engine) turnComes(v *timer) {
	w, t := e.st.Task(v.ref)
	if t == nil || t.Slice == nil || t.Slice.Until != v.at || t.Status != api.TaskRunning && t.Status != api.TaskSuspended {
		return
	}
	if e.turn(w, t); t.Slice.Until == v.at && t.Stop == state.StopNothing {
		e.emit(&state.TaskSliced{Ref: t.Ref})
	}
}
