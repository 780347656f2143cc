package engine

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// residences says where artifacts may be that tasks with a residency left behind: as
// long as the cell remembers these tasks. None is anywhere. It is derived, made for
// the first submission, and only where there is something to remember.
type residences map[api.Digest]*api.Residency

// settle gives each task of a specification the residency of the artifacts that it
// takes in, and says why that cannot be. The specification that came is not changed.
func (e *Engine) settle(spec *api.Workload) (*api.Workload, string) {
	if e.housed && e.housing == nil {
		e.housing = e.residences()
	}
	return e.housing.settle(spec)
}

// residences are those of the state as it is.
func (e *Engine) residences() residences {
	r := residences{}
	for _, w := range e.st.Workloads { // order-free: intersections
		r.house(w)
	}
	return r
}

func (r residences) settle(spec *api.Workload) (*api.Workload, string) {
	out := spec
	for i := range spec.Tasks {
		for j := range spec.Tasks[i].Inputs {
			in := &spec.Tasks[i].Inputs[j]
			if in.Digest == "" {
				continue
			}
			held := r[in.Digest]
			if held == nil {
				continue
			}
			both, ok := out.Tasks[i].Residency.With(held)
			if !ok {
				return nil, "task " + out.Tasks[i].Name + ": residency leaves no site for the input " + in.Path + ", which may be at " +
					cmp.Or(strings.Join(held.Sites, ", "), "no site") + " only"
			}
			if same(both, out.Tasks[i].Residency) {
				continue
			}
			if out == spec {
				c := *spec
				c.Tasks = slices.Clone(spec.Tasks)
				out = &c
			}
			out.Tasks[i].Residency = both
		}
	}
	if out == spec {
		return spec, ""
	}
	out.Normalize() // what later tasks inherit
	if faults := out.Validate(); len(faults) > 0 {
		return nil, faultsText(faults)
	}
	return out, ""
}

// house remembers where the data of a workload may be.
func (e *Engine) house(w *state.Workload) {
	e.housed = e.housed || slices.ContainsFunc(w.Spec.Tasks, func(t api.Task) bool { return t.Residency != nil })
	if e.housing != nil {
		e.housing.house(w)
	}
}

func (r residences) house(w *state.Workload) {
	for i := range w.Spec.Tasks {
		where := w.Spec.Tasks[i].Residency
		if where == nil {
			continue
		}
		for _, el := range w.Groups[i].Tasks {
			if el.Status.Final() { // what an attempt left behind that is followed by another is not kept
				r.addResult(el.Result, where)
			}
		}
	}
}

func (r residences) addResult(result *api.Result, where *api.Residency) {
	if result == nil {
		return
	}
	for i := range result.Outputs {
		r.add(result.Outputs[i].Digest, where)
	}
}

// add narrows where an artifact may be. Bytes that two tasks may have nowhere in
// common may be nowhere. Sites are in order, whichever task comes first.
func (r residences) add(d api.Digest, where *api.Residency) {
	if d != "" {
		both, _ := r[d].With(where)
		r[d] = &api.Residency{Sites: slices.Sorted(slices.Values(both.Sites))}
	}
}

// rehouse brings the residences in step with an event.
func (e *Engine) rehouse(ev state.Event) {
	switch v := ev.(type) {
	case *state.WorkloadSubmitted:
		e.house(e.st.Workloads[v.ID])
	case *state.WorkloadRevised:
		e.housing = nil // made anew when it is asked for
		e.house(e.st.Workloads[v.ID])
	case *state.TaskEnded:
		if w, t := e.st.Task(v.Attempt.TaskRef); e.housing != nil && t != nil && t.Status.Final() {
			if where := w.Spec.Tasks[t.Ref.Task].Residency; where != nil {
				e.housing.addResult(v.Result, where)
			}
		}
	case *state.WorkloadForgotten, *state.HandoverReported:
		e.housing = nil
	}
}
