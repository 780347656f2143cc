package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// reconcileSystem keeps one element on every node that passes the requirements.
// An update replaces them one after the other.
func (e *Engine) reconcileSystem(w *state.Workload) {
	on := map[string]*state.Task{} // by node, the element that has not ended
	ended := map[string]bool{}     // nodes on which it has ended for good
	var useless []*state.Task      // ended for good, and of no meaning any more
	waiting := false               // an element of the present revision is not healthy yet
	for _, t := range w.Groups[0].Tasks {
		n := e.st.Nodes[t.Pin]
		switch {
		case n == nil || t.Status.Final() && (t.Revision != w.Revision || t.Status == api.TaskCancelled):
			useless = append(useless, t)
		case t.Status.Final(): // its restart policy says that it is not started again
			ended[t.Pin] = true
		default:
			on[t.Pin] = t
			waiting = waiting || t.Revision == w.Revision && !t.Healthy && !n.Silent
		}
	}
	for _, t := range useless {
		if e.full() {
			return
		}
		e.retire(w, t, "node "+t.Pin+" no longer qualifies")
	}
	var pins []string
	for _, name := range e.st.SortedNodes() {
		if e.full() {
			return
		}
		n, t := e.st.Nodes[name], on[name]
		want := !n.Silent && !n.Drain && e.index.Suits(name, &w.Spec.Tasks[0])
		switch {
		case t == nil && want && !ended[name]:
			pins = append(pins, name)
		case t == nil || t.Stop != state.StopNothing:
		case !want && !n.Silent:
			e.retire(w, t, "node "+name+" no longer qualifies")
		case t.Revision != w.Revision && !waiting && !n.Silent:
			e.retire(w, t, "replaced by revision "+revision(w.Revision))
			waiting = true
		}
	}
	if len(pins) > 0 {
		e.emit(&state.ReplicasAdded{ID: w.ID, First: w.Groups[0].Next, Count: uint32(len(pins)), Pins: pins})
	}
}
