package engine

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Where a job goes is decided when it comes, and a later look may know better: what stood
// in its way has ended, or something else came. So a job that has not ended can be sent
// elsewhere by submitting it again. What waits is placed by the new specification; what
// runs stays where it is, and yields to others as the new one says.

// resent reports whether a specification differs from a job's in nothing but where it may
// go and who goes first. Relations stay as they are: others are tied to them, too.
func resent(old *state.Workload, spec *api.Workload) bool {
	if spec.Kind != api.KindJob || old.Stopping || old.Away() || old.Origin != nil {
		return false
	}
	was := old.Spec
	if was.Schedule != nil || spec.Schedule != nil || len(was.Tasks) != len(spec.Tasks) {
		return false
	}
	c := *was
	c.Priority, c.Preemption, c.Labels = spec.Priority, spec.Preemption, spec.Labels
	c.Tasks = slices.Clone(c.Tasks)
	for i := range c.Tasks {
		to, from := &c.Tasks[i].Requires, &spec.Tasks[i].Requires
		to.Layers, to.Sites, to.Labels = from.Layers, from.Sites, from.Labels
		to.Affinity, to.AntiAffinity, to.Tolerations = from.Affinity, from.AntiAffinity, from.Tolerations
	}
	return same(c, *spec)
}

// resend changes where a job may go. Room that is being made for it, and the hour for which
// it waits at a site, were chosen by what it said before, and are given back.
func (e *Engine) resend(w *state.Workload, spec *api.Workload, key string) {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Booking != nil {
				e.emit(&state.TaskUnbooked{Ref: t.Ref})
			}
		}
		if e.st.Deferred(w.ID, uint16(gi)) != nil {
			e.emit(&state.TasksDeferred{Workload: w.ID, Task: uint16(gi)})
		}
	}
	e.emit(&state.WorkloadRescaled{ID: w.ID, Spec: spec, Key: key})
}

// yieldAnew takes what a job holds off the index, which is to know to whom it yields now:
// it is held again when the change is worked through.
func (e *Engine) yieldAnew(id uint64) {
	w := e.st.Workloads[id]
	if w.Spec.Kind != api.KindJob {
		return
	}
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			e.remove(t.Ref)
		}
	}
}
