package engine

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// retryRefused is after how long a workload is offered again to a child that has
// refused it: a name may be free by then, a node may have come.
const retryRefused = api.Minute

// place is where nodes stand, as requirements name it.
type place struct {
	site  string
	layer api.Layer
}

func (p place) meets(t *api.Task) bool {
	q := &t.Requires
	return (len(q.Sites) == 0 || slices.Contains(q.Sites, p.site)) && (len(q.Layers) == 0 || slices.Contains(q.Layers, p.layer)) &&
		t.Residency.Allows(p.site)
}

// goesAbroad reports whether every task of a workload says by site or layer where
// it must run, so that it may belong to a child. Schedules stay with their cell;
// their runs may go.
func goesAbroad(w *api.Workload) bool {
	if w.Kind == api.KindSystem || w.Schedule != nil {
		return false
	}
	return !slices.ContainsFunc(w.Tasks, func(t api.Task) bool {
		return len(t.Requires.Sites)+len(t.Requires.Layers) == 0 && t.Residency == nil
	})
}

// serves reports whether a child has nodes where each task must run. Data with a
// residency may be at each of its sites: where it keeps them is its own business.
func serves(c *state.Cell, w *api.Workload) bool {
	for i := range w.Tasks {
		t := &w.Tasks[i]
		if t.HoldsData() && slices.ContainsFunc(c.Sites, func(site string) bool { return !t.Residency.Allows(site) }) {
			return false
		}
		if !slices.ContainsFunc(c.Sites, func(site string) bool {
			return slices.ContainsFunc(c.Layers, func(l api.Layer) bool { return place{site, l}.meets(t) })
		}) {
			return false
		}
	}
	return true
}

// places lists where this cell's own nodes stand.
func places(st *state.State) map[place]bool {
	out := map[place]bool{}
	for _, n := range st.Nodes { // order-free: a set
		out[place{n.Site, n.Layer}] = true
	}
	return out
}

// atHome reports whether a node of this cell stands where one of the tasks must
// run: then the workload is this cell's own business, also while it is full.
func atHome(own map[place]bool, w *api.Workload) bool {
	for p := range own { // order-free: whether there is any
		if slices.ContainsFunc(w.Tasks, func(t api.Task) bool { return p.meets(&t) }) {
			return true
		}
	}
	return false
}

// handOver offers a workload to a child, if it is for one.
func (e *Engine) handOver(w *state.Workload) bool {
	if len(e.st.Cells) == 0 || !e.mayGo(w) {
		return false
	}
	if e.places == nil {
		e.places = places(e.st)
	}
	if atHome(e.places, w.Spec) {
		return false
	}
	c := e.chooseCell(w)
	if c == nil {
		return false
	}
	attempt := uint32(1)
	if w.Handover != nil {
		attempt = w.Handover.Attempt + 1
	}
	e.emit(&state.HandoverOffered{ID: w.ID, Cell: c.Name, Attempt: attempt})
	return true
}

// mayGo reports whether a workload can be handed over at all: as a whole, before
// anything of it was placed here, and while nothing of it is to stand still, of which
// the other cell would not know.
func (e *Engine) mayGo(w *state.Workload) bool {
	return goesAbroad(w.Spec) && w.Untouched() && !w.Away() && !w.Suspends() && !e.strands(w.Spec)
}

// strands reports whether data of a workload may not be where this cell keeps what it
// hands over.
func (e *Engine) strands(w *api.Workload) bool {
	return slices.ContainsFunc(w.Tasks, func(t api.Task) bool {
		return t.Residency != nil && t.HoldsData() && !t.Residency.Allows(e.st.Settings.Home)
	})
}

// chooseCell picks the child that serves the workload, is heard of, has not
// refused it lately, and holds the least; the first by name among equals.
func (e *Engine) chooseCell(w *state.Workload) (best *state.Cell) {
	for _, name := range e.st.SortedCells() {
		c := e.st.Cells[name]
		if !c.Silent && serves(c, w.Spec) && !e.refusedLately(w, c) && (best == nil || len(c.Held) < len(best.Held)) {
			best = c
		}
	}
	return best
}

