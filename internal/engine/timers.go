package engine

import (
	"cmp"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// timerKind says what to look at when a timer is due. A timer is only a reminder:
// whoever handles it looks at the state, and one that was set for another time
// than the state says now does nothing, so that it matters to nobody whether
// outdated timers are still there.
type timerKind uint8

const (
	timerBackoff    timerKind = iota // a failed element may be placed again
	timerDeadline                    // of a workload
	timerCron                        // a scheduled job's next run
	timerUpdate                      // a service's update or a replica's health
	timerTimeout                     // an attempt that its agent should have ended
	timerLease                       // atMostOnce tasks of a silent node
	timerDrain                       // tasks that may not stay on a draining node any longer
	timerRetention                   // finished workloads
	timerOffer                       // a workload may be offered again to a child that refused it
	timerPlan                        // a plan that has not come
	timerReplan                      // running tasks that a planner might move: only wakes
	timerPromised                    // a waiting task was promised room from now on; ref is the task
	timerProbation                   // a look at the strategy on probation
	timerRollout                     // a look at the stage of a roll-out
	timerBudget                      // work that waits for a budget: only wakes
	timerTired                       // a node has been idle for long
	timerWoken                       // a node that was woken should have come
	timerDeferred                    // tasks that wait for better hours; ref is the task
	timerTurn                        // an element that runs in turns
	timerLook                        // nodes that work may be moved off: only wakes
	timerForeseen                    // what is expected of demand no longer counts
	timerBattery                     // a battery is to be looked at; node is its site
	timerSuspension                  // elements of a task that go on again; ref is the task
	timerStrain                      // what was said of a node's use no longer counts
	timerHour                        // those who wait for better hours are looked at: only wakes
)

type timer struct {
	at   api.Time
	kind timerKind
	ref  api.TaskRef
	node string
}

// timers is a binary heap, first due first.
type timers struct {
	heap []timer
	off  bool // of a follower: nothing is ever due
	kept int  // how many were left by the last sweep
}

func (t *timers) add(v timer) {
	if v.at <= 0 || t.off {
		return
	}
	t.heap = append(t.heap, v)
	t.up(len(t.heap) - 1)
}

func (t *timers) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !t.heap[i].before(&t.heap[p]) {
			return
		}
		t.heap[i], t.heap[p] = t.heap[p], t.heap[i]
		i = p
	}
}

func (t *timers) down(i int) {
	for {
		first := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < len(t.heap) && t.heap[c].before(&t.heap[first]) {
				first = c
			}
		}
		if first == i {
			return
		}
		t.heap[i], t.heap[first] = t.heap[first], t.heap[i]
		i = first
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
	v, last := t.heap[0], len(t.heap)-1
	t.heap[0] = t.heap[last]
	t.heap[last] = timer{}
	t.heap = t.heap[:last]
	t.down(0)
	return v, true
}

// sweep drops outdated timers once they may be most of all.
func (t *timers) sweep(outdated func(*timer) bool) {
	const slack = 4096
	if len(t.heap) < 2*t.kept+slack {
		return
	}
	kept := t.heap[:0]
	for i := range t.heap {
		if !outdated(&t.heap[i]) {
			kept = append(kept, t.heap[i])
		}
	}
	clear(t.heap[len(kept):])
	t.heap, t.kept = kept, len(kept)
	for i := len(kept)/2 - 1; i >= 0; i-- {
		t.down(i)
	}
}

func (v *timer) before(o *timer) bool {
	if v.at != o.at {
		return v.at < o.at
	}
	return cmp.Or(cmp.Compare(v.kind, o.kind), state.CompareRefs(v.ref, o.ref), cmp.Compare(v.node, o.node)) < 0
}

