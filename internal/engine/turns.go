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
	if n == nil || t.Stop != state.StopNothing || !e.slices(w) || !canHold(w, t.Ref.Task) {
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
	q := e.timingOf(w, t.Ref.Task, due)
	if due == 0 || !q.known {
		return s
	}
	ran := max(e.st.Now.Sub(t.Started)-t.StoodBy(e.st.Now), 0)
	high := max(max(p.RunHigh, q.run)-ran, q.run/10, api.Second)
	run := q.run - ran
	if run < q.run/10 { // it runs longer than usual
		run = high / 2
	}
	latest := due.Add(-high - q.behind - due.Sub(e.st.Now)/20)
	h, why := e.index.Hours(n.Site, q.by, e.st.Now, latest.Add(run))
	if why != "" || latest <= e.st.Now {
		return s
	}
	fit, ok := h.Fit(sched.Run{
		Pieces: int((run + h.Step - 1) / h.Step), Begun: true, Running: t.Slice == nil || !t.Slice.Pause,
		Held: true, Keep: q.keep, Stop: int64(stopCost * 1000 / h.Step),
	})
	switch {
	case !ok:
	case fit.First > 0:
		s = state.Slice{Pause: true, Until: min(h.At(fit.First), latest), Saves: fit.Saves()}
	case fit.Stops > 0:
		s.Until = h.At(fit.Until)
	}
	return s
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
