package engine

import (
	"iter"
	"maps"

	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// census yields the elements that hold a place, of one workload by name, or of the
// workloads of a tenant that have certain labels. The order does not matter: they
// are counted.
func (e *Engine) census(tenant, workload string, labels map[string]string) iter.Seq[sched.Placed] {
	return func(yield func(sched.Placed) bool) {
		if workload != "" {
			if w := e.st.Named(tenant, workload); w != nil {
				countPlaced(w, yield)
			}
			return
		}
		for _, w := range e.st.Workloads { // order-free: each is counted on its own
			if w.Spec.Tenant == tenant && !w.Status.Final() && labelled(w, labels) && !countPlaced(w, yield) {
				return
			}
		}
	}
}

func labelled(w *state.Workload, labels map[string]string) bool {
	for k, v := range labels { // order-free: all must hold
		if have, ok := w.Spec.Labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// countPlaced reports whether more are wanted.
func countPlaced(w *state.Workload, yield func(sched.Placed) bool) bool {
	if c := &w.Counts; c.Placed+c.Running == 0 {
		return true
	}
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Status.Holds() && !yield(sched.Placed{Node: t.Node, Task: w.SpecOf(t).Name}) {
				return false
			}
		}
	}
	return true
}

// relabel lets the index know that a workload has other labels: relations of other
// tasks may mean its elements now, or no longer.
func (e *Engine) relabel(w *state.Workload) {
	e.lastAsk = cachedAsk{}
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			en := e.entries[t.Ref]
			if en == nil || en.node == "" || maps.Equal(en.ask.Labels, w.Spec.Labels) {
				continue
			}
			before, ask := en.ask, *en.ask
			ask.Labels = w.Spec.Labels
			en.ask = &ask
			e.index.Relabel(en.node, before, en.ask)
		}
	}
}
