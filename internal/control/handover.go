package control

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// Forward says what a child cell must do so that its journal agrees with the set
// of hand-overs that its parent has for it. It depends on the two alone, so that
// lost, repeated and late messages do no harm: the next set says it all again.
type Forward struct {
	Fetch []api.HandoverItem // get the specification and what it needs, then Accept
	Do    []engine.Input     // into the child's journal
}

// Bounds of one round; the rest comes with the next.
const (
	maxFetch  = 256
	maxSettle = 1000
)

// Forwards compares the whole set of the parent of that name with the child's
// state. busy names what was fetched before and may yet be accepted: letting go of
// its refusal now would let it be accepted after all.
func Forwards(st *state.State, parent string, set []api.HandoverItem, busy func(api.HandoverID) bool) Forward {
	var out Forward
	listed := make(map[api.HandoverID]bool, len(set))
	for _, item := range set {
		if item.ID.Cell != parent { // nobody's business here
			continue
		}
		listed[item.ID] = true
		w := st.Taken(item.ID)
		switch {
		case w != nil:
			out.taken(w, item)
		case st.Declined[item.ID.Key()] != nil: // its answer is resent until the set has it no more
		case item.Stop:
			out.Do = append(out.Do, &engine.Decline{ID: item.ID, Reason: "it was withdrawn"})
		case len(out.Fetch) < maxFetch:
			out.Fetch = append(out.Fetch, item)
		}
	}
	out.settle(st, parent, func(id api.HandoverID) bool { return listed[id] || busy(id) })
	return out
}

// taken sees to a hand-over that the child has accepted.
func (f *Forward) taken(w *state.Workload, item api.HandoverItem) {
	switch {
	case w.Stopping || w.Status.Final():
	case item.Stop:
		f.Do = append(f.Do, &engine.Cancel{
			Caller: engine.Caller{Principal: "cell " + item.ID.Cell}, Tenant: w.Spec.Tenant, ID: w.ID,
		})
	case item.Asked > w.Origin.Asked && len(f.Fetch) < maxFetch:
		f.Fetch = append(f.Fetch, item)
	}
}

// settle lets go of what the parent has no more.
func (f *Forward) settle(st *state.State, parent string, stays func(api.HandoverID) bool) {
	var gone []api.HandoverID
	for _, id := range st.Origins() {
		if o := st.Workloads[id].Origin; o.ID.Cell == parent && !o.Settled && !stays(o.ID) {
			gone = append(gone, o.ID)
		}
	}
	for _, key := range st.SortedDeclined() {
		if id := st.Declined[key].ID; id.Cell == parent && !stays(id) {
			gone = append(gone, id)
		}
	}
	for part := range slices.Chunk(gone, maxSettle) {
		f.Do = append(f.Do, &engine.Settle{IDs: part})
	}
}

// HandoverSet lists what a parent has for a child, from after the workload of a
// number on, at most most of it.
func HandoverSet(st *state.State, parent, child string, after uint64, most int) api.HandoverSet {
	out := api.HandoverSet{Epoch: st.Epoch, Cell: parent}
	c := st.Cells[child]
	if c == nil {
		return out
	}
	held := c.SortedHeld()
	at, _ := slices.BinarySearchFunc(held, after+1, func(id, want uint64) int { return cmp.Compare(id, want) })
	if held = held[at:]; len(held) > most {
		held, out.More = held[:most], true
	}
	for _, id := range held {
		w := st.Workloads[id]
		out.Items = append(out.Items, api.HandoverItem{ID: w.HandoverID(parent), Stop: w.Stopping, Asked: w.Handover.Asked})
	}
	return out
}

// HandoverSpec gives the specification of a hand-over that stands; without one
// when it does not. What is left of a deadline is the child's to keep.
func HandoverSpec(st *state.State, now api.Time, child string, id api.HandoverID) api.HandoverSpec {
	out := api.HandoverSpec{ID: id}
	w := st.Workloads[id.Workload]
	if w == nil || !w.Away() || w.Status.Final() || w.Handover.Cell != child || w.HandoverID(id.Cell) != id {
		return out
	}
	spec := *w.Spec
	if spec.Deadline > 0 {
		spec.Deadline = max(spec.Deadline-now.Sub(w.Submitted), api.Second)
	}
	out.Asked, out.Workload = w.Handover.Asked, &spec
	return out
}