// due handles every timer that is due.
func (e *Engine) due(now api.Time) {
	for !e.full() {
		v, ok := e.timers.pop(now)
		if !ok {
			break
		}
		switch v.kind {
		case timerBackoff:
			e.backoffOver(&v)
		case timerDeadline:
			e.deadline(&v)
		case timerCron, timerUpdate, timerOffer:
			e.touchWorkload(v.ref.Workload)
		case timerTimeout:
			e.timeout(&v)
		case timerLease:
			e.touchNode(v.node)
		case timerDrain:
			e.graceEnds(v.node)
		case timerRetention:
			if v.at == e.retentionAt() {
				e.retain()
			}
		case timerPlan:
			e.planLate(&v)
		case timerProbation:
			e.look(&v)
		case timerRollout:
			e.lookAtStage(&v)
		case timerTired:
			e.tire(&v)
		case timerWoken:
			e.overslept(&v)
		case timerDeferred:
			e.hoursCome(&v)
		case timerTurn:
			e.turnComes(&v)
		case timerForeseen:
			e.stirred = true
		case timerBattery:
			e.lookAtBattery(v.node)
		case timerSuspension:
			e.suspensionEnds(&v)
		case timerStrain:
			e.strainLapses(&v)
		case timerReplan, timerBudget, timerLook, timerHour: // every Step looks for itself
		}
	}
	e.timers.sweep(e.outdated)
}

// outdated reports whether a timer is of something that is no more.
func (e *Engine) outdated(v *timer) bool {
	switch v.kind {
	case timerLease, timerDrain:
		n := e.st.Nodes[v.node]
		return n == nil || !n.Silent && !n.Drain
	case timerTired:
		n := e.st.Nodes[v.node]
		return n == nil || e.tiredAt(n) != v.at
	case timerWoken:
		n := e.st.Nodes[v.node]
		return n == nil || n.Power != api.PowerWaking
	case timerStrain:
		s := e.st.Strains[v.node]
		return s == nil || s.At.Add(StrainHolds) != v.at
	case timerBattery:
		b := e.st.Batteries[v.node]
		return b == nil || b.Until != v.at && b.Planned.Add(settles) != v.at
	case timerRetention, timerPlan, timerReplan, timerProbation, timerRollout, timerBudget, timerLook, timerForeseen, timerHour:
		return false
	}
	w := e.st.Workloads[v.ref.Workload]
	if w == nil || w.Status.Final() {
		return true
	}
	if v.kind == timerDeferred {
		d := e.st.Deferred(v.ref.Workload, v.ref.Task)
		return d == nil || d.Until != v.at
	}
	if v.kind == timerSuspension {
		return e.resumes[v.ref] != v.at
	}
	if v.kind == timerPromised {
		r := e.index.Promised(v.ref)
		return r == nil || r.From != v.at
	}
	if v.kind == timerBackoff || v.kind == timerTimeout || v.kind == timerTurn {
		_, t := e.st.Task(v.ref)
		return t == nil || t.Status.Final()
	}
	return false
}

func (e *Engine) workloadTimers(w *state.Workload) {
	if w.Status.Final() || e.follower {
		return
	}
	ref := api.TaskRef{Workload: w.ID}
	if w.Spec.Deadline > 0 && !w.Stopping && w.Spec.Schedule == nil { // a schedule's deadline is that of each run
		e.timers.add(timer{at: w.Submitted.Add(w.Spec.Deadline), kind: timerDeadline, ref: ref})
	}
	if w.NextRun != 0 {
		e.timers.add(timer{at: w.NextRun, kind: timerCron, ref: ref})
	}
	e.progressTimer(w)
	e.offerTimers(w)
	for gi := range w.Groups {
		e.suspensionTimer(w, gi)
		for _, t := range w.Groups[gi].Tasks {
			switch t.Status {
			case api.TaskBackoff:
				e.timers.add(timer{at: t.NotBefore, kind: timerBackoff, ref: t.Ref})
			case api.TaskRunning:
				e.timeoutTimer(w, t)
				e.healthTimer(w, t)
				e.turnTimer(t)
			case api.TaskSuspended:
				e.turnTimer(t)
			}
		}
	}
}

// graceForTimeout is what an agent gets beyond a task's timeout and grace before
// the engine asks it to stop the task itself.
const graceForTimeout = 15 * api.Second

func timeoutAt(spec *api.Task, t *state.Task) api.Time {
	return t.Started.Add(spec.Timeout + t.Stood + spec.Grace + graceForTimeout)
}

func (e *Engine) timeoutTimer(w *state.Workload, t *state.Task) {
	if spec := w.SpecOf(t); spec.Timeout > 0 {
		e.timers.add(timer{at: timeoutAt(spec, t), kind: timerTimeout, ref: t.Ref})
	}
}