func (e *Engine) refusedLately(w *state.Workload, c *state.Cell) bool {
	return w.Handover != nil && slices.ContainsFunc(w.Handover.Refusals, func(r state.CellRefusal) bool {
		return r.Cell == c.Name && r.At.Add(retryRefused) > e.st.Now
	})
}

// reconcileAway ends a workload that a child owns once everything of it is known.
func (e *Engine) reconcileAway(w *state.Workload) {
	h := w.Handover
	if h.Stand != state.Accepted || !h.Status.Final() {
		return
	}
	for gi := range w.Groups {
		if w.Groups[gi].Open > 0 {
			return
		}
	}
	status, reason := h.Status, h.Reason
	if w.Stopping && status == api.WorkloadCancelled {
		status, reason = w.Final, w.Reason
	}
	e.emit(&state.WorkloadFinished{ID: w.ID, Status: status, Reason: reason})
}

// registerCell adds a child or takes its new attributes.
func (e *Engine) registerCell(cell *api.Cell) state.Answer {
	old := e.st.Cells[cell.Name]
	switch {
	case len(cell.Validate()) > 0:
		return refuse(state.CodeInvalid, "cell %.63q is refused: %s", cell.Name, cell.Validate()[0].Message)
	case old == nil && len(e.st.Cells) >= state.MaxCells:
		return refuse(state.CodeInvalid, "cell %s is refused: there are %d already", cell.Name, state.MaxCells)
	case old != nil && !old.Silent && same(old.Cell, *cell):
		return state.Answer{}
	}
	e.emit(&state.CellRegistered{Cell: *cell})
	return state.Answer{}
}

func (e *Engine) cellSilent(name string) {
	if c := e.st.Cells[name]; c != nil && !c.Silent {
		e.emit(&state.CellSilent{Cell: name})
	}
}

func (e *Engine) cellBack(name string) {
	if c := e.st.Cells[name]; c != nil && c.Silent {
		e.emit(&state.CellBack{Cell: name})
	}
}

// removeCell forgets a child that an operator says is gone for good. What it owns
// may still run there: it is never run again here.
func (e *Engine) removeCell(in *RemoveCell, key string) state.Answer {
	c := e.st.Cells[in.Cell]
	switch {
	case c == nil:
		return refuse(state.CodeNotFound, "there is no cell %s", in.Cell)
	case !c.Silent:
		return refuse(state.CodeConflict, "cell %s is in service; stop it first", in.Cell)
	}
	for _, id := range c.SortedHeld() {
		if !e.fits(smallSize + maxText) {
			return refuse(state.CodeBusy, "cell %s holds more than one batch ends; try again", in.Cell)
		}
		e.emit(&state.HandoverLost{ID: id, Attempt: e.st.Workloads[id].Handover.Attempt, Reason: "its cell " + in.Cell + " was removed"})
	}
	e.emit(&state.CellRemoved{Cell: in.Cell, Key: key})
	return state.Answer{Action: "removed"}
}

// handover folds one report of a child in. A child can speak only about what was
// offered to it, and about the present offer.
func (e *Engine) handover(cell string, r *api.HandoverReport) {
	w := e.st.Workloads[r.ID.Workload]
	if w == nil || !w.Away() || w.Status.Final() {
		return
	}
	h := w.Handover
	if h.Cell != cell || h.Attempt != r.ID.Attempt || h.At != r.ID.At || r.Status > api.WorkloadCancelled {
		return
	}
	if r.Refused {
		if h.Stand == state.Offered {
			e.emit(&state.HandoverRefused{ID: w.ID, Attempt: h.Attempt, Reason: clip(r.Reason)})
		}
		return
	}
	if h.Stand == state.Offered {
		e.emit(&state.HandoverAccepted{ID: w.ID, Attempt: h.Attempt})
	}
	ev := e.standing(w, r)
	if len(ev.Elements) == 0 && (r.N <= h.N || sameStanding(h, ev)) {
		return
	}
	e.emit(ev)
}

