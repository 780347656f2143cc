package twin

import "drover.dev/api"

// wish tells a machine whether a task is to stand still. One that is cut off does not
// hear of it.
func (w *World) wish(ref api.TaskRef) {
	_, t := w.State().Task(ref)
	a := w.tasks[ref]
	if t == nil || a == nil || w.nodes[a.node].cut != 0 {
		return
	}
	kind := runsOn
	if t.Stands() {
		kind = standsStill
	}
	w.queue.push(event{at: w.now, kind: kind, node: a.node, attempt: a})
}

// suspend holds a task still as its agent would, or lets it go on: it keeps its room, and
// uses no CPU meanwhile.
func (w *World) suspend(a *attempt, still bool) {
	if a.over || a.ran || !a.running || still == (a.still != 0) {
		return
	}
	kind := api.ReportSuspended
	if still {
		a.still = w.now
	} else {
		kind, a.stood, a.due = api.ReportResumed, a.stoodBy(w.now), a.due.Add(w.now.Sub(a.still)+w.cfg.Resume)
		a.still = 0
		w.queue.push(event{at: a.due, kind: ends, node: a.node, attempt: a})
	}
	w.idle(a, still)
	a.said++
	w.report(a, api.Report{Attempt: a.id, N: a.said + 1, Kind: kind})
}

// idle takes what a task uses off its machine, or puts it back.
func (w *World) idle(a *attempt, still bool) {
	m := &w.nodes[a.node]
	w.meter.elapsed(m, w.now)
	if still {
		w.work(a, -1)
	} else {
		w.work(a, 1)
	}
}

// stoodBy is how long an attempt has stood still by a moment.
func (a *attempt) stoodBy(now api.Time) api.Duration {
	if a.still != 0 {
		return a.stood + now.Sub(a.still)
	}
	return a.stood
}
