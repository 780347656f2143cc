package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// reconcile brings every node and workload that something happened to towards
// what is wished of it. It is idempotent: where there is nothing to do it emits
// nothing.
func (e *Engine) reconcile() {
	for e.nodes.len()+e.dirty.len() > 0 && !e.full() && e.err == nil {
		if e.nodes.len() > 0 {
			if n := e.st.Nodes[e.nodes.take()]; n != nil {
				e.reconcileNode(n)
			}
			continue
		}
		if w := e.st.Workloads[e.dirty.take()]; w != nil && !w.Status.Final() {
			e.reconcileWorkload(w)
			if e.full() {
				e.dirty.add(w.ID) // it may not have come to its end
			}
		}
	}
	if len(e.st.Finished) > int(e.st.Settings.RetainMax) {
		e.retain()
	}
}

func (e *Engine) reconcileWorkload(w *state.Workload) {
	switch {
	case w.Away():
		e.reconcileAway(w)
	case w.Stopping:
		e.finishStopped(w)
	case w.Spec.Schedule != nil && w.Parent == 0:
		e.reconcileSchedule(w)
	case e.handOver(w): // it is a child's now, or will be
	case w.Spec.Kind == api.KindService:
		e.reconcileService(w)
	case w.Spec.Kind == api.KindSystem:
		e.reconcileSystem(w)
	default:
		e.reconcileJob(w)
	}
}

// finishStopped ends a workload that holds no node any more. With a schedule end
// its runs.
func (e *Engine) finishStopped(w *state.Workload) {
	for _, r := range e.runningRuns(w) {
		if e.full() {
			return
		}
		e.emit(&state.WorkloadStopping{ID: r.ID, Final: api.WorkloadCancelled, Reason: w.Reason})
	}
	for gi := range w.Groups {
		if w.Groups[gi].Open > 0 {
			return
		}
	}
	e.emit(&state.WorkloadFinished{ID: w.ID, Status: w.Final})
}

// reconcileJob releases tasks whose dependencies have succeeded, and ends the job
// when all tasks have, or one has failed for good.
func (e *Engine) reconcileJob(w *state.Workload) {
	if w.Counts.Failed > 0 {
		e.emit(&state.WorkloadStopping{ID: w.ID, Final: api.WorkloadFailed, Reason: e.firstFailure(w)})
		return
	}
	done := true
	for gi := range w.Groups {
		g := &w.Groups[gi]
		done = done && g.Open == 0
		if len(g.Tasks) > 0 && g.Tasks[0].Status == api.TaskWaiting && e.released(w, gi) {
			e.emit(&state.TasksReady{Workload: w.ID, Task: uint16(gi), To: uint32(len(g.Tasks))})
		}
	}
	if done {
		e.emit(&state.WorkloadFinished{ID: w.ID, Status: api.WorkloadSucceeded})
	}
}

func (e *Engine) released(w *state.Workload, task int) bool {
	for _, before := range w.After(task) {
		if !w.Done(before) {
			return false
		}
	}
	return true
}

func (e *Engine) firstFailure(w *state.Workload) string {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Status == api.TaskFailed {
				return clip("task " + w.NameOf(t) + " failed: " + t.Reason)
			}
		}
	}
	return "a task failed"
}