// standing makes the event of a report: bounded, and only what the job has.
func (e *Engine) standing(w *state.Workload, r *api.HandoverReport) *state.HandoverReported {
	ev := &state.HandoverReported{
		ID: w.ID, Attempt: r.ID.Attempt, N: r.N, Status: r.Status, Reason: clip(r.Reason), Revision: r.Revision,
		Asked: r.Asked, Healthy: max(r.Healthy, 0), Counts: r.Counts,
	}
	c := &ev.Counts
	for _, n := range [...]*int32{&c.Waiting, &c.Pending, &c.Placed, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelled} {
		*n = min(max(*n, 0), api.MaxArray)
	}
	if w.Spec.Kind != api.KindJob {
		return ev // a child numbers its replicas itself
	}
	for _, el := range r.Elements {
		if news(w, &el) {
			el.Node, el.Reason = clipTo(el.Node, maxName), clip(el.Reason)
			if el.Result != nil {
				el.Result = trim(&w.Spec.Tasks[el.Task], el.Result)
			}
			ev.Elements = append(ev.Elements, el)
		}
	}
	return ev
}

// news reports whether elements are the job's, have ended, and at least one was
// not known to have.
func news(w *state.Workload, el *api.HandoverElement) bool {
	if int(el.Task) >= len(w.Groups) || el.From >= el.To || !el.Status.Final() || el.Result != nil && el.To != el.From+1 {
		return false
	}
	tasks := w.Groups[el.Task].Tasks
	return int64(el.To) <= int64(len(tasks)) &&
		slices.ContainsFunc(tasks[el.From:el.To], func(t *state.Task) bool { return !t.Status.Final() })
}

func sameStanding(h *state.Handover, ev *state.HandoverReported) bool {
	return h.N != 0 && h.Status == ev.Status && h.Reason == ev.Reason && h.Revision == ev.Revision && h.Taken == ev.Asked &&
		h.Healthy == ev.Healthy && h.Counts == ev.Counts
}

// noteAbroad remembers a workload that may be for a child: it is looked at again
// when children or the places of this cell's nodes change.
func (e *Engine) noteAbroad(w *state.Workload) bool {
	if e.follower || !e.mayGo(w) {
		return false
	}
	e.abroad = insertSorted(e.abroad, w.ID)
	return true
}

// touchAbroad has those looked at that may still go.
func (e *Engine) touchAbroad() {
	e.abroad = slices.DeleteFunc(e.abroad, func(id uint64) bool {
		w := e.st.Workloads[id]
		return w == nil || !e.mayGo(w)
	})
	e.dirty.addAll(e.abroad)
}

// placesChanged sees to a node that came or went.
func (e *Engine) placesChanged() {
	e.places = nil
	if len(e.st.Cells) > 0 && !e.follower {
		e.touchAbroad()
	}
}

// reindexCell brings the indexes in step after an event of children and
// hand-overs; false: it is none.
func (e *Engine) reindexCell(ev state.Event) bool {
	switch v := ev.(type) {
	case *state.CellRegistered, *state.CellBack, *state.CellRemoved:
		if !e.follower {
			e.touchAbroad()
		}
	case *state.CellSilent, *state.HandoverDeclined:
	case *state.HandoverOffered:
		e.changedWorkload(v.ID)
	case *state.HandoverRefused:
		e.changedWorkload(v.ID)
	case *state.HandoverAccepted:
		e.touchWorkload(v.ID)
	case *state.HandoverReported:
		e.touchWorkload(v.ID)
	case *state.HandoverLost:
		e.touchWorkload(v.ID)
	case *state.HandoverSettled:
		e.retentionTimer()
	default:
		return false
	}
	return true
}

// offerTimers remind of when a workload may be offered again to those that have
// refused it.
func (e *Engine) offerTimers(w *state.Workload) {
	if w.Handover == nil || w.Away() {
		return
	}
	for _, r := range w.Handover.Refusals {
		e.timers.add(timer{at: r.At.Add(retryRefused), kind: timerOffer, ref: api.TaskRef{Workload: w.ID}})
	}
}