// healthTimer reminds of when a healthy replica begins to count.
func (e *Engine) healthTimer(w *state.Workload, t *state.Task) {
	if u := w.Spec.Update; u != nil && t.Healthy && u.HealthyAfter > 0 {
		e.timers.add(timer{at: t.HealthyAt.Add(u.HealthyAfter), kind: timerUpdate, ref: api.TaskRef{Workload: w.ID}})
	}
}

// progressTimer reminds of when an update without progress is rolled back.
func (e *Engine) progressTimer(w *state.Workload) {
	if at := progressEnd(w); at > e.st.Now {
		e.timers.add(timer{at: at, kind: timerUpdate, ref: api.TaskRef{Workload: w.ID}})
	}
}

// progressEnd is until when the running update must have made progress; 0 when
// there is none, or no revision to go back to. The time for which replicas must
// be healthy to count is not held against them.
func progressEnd(w *state.Workload) api.Time {
	u := w.Spec.Update
	if u == nil || w.Stable == 0 || w.Stable == w.Revision || w.Stopping || u.Manual {
		return 0
	}
	return w.Progress.Add(u.ProgressDeadline + u.HealthyAfter)
}

func (e *Engine) nodeTimers(n *state.Node) {
	if n.Silent {
		e.timers.add(timer{at: e.leaseEnd(n), kind: timerLease, node: n.Name})
	}
	if n.Drain {
		e.timers.add(timer{at: n.DrainUntil, kind: timerDrain, node: n.Name})
	}
	if n.Power == api.PowerWaking {
		e.timers.add(timer{at: wakeLate(n), kind: timerWoken, node: n.Name})
	}
	e.clearTimer(n)
	e.strainTimer(n)
	e.restTimer(n)
}

// restTimer reminds of when a node has been idle for long.
func (e *Engine) restTimer(n *state.Node) {
	if n.Sleep != nil && len(n.Held) == 0 {
		e.timers.add(timer{at: e.tiredAt(n), kind: timerTired, node: n.Name})
	}
}

func (e *Engine) leaseEnd(n *state.Node) api.Time {
	return n.SilentAt.Add(e.st.Settings.Lease + e.st.Settings.Drift)
}

// retentionAt is when the oldest finished workload that may be forgotten is; 0
// when there is none.
func (e *Engine) retentionAt() api.Time {
	for _, f := range e.st.Finished {
		if !kept(e.st.Workloads[f.ID]) {
			return f.At.Add(e.st.Settings.RetainFor)
		}
	}
	return 0
}

func (e *Engine) retentionTimer() { e.timers.add(timer{at: e.retentionAt(), kind: timerRetention}) }

func (e *Engine) backoffOver(v *timer) {
	ref := v.ref
	_, t := e.st.Task(ref)
	if t == nil || t.Status != api.TaskBackoff || t.NotBefore != v.at {
		return
	}
	e.emit(&state.TasksReady{Workload: ref.Workload, Task: ref.Task, From: ref.Index, To: ref.Index + 1})
}

func (e *Engine) deadline(v *timer) {
	w := e.st.Workloads[v.ref.Workload]
	if w == nil || w.Status.Final() || w.Stopping || w.Spec.Deadline <= 0 || w.Spec.Schedule != nil ||
		w.Submitted.Add(w.Spec.Deadline) != v.at {
		return
	}
	e.emit(&state.WorkloadStopping{ID: w.ID, Final: api.WorkloadFailed, Reason: "deadline of " + w.Spec.Deadline.String() + " exceeded"})
}

func (e *Engine) timeout(v *timer) {
	w, t := e.st.Task(v.ref)
	if t == nil || t.Status != api.TaskRunning || t.Stop != state.StopNothing {
		return
	}
	spec := w.SpecOf(t)
	if spec.Timeout <= 0 || timeoutAt(spec, t) != v.at {
		return
	}
	e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopRestart, Reason: "timeout of " + spec.Timeout.String() + " exceeded"})
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
		if kept(e.st.Workloads[f.ID]) {
			continue
		}
		ids = append(ids, f.ID)
	}
	if len(ids) > 0 {
		e.emit(&state.WorkloadForgotten{IDs: ids})
	}
}
