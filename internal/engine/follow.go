package engine

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// NewFollower wraps a state that is folded from another engine's events. It
// explains and plans, but never decides.
func NewFollower(st *state.State) *Engine {
	e := empty(st)
	e.follower, e.timers.off = true, true
	e.index.SetNow(st.Now)
	e.rebuild()
	return e
}

// Follow folds the events of one record in.
func (e *Engine) Follow(at api.Time, events []state.Event) error {
	e.st.Now = max(e.st.Now, at)
	e.index.SetNow(e.st.Now)
	for _, ev := range events {
		if err := e.st.Apply(at, ev); err != nil {
			return fmt.Errorf("follow to %s: %w", at, err)
		}
		e.reindex(ev)
	}
	return nil
}

// Assignment is what a node is told of an element that it holds.
func (e *Engine) Assignment(w *state.Workload, t *state.Task) api.Assignment {
	a := api.Assignment{
		Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, Epoch: t.Epoch, Version: t.Version,
		Name: w.NameOf(t), Tenant: w.Spec.Tenant, Revision: t.Revision,
	}
	if t.Stop != state.StopNothing {
		a.Desire = api.DesireStop
		return a
	}
	if t.Stands() {
		a.Desire = api.DesireSuspend
	}
	spec := w.SpecAt(t.Revision)
	a.Task = w.SpecOf(t)
	a.Count = max(a.Task.Count, 1)
	if spec.Kind == api.KindService {
		a.Count = spec.Replicas
	}
	a.Inputs = e.supplies(w, t)
	return a
}

// supplies resolves the inputs of an element: artifacts by digest, and the values
// that earlier tasks left behind.
func (e *Engine) supplies(w *state.Workload, t *state.Task) []api.Supply {
	task := w.SpecOf(t)
	if len(task.Inputs) == 0 {
		return nil
	}
	var out []api.Supply
	for i := range task.Inputs {
		if in := &task.Inputs[i]; in.Task == "" {
			out = append(out, api.Supply{Path: in.Path, Digest: in.Digest, Size: in.Size})
		}
	}
	e.eachSupply(w, t.Ref, func(in *api.Input, from *state.Task, v *api.Value) {
		out = append(out, api.Supply{Path: SupplyPath(w.Spec, in, from.Ref, v), Digest: v.Digest, Size: v.Size, Inline: v.Inline})
	})
	return out
}
