package engine

import (
	"cmp"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// abroad shows how a child reports a workload, in place of what this cell knows.
func abroad(w *state.Workload, out *api.WorkloadView) {
	if h := w.Handover; w.Away() && !w.Status.Final() && h.N != 0 {
		out.Counts = h.Counts
		out.Reason = cmp.Or(out.Reason, h.Reason)
	}
}

// statusAway is how a workload stands that a child may own.
func statusAway(w *state.Workload) api.WorkloadStatus {
	if h := w.Handover; h.N != 0 && !h.Status.Final() {
		return h.Status
	}
	return w.Status
}

// handoverOf shows where a workload was handed over to, or why it is not; nil
// when it has nothing to do with children.
func (e *Engine) handoverOf(w *state.Workload) *api.HandoverView {
	h := w.Handover
	if h == nil || h.Stand == state.Refused && !w.Status.Final() {
		if v := e.waitsForCell(w); v != nil {
			return v
		}
	}
	if h == nil {
		return nil
	}
	v := &api.HandoverView{Cell: h.Cell, Stand: h.Stand.String(), Since: h.Since, ID: w.HandoverID("").String()[1:]}
	switch c := e.st.Cells[h.Cell]; {
	case h.Stand == state.Refused:
		v.Reason = h.Reason
	case c != nil:
		v.Silent = c.Silent
	}
	return v
}

// waitsForCell says that a workload is for a child that is not heard of.
func (e *Engine) waitsForCell(w *state.Workload) *api.HandoverView {
	if len(e.st.Cells) == 0 || !e.mayGo(w) || atHome(places(e.st), w.Spec) {
		return nil
	}
	for _, name := range e.st.SortedCells() {
		if c := e.st.Cells[name]; c.Silent && serves(c, w.Spec) {
			return &api.HandoverView{
				Cell: name, Stand: api.HandoverWaiting, Since: c.SilentAt, Silent: true,
				Reason: "nothing is heard of the cell: it is offered when the cell is back",
			}
		}
	}
	return nil
}

// originOf shows which parent a workload came from; nil when from none.
func originOf(w *state.Workload) *api.HandoverView {
	if w.Origin == nil {
		return nil
	}
	return &api.HandoverView{
		Cell: w.Origin.ID.Cell, Stand: api.HandoverAccepted, ID: w.Origin.ID.String(), Since: w.Submitted,
	}
}

// ViewCell shows a child.
func ViewCell(c *state.Cell) api.CellView {
	v := api.CellView{Cell: c.Cell, Status: "ready", Registered: c.Registered}
	if c.Silent {
		v.Status = "silent"
	}
	for _, w := range c.Held { // order-free: counts
		if w.Handover.Stand == state.Offered {
			v.Offered++
		} else {
			v.Accepted++
		}
	}
	return v
}
