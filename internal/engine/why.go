package engine

import (
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Views shows workloads and elements as they stand at one sequence. It remembers
// why the shapes that it has met wait, so that 10,000 pending elements of a shape
// cost one look. It is for one reader, and only as long as the engine stands still.
type Views struct {
	e      *Engine
	last   askKey                    // of the element before, since equal ones come together
	why    string                    // of last
	shapes map[string]string         // why, by shape
	nodes  int                       // that may still be looked at
	behind map[uint64][]api.Duration // what comes after the tasks of a workload
}

// recounted bounds for how many nodes one reader has refusals counted anew. Beyond
// it the counts are those of when the refusal's set of reasons last changed.
const recounted = 20_000

// Views makes a reader of this sequence.
func (e *Engine) Views() *Views {
	return &Views{e: e, shapes: map[string]string{}, nodes: recounted}
}

// waits says in a phrase why no node takes a pending element; "" when none refused
// it yet.
func (v *Views) waits(w *state.Workload, t *state.Task) string {
	if s := t.Suspension.Last(); s != nil && !t.Status.Final() {
		return s.Text(v.e.st.Now)
	}
	if d := v.deferred(t); d != nil {
		return DeferredText(d)
	}
	if t.Booking != nil {
		return awaited(t, v.e.st.Now, 0).Reasons[0].Reason
	}
	if len(v.e.st.Refusals) == 0 || t.Status != api.TaskPending {
		return ""
	}
	key := keyOf(w, t)
	if v.last == key {
		return v.why
	}
	ask := v.e.ask(w, t)
	why, known := v.shapes[ask.Shape]
	if !known {
		why = v.refused(w, t, ask)
		v.shapes[ask.Shape] = why
	}
	v.last, v.why = key, why
	return why
}

// deferred is for what hours a pending element waits; nil is for none.
func (v *Views) deferred(t *state.Task) *api.Deferral {
	if t.Status != api.TaskPending {
		return nil
	}
	return v.e.st.Deferred(t.Ref.Workload, t.Ref.Task)
}

// refused is the phrase for a shape: counted now where that is cheap, as it was
// recorded otherwise.
func (v *Views) refused(w *state.Workload, t *state.Task, ask *sched.Ask) string {
	r := v.e.st.Refusals[shapeDigest(ask.Shape)]
	if r == nil {
		return ""
	}
	if n, at := v.e.comes(ask); n != nil {
		return comesText(n, at, v.e.st.Now)
	}
	if v.nodes -= len(v.e.st.Nodes); v.nodes >= 0 {
		if d := v.e.decideNow(w, t, ask); d.Chosen == nil {
			return phrase(&d, t.Pin)
		}
	}
	return phrase(r.Decision, t.Pin)
}

// first is the reason of the first task of a workload of which an element waits.
// Elements are placed in their order, so those that wait are found from the end.
func (v *Views) first(w *state.Workload) string {
	if w.Counts.Pending == 0 || len(v.e.st.Refusals) == 0 && v.e.st.Slicing == nil && !suspends(w) {
		return ""
	}
	for gi := range w.Groups {
		for _, t := range slices.Backward(w.Groups[gi].Tasks) {
			if t.Status != api.TaskPending {
				continue
			}
			if why := v.waits(w, t); why != "" {
				return why
			}
			break
		}
	}
	return ""
}

// suspends reports whether an element of a job is suspended, of those that are looked at.
func suspends(w *state.Workload) bool {
	for gi := range w.Groups {
		if tasks := w.Groups[gi].Tasks; len(tasks) > 0 && tasks[len(tasks)-1].Suspension != nil {
			return true
		}
	}
	return false
}

// phrased is how many reasons a phrase names.
const phrased = 3

// phrase says a refusal in a line: "3 of 5 nodes: memory 4Gi is not free; 2: taint
// gpu:noSchedule", the most frequent reason first. Of an element that may run on
// one node only, the other nodes say nothing.
func phrase(d *api.Decision, pin string) string {
	reasons, who := d.Reasons, " of "+strconv.Itoa(int(d.Nodes))+" nodes: "
	if pin != "" {
		reasons = slices.DeleteFunc(slices.Clone(reasons), func(r api.ReasonCount) bool { return r.Reason == sched.NotPinned(pin) })
		if len(reasons) == 0 {
			return "node " + pin + " is gone"
		}
		if is, ok := strings.CutPrefix(reasons[0].Reason, "node "); ok {
			return "node " + pin + " " + is
		}
		return "node " + pin + ": " + reasons[0].Reason
	}
	if len(reasons) == 0 {
		return "there are no nodes"
	}
	var b strings.Builder
	for i, r := range reasons[:min(len(reasons), phrased)] {
		if b.WriteString(strconv.Itoa(int(r.Nodes))); i == 0 {
			b.WriteString(who)
		} else {
			b.WriteString(": ")
		}
		b.WriteString(r.Reason)
		if i+1 < min(len(reasons), phrased) {
			b.WriteString("; ")
		}
	}
	if more := len(reasons) - phrased; more > 0 {
		b.WriteString("; and " + strconv.Itoa(more) + " more")
	}
	return b.String()
}
