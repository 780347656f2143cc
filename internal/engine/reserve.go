package engine

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// occupies is how long an element is expected to take room on a reference node: 0
// for those that run until they are stopped. What was learnt from earlier runs
// counts with its upper end, so that whoever overtakes is gone in nine of ten
// cases; a user's own guess counts as it is.
func occupies(w *state.Workload, task uint16) api.Duration {
	if w.Spec.Kind != api.KindJob || int(task) >= len(w.Profiles) {
		return 0
	}
	p := &w.Profiles[task]
	if p.Samples > 0 {
		return sched.Span(p.RunHigh)
	}
	return sched.Span(p.Run)
}

// selfOf is whose promise an element may use: its own, or that of its gang.
func selfOf(ref api.TaskRef, ask *sched.Ask) api.TaskRef {
	if ask.Gang > 1 {
		ref.Index = 0
	}
	return ref
}

// await tells the index when a placed element is expected to end.
func (e *Engine) await(w *state.Workload, t *state.Task, en *entry) {
	if e.index.Depth() == 0 {
		return
	}
	e.index.Await(t.Node, t.Ref, en.ask, t.Devices, t.Placed, endOf(w, t))
}

// endOf is when a placed element is expected to end; 0 is never.
func endOf(w *state.Workload, t *state.Task) api.Time {
	if w.Spec.Kind != api.KindJob || t.Decision == nil {
		return 0
	}
	return t.Placed.Add(t.Decision.Transfer + t.Decision.Run)
}

// endings lists who holds room on a node, and until when.
func (e *Engine) endings(node string) (out []sched.Ending) {
	n := e.st.Nodes[node]
	if n == nil {
		return nil
	}
	for _, t := range n.SortedHeld() {
		w := e.st.Workloads[t.Ref.Workload]
		out = append(out, sched.Ending{Ref: t.Ref, Task: w.SpecOf(t), Devices: t.Devices, From: t.Placed, Until: endOf(w, t)})
	}
	return out
}

// nameOf is what people call an element.
func (e *Engine) nameOf(ref api.TaskRef) string {
	if w, t := e.st.Task(ref); t != nil {
		return w.NameOf(t)
	}
	return "a task that has gone"
}

// regroup takes every element into the index anew: whether promises are kept
// decides which tasks wait together, and whether ends are awaited.
func (e *Engine) regroup() {
	e.lastAsk = cachedAsk{}
	e.index.ForgetAwaited()
	for _, id := range e.st.SortedWorkloads() {
		w := e.st.Workloads[id]
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				switch en := e.entries[t.Ref]; {
				case en == nil:
				case en.node == "":
					e.remove(t.Ref)
					e.sync(w, t)
				default:
					e.await(w, t, en)
				}
			}
		}
	}
}

// reserve takes a reservation into the index.
func (e *Engine) reserve(r *api.Reservation) {
	if r.Task == nil {
		return
	}
	w, t := e.st.Task(*r.Task)
	if t == nil {
		return
	}
	e.index.Reserve(*r, e.ask(w, t))
	e.timers.add(timer{at: r.From, kind: timerPromised, ref: *r.Task})
}

// sooner is how often a promise is planned anew to see whether it can be kept
// earlier: after each so many parts of the time until then.
const sooner = 4

// reconsider looks at the promises before anybody is placed. Those are taken back
// whose owner waits no more, and those that cannot be kept, with all that stand
// behind them in the queue: they are planned again in its order. Others are
// planned again now and then, and kept earlier if that can be.
func (e *Engine) reconsider() {
	if len(e.st.Reservations) == 0 {
		return
	}
	broken := false
	for i, r := range e.index.Promises() {
		switch {
		case i >= e.index.Depth() || !e.index.Waits(*r.Task) || broken:
			e.emit(&state.ReservationEnded{ID: r.ID})
		case !e.index.Stands(r.ID, e.st.Now):
			broken = true
			e.emit(&state.ReservationEnded{ID: r.ID})
		case e.st.Now.Sub(r.Made) >= max(r.From.Sub(r.Made)/sooner, api.Second):
			e.advance(&r)
		}
	}
}

