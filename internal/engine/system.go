package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// fleet sorts the elements of a system workload by their nodes.
type fleet struct {
	on      map[string]*state.Task // the element that has not ended
	ended   map[string]bool        // it has ended for good: its restart policy says so
	useless []*state.Task          // ended, and of no meaning any more
	waiting bool                   // one is on its way out, or of the present revision and not healthy yet
}

func (e *Engine) sortFleet(w *state.Workload) *fleet {
	f := &fleet{on: map[string]*state.Task{}, ended: map[string]bool{}}
	for _, t := range w.Groups[0].Tasks {
		n := e.st.Nodes[t.Pin]
		switch {
		case n == nil || t.Status.Final() && (t.Revision != w.Revision || t.Status == api.TaskCancelled):
			f.useless = append(f.useless, t)
		case t.Status.Final():
			f.ended[t.Pin] = true
		default:
			f.on[t.Pin] = t
			late := t.Stop != state.StopNothing || t.Revision == w.Revision && !t.Healthy
			f.waiting = f.waiting || late && !n.Silent
		}
	}
	return f
}

// reconcileSystem keeps one element on every node that passes the requirements.
// An update replaces them one after the other.
func (e *Engine) reconcileSystem(w *state.Workload) {
	f := e.sortFleet(w)
	e.retireAll(w, f.useless, "its node is gone or it was replaced")
	names := e.st.SortedNodes()
	var pins []string
	for _, name := range names {
		n, t := e.st.Nodes[name], f.on[name]
		want := !n.Silent && !n.Drain && e.index.Suits(name, &w.Spec.Tasks[0])
		switch {
		case t == nil && want && !f.ended[name]:
			pins = append(pins, name)
		case t != nil && !want && !n.Silent && t.Stop == state.StopNothing && !e.full():
			e.retire(w, t, "node "+name+" no longer qualifies")
			f.waiting = true
		}
	}
	if e.full() {
		return
	}
	if len(pins) > 0 {
		e.emit(&state.ReplicasAdded{ID: w.ID, First: w.Groups[0].Next, Count: uint32(len(pins)), Pins: pins})
		return
	}
	e.replaceNext(w, f, names)
}

// replaceNext replaces the first element of an earlier revision, unless another
// one is not ready yet.
func (e *Engine) replaceNext(w *state.Workload, f *fleet, names []string) {
	for _, name := range names {
		if t := f.on[name]; !f.waiting && t != nil && t.Revision != w.Revision && !e.st.Nodes[name].Silent {
			e.retire(w, t, "replaced by revision "+revision(w.Revision))
			return
		}
	}
}
