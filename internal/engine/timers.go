package engine

import (
	"cmp"
	"container/heap"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// timerKind says what to look at when a timer is due. A timer is only a reminder:
// whoever handles it looks at the state, and an outdated one does nothing.
type timerKind uint8

const (
	timerBackoff   timerKind = iota // a failed element may be placed again
	timerDeadline                   // of a workload
	timerCron                       // a scheduled job's next run
	timerUpdate                     // a service's update or a replica's health
	timerTimeout                    // an attempt that its agent should have ended
	timerLease                      // atMostOnce tasks of a silent node
	timerDrain                      // tasks that may not stay on a draining node any longer
	timerRetention                  // finished workloads
)

type timer struct {
	at   api.Time
	kind timerKind
	ref  api.TaskRef
	node string
}

type timers struct{ heap timerHeap }

func (t *timers) add(v timer) {
	if v.at > 0 {
		heap.Push(&t.heap, v)
	}
}

// next returns when the first timer is due, 0 when there is none.
func (t *timers) next() api.Time {
	if len(t.heap) == 0 {
		return 0
	}
	return t.heap[0].at
}

// pop takes the first timer that is due at now.
func (t *timers) pop(now api.Time) (timer, bool) {
	if len(t.heap) == 0 || t.heap[0].at > now {
		return timer{}, false
	}
	return heap.Pop(&t.heap).(timer), true
}

type timerHeap []timer

func (h timerHeap) Len() int      { return len(h) }
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h timerHeap) Less(i, j int) bool {
	a, b := &h[i], &h[j]
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind), state.CompareRefs(a.ref, b.ref), cmp.Compare(a.node, b.node)) < 0
}
func (h *timerHeap) Push(v any) { *h = append(*h, v.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	v := old[len(old)-1]
	*h = old[:len(old)-1]
	return v
}

// due handles every timer that is due.
func (e *Engine) due(now api.Time) {
	for !e.full() {
		v, ok := e.timers.pop(now)
		if !ok {
			return
		}
		switch v.kind {
		case timerBackoff:
			e.backoffOver(v.ref)
		case timerDeadline:
			e.deadline(v.ref.Workload)
		case timerCron, timerUpdate:
			e.touchWorkload(v.ref.Workload)
		case timerTimeout:
			e.timeout(v.ref)
		case timerLease:
			e.leaseOver(v.node)
		case timerDrain:
			e.drainOver(v.node)
		case timerRetention:
			e.retain()
		}
	}
}

func (e *Engine) workloadTimers(w *state.Workload) {
	if w.Status.Final() {
		return
	}
	ref := api.TaskRef{Workload: w.ID}
	if w.Spec.Deadline > 0 && !w.Stopping {
		e.timers.add(timer{at: w.Submitted.Add(w.Spec.Deadline), kind: timerDeadline, ref: ref})
	}
	if w.NextRun != 0 {
		e.timers.add(timer{at: w.NextRun, kind: timerCron, ref: ref})
	}
	e.progressTimer(w)
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Status == api.TaskBackoff {
				e.timers.add(timer{at: t.NotBefore, kind: timerBackoff, ref: t.Ref})
			}
			if t.Status == api.TaskRunning {
				e.startTimers(t.Ref)
			}
		}
	}
}

// graceForTimeout is what an agent gets beyond a task's timeout and grace before
// the engine asks it to stop the task itself.
const graceForTimeout = 15 * api.Second

func (e *Engine) startTimers(ref api.TaskRef) {
	w, t := e.st.Task(ref)
	if t == nil {
		return
	}
	spec := w.SpecOf(t)
	if spec.Timeout > 0 {
		e.timers.add(timer{at: t.Started.Add(spec.Timeout + spec.Grace + graceForTimeout), kind: timerTimeout, ref: ref})
	}
	e.updateTimers(ref)
}

// updateTimers reminds of what a service's update waits for.
func (e *Engine) updateTimers(ref api.TaskRef) {
	w, t := e.st.Task(ref)
	if t == nil {
		return
	}
	e.dirty.add(w.ID)
	e.progressTimer(w)
	if u := w.Spec.Update; u != nil && t.Healthy && u.HealthyAfter > 0 {
		e.timers.add(timer{at: t.HealthyAt.Add(u.HealthyAfter), kind: timerUpdate, ref: api.TaskRef{Workload: w.ID}})
	}
}

func (e *Engine) progressTimer(w *state.Workload) {
	if u := w.Spec.Update; u != nil && w.Stable != w.Revision && !w.Stopping {
		e.timers.add(timer{at: w.Progress.Add(u.ProgressDeadline), kind: timerUpdate, ref: api.TaskRef{Workload: w.ID}})
	}
}

func (e *Engine) nodeTimers(n *state.Node) {
	if n.Silent {
		e.timers.add(timer{at: e.leaseEnd(n), kind: timerLease, node: n.Name})
	}
	if n.Drain {
		e.timers.add(timer{at: n.DrainUntil, kind: timerDrain, node: n.Name})
	}
}

func (e *Engine) leaseEnd(n *state.Node) api.Time {
	return n.SilentAt.Add(e.st.Settings.Lease + e.st.Settings.Drift)
}

func (e *Engine) backoffOver(ref api.TaskRef) {
	_, t := e.st.Task(ref)
	if t == nil || t.Status != api.TaskBackoff || t.NotBefore > e.st.Now {
		return
	}
	e.emit(&state.TasksReady{Workload: ref.Workload, Task: ref.Task, From: ref.Index, To: ref.Index + 1})
}

func (e *Engine) deadline(id uint64) {
	w := e.st.Workloads[id]
	if w == nil || w.Status.Final() || w.Stopping || w.Spec.Deadline <= 0 || w.Submitted.Add(w.Spec.Deadline) > e.st.Now {
		return
	}
	e.emit(&state.WorkloadStopping{ID: id, Final: api.WorkloadFailed, Reason: "deadline of " + w.Spec.Deadline.String() + " exceeded"})
}

func (e *Engine) timeout(ref api.TaskRef) {
	w, t := e.st.Task(ref)
	if t == nil || t.Status != api.TaskRunning || t.Stop != state.StopNothing {
		return
	}
	spec := w.SpecOf(t)
	if spec.Timeout <= 0 || t.Started.Add(spec.Timeout+spec.Grace+graceForTimeout) > e.st.Now {
		return
	}
	e.emit(&state.TaskStop{Ref: ref, For: state.StopRestart, Reason: "timeout of " + spec.Timeout.String() + " exceeded"})
}

// maxForget bounds one WorkloadForgotten event.
const maxForget = 2000

// retain forgets finished workloads that are too old or too many.
func (e *Engine) retain() {
	s := &e.st.Settings
	var ids []uint64
	for i, f := range e.st.Finished {
		old := f.At.Add(s.RetainFor) <= e.st.Now
		if !old && len(e.st.Finished)-i <= int(s.RetainMax) || len(ids) == maxForget {
			break
		}
		ids = append(ids, f.ID)
	}
	if len(ids) > 0 {
		e.emit(&state.WorkloadForgotten{IDs: ids})
	}
}
