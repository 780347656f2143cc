package engine

import (
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// reconcile brings every workload that something happened to towards what its
// specification wishes. It is idempotent: where there is nothing to do it emits
// nothing.
func (e *Engine) reconcile() {
	for len(e.dirty.list) > 0 && !e.full() && e.err == nil {
		ids := e.dirty.take()
		for i, id := range ids {
			if e.full() {
				e.dirty.addAll(ids[i:])
				return
			}
			if w := e.st.Workloads[id]; w != nil && !w.Status.Final() {
				e.reconcileWorkload(w)
			}
		}
	}
	if len(e.st.Finished) > int(e.st.Settings.RetainMax) {
		e.retain()
	}
}

func (e *Engine) reconcileWorkload(w *state.Workload) {
	switch {
	case w.Stopping:
		e.finishStopped(w)
	case w.Spec.Schedule != nil && w.Parent == 0:
		e.reconcileSchedule(w)
	case w.Spec.Kind == api.KindService:
		e.reconcileService(w)
	case w.Spec.Kind == api.KindSystem:
		e.reconcileSystem(w)
	default:
		e.reconcileJob(w)
	}
}

func (e *Engine) finishStopped(w *state.Workload) {
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
	for _, name := range w.Spec.Tasks[task].After {
		for gi := range w.Spec.Tasks {
			if w.Spec.Tasks[gi].Name == name && int(w.Groups[gi].Good) < len(w.Groups[gi].Tasks) {
				return false
			}
		}
	}
	return true
}

func (e *Engine) firstFailure(w *state.Workload) string {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Status == api.TaskFailed {
				return "task " + w.NameOf(t) + " failed: " + t.Reason
			}
		}
	}
	return "a task failed"
}

// reconcileSchedule starts the run that is due. Times that passed while nobody
// led are made up for by one run, not by many.
func (e *Engine) reconcileSchedule(w *state.Workload) {
	e.keepRuns(w)
	if w.NextRun == 0 || w.NextRun > e.st.Now {
		return
	}
	due := w.NextRun
	next, _ := nextRun(w.Spec.Schedule, e.st.Now) // validated at submission
	skipped := ""
	if running := e.runningRuns(w); len(running) > 0 {
		switch w.Spec.Schedule.Overlap {
		case api.OverlapSkip:
			skipped = "the run before has not ended"
		case api.OverlapReplace:
			for _, r := range running {
				e.emit(&state.WorkloadStopping{ID: r.ID, Final: api.WorkloadCancelled, Reason: "replaced by the next run"})
			}
		}
	}
	e.emit(&state.RunScheduled{ID: w.ID, Next: next, Skipped: skipped})
	if skipped == "" {
		spec := *w.Spec
		spec.Schedule = nil
		spec.Name = runName(w.Spec.Name, due)
		e.create(&Submit{Workload: &spec}, "", w.ID)
	}
}

func (e *Engine) runningRuns(w *state.Workload) (out []*state.Workload) {
	for _, id := range w.Runs {
		if r := e.st.Workloads[id]; r != nil && !r.Status.Final() && !r.Stopping {
			out = append(out, r)
		}
	}
	return out
}

// runName names the run of a scheduled job by its time in UTC.
func runName(name string, at api.Time) string {
	const layout = "20060102-150405"
	stamp := time.Unix(0, int64(at)).UTC().Format(layout)
	name = strings.TrimRight(name[:min(len(name), 62-len(layout))], "-")
	return name + "-" + stamp
}

// keepRuns forgets finished runs beyond the number to keep.
func (e *Engine) keepRuns(w *state.Workload) {
	var finished []uint64
	for _, id := range w.Runs {
		if r := e.st.Workloads[id]; r != nil && r.Status.Final() {
			finished = append(finished, id)
		}
	}
	if extra := len(finished) - int(w.Spec.Schedule.Keep); extra > 0 {
		e.emit(&state.WorkloadForgotten{IDs: finished[:extra]})
	}
}

// reconcileSystem keeps one element on every node that passes the requirements.
// An update replaces them one after the other.
func (e *Engine) reconcileSystem(w *state.Workload) {
	on := map[string]*state.Task{}
	waiting := false // an element of the present revision is not healthy yet
	for _, t := range w.Groups[0].Tasks {
		if t.Status.Final() {
			continue
		}
		on[t.Pin] = t
		waiting = waiting || t.Revision == w.Revision && !t.Healthy
	}
	var pins []string
	task := &w.Spec.Tasks[0]
	for _, name := range e.st.SortedNodes() {
		n := e.st.Nodes[name]
		want := !n.Silent && !n.Drain && e.index.Suits(name, task)
		t := on[name]
		switch {
		case t == nil && want && !finalOn(w, name):
			pins = append(pins, name)
		case t == nil || t.Stop != state.StopNothing:
		case !want && !n.Silent:
			e.retire(w, t, "node "+name+" no longer qualifies")
		case t.Revision != w.Revision && !waiting:
			e.retire(w, t, "replaced by revision "+revision(w.Revision))
			waiting = true
		}
	}
	if len(pins) > 0 {
		e.emit(&state.ReplicasAdded{ID: w.ID, First: w.Groups[0].Next, Count: uint32(len(pins)), Pins: pins})
	}
}

// finalOn reports whether the present revision's element on a node has ended for
// good: its restart policy says that it is not started again.
func finalOn(w *state.Workload, node string) bool {
	for _, t := range w.Groups[0].Tasks {
		if t.Pin == node && t.Revision == w.Revision && (t.Status == api.TaskSucceeded || t.Status == api.TaskFailed) {
			return true
		}
	}
	return false
}