// advance plans a promise again, and keeps the earlier one of both.
func (e *Engine) advance(r *api.Reservation) {
	it, _ := e.index.Item(*r.Task)
	next, ok := e.index.Promise(&it, e.st.Now)
	if !ok || next.From >= r.From {
		next = *r
		next.Made = e.st.Now
	}
	e.grant(it.Ref, r.ID, next)
}

// promise reserves room for those who wait, before anybody behind them is placed.
func (e *Engine) promise() {
	for !e.full() && e.err == nil {
		it, ok := e.index.Overtaken()
		if !ok {
			return
		}
		if r, ok := e.index.Promise(&it, e.st.Now); ok {
			e.grant(it.Ref, e.nextReservation(), r)
		} else {
			e.index.Futile(it.Ask.Shape)
		}
	}
}

// grant promises a task the room that was planned for it. Those before it which ask
// for the same get the earlier of both promises, and leave it theirs.
func (e *Engine) grant(ref api.TaskRef, id uint64, slot api.Reservation) {
	for _, r := range e.index.PromisedBefore(ref) {
		if slot.From < r.From {
			e.emit(&state.ReservationMade{Reservation: e.owned(slot, *r.Task, r.ID)})
			slot = r
			slot.Made = e.st.Now
		}
	}
	e.emit(&state.ReservationMade{Reservation: e.owned(slot, ref, id)})
}

// owned is what was planned, in the name of a task.
func (e *Engine) owned(slot api.Reservation, ref api.TaskRef, id uint64) api.Reservation {
	w, t := e.st.Task(ref)
	slot.ID, slot.Task, slot.Owner = id, &ref, w.NameOf(t)
	if w.InGang(t) {
		slot.Owner = w.Spec.Name
	}
	return slot
}

// nextReservation is a number that no reservation has.
func (e *Engine) nextReservation() uint64 {
	most := uint64(0)
	for id := range e.st.Reservations { // order-free: the largest
		most = max(most, id)
	}
	return most + 1
}

// goesBefore takes back what was promised to those behind a task that was refused
// and has no promise itself, once in a Step: then it is tried again. It reports
// whether there was anything. Who has no prospect himself leaves others theirs.
func (e *Engine) goesBefore(it *sched.Item) bool {
	if e.index.Depth() == 0 || e.gone[it.Ref] {
		return false
	}
	if mine := e.index.Promised(it.Ref); mine != nil {
		return e.inherit(mine)
	}
	ids := e.index.Behind(it.Ref)
	if len(ids) == 0 {
		return false
	}
	if _, ok := e.index.Promise(it, e.st.Now); !ok {
		return false
	}
	for _, id := range ids {
		e.emit(&state.ReservationEnded{ID: id})
	}
	e.gone[it.Ref] = true
	return true
}

// inherit gives a waiting task the room that was promised to one behind it which
// asks for the same and could begin now, and that one the earlier promise. It
// reports whether there is such a one.
func (e *Engine) inherit(mine *api.Reservation) bool {
	heir, ok := e.index.Heir(*mine.Task, e.st.Now)
	if !ok {
		return false
	}
	first, second := *mine, *e.index.Promised(heir)
	e.gone[*mine.Task] = true
	e.emit(&state.ReservationMade{Reservation: e.owned(second, *first.Task, first.ID)})
	e.emit(&state.ReservationMade{Reservation: e.owned(first, heir, second.ID)})
	return true
}

// checkReservations verifies that whoever was promised room waits for it.
func checkReservations(st *state.State) error {
	for _, r := range st.Reservations { // order-free: any violation will do
		if r.Task == nil {
			continue
		}
		if _, t := st.Task(*r.Task); t == nil || t.Status != api.TaskPending {
			return fmt.Errorf("reservation %d: %s is promised room, but does not wait for it", r.ID, r.Owner)
		}
	}
	return nil
}

func reservationSize(r *api.Reservation) int {
	n := 4*smallSize + len(r.Node) + len(r.Owner)
	for i := range r.Resources.Accelerators {
		n += acceleratorSize(&r.Resources.Accelerators[i])
	}
	for i := range r.Places {
		n += headSize + numberSize + len(r.Places[i].Node)
	}
	return n
}
