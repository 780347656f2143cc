package engine

import (
	"slices"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// booking is what the index knows of room that is being freed for an element.
type booking struct {
	ref     api.TaskRef
	ask     *sched.Ask
	node    string
	devices []api.DeviceShare
}

// displace makes room for an element that fits nowhere by stopping elements of lower
// priority. The room is booked, so that nobody else takes it while they go.
func (e *Engine) displace(it *sched.Item) bool {
	room, ok := e.index.MakeRoom(it.Ref, it.Ask)
	if !ok {
		return false
	}
	w, t := e.st.Task(it.Ref)
	why := clip("displaced by " + w.NameOf(t) + " of priority " + strconv.Itoa(int(w.Spec.Priority)))
	e.emit(&state.TaskBooked{Ref: it.Ref, Node: room.Node, Devices: room.Devices, Victims: room.Victims})
	for _, ref := range room.Victims {
		e.emit(&state.TaskStop{Ref: ref, For: state.StopMove, Reason: why})
	}
	return true
}

// leaving says what stopping an element would cost, and whether it may be stopped: not
// when it is leaving anyway.
func (e *Engine) leaving(ref api.TaskRef) (lost api.Duration, ok bool) {
	w, t := e.st.Task(ref)
	if t == nil || t.Stop != state.StopNothing || w.Stopping {
		return 0, false
	}
	if t.Status == api.TaskRunning {
		lost = e.st.Now.Sub(t.Started)
	}
	return lost, true
}

// displaces and yields say how an element takes part in preemption. Only jobs yield,
// and of them not gangs, which run whole or not at all, nor what must not begin twice.
func displaces(w *state.Workload) bool { return w.Spec.Preemption != api.PreemptNever }

func yields(w *state.Workload, task *api.Task) bool {
	return displaces(w) && w.Spec.Kind == api.KindJob && !w.Spec.Gang && !task.AtMostOnce
}

// book lets the index know of the booking of an element, which then does not wait in
// the queue.
func (e *Engine) book(w *state.Workload, t *state.Task) {
	e.remove(t.Ref)
	b := booking{t.Ref, e.askFor(w, t), t.Booking.Node, t.Booking.Devices}
	at, _ := e.booked(t.Ref)
	e.bookings = slices.Insert(e.bookings, at, b)
	e.index.Book(b.node, b.ref, b.ask, b.devices)
}

func (e *Engine) unbook(ref api.TaskRef) {
	if len(e.bookings) == 0 {
		return
	}
	if at, known := e.booked(ref); known {
		b := e.bookings[at]
		e.bookings = slices.Delete(e.bookings, at, at+1)
		e.index.Unbook(b.node, b.ref, b.ask, b.devices)
	}
}

func (e *Engine) booked(ref api.TaskRef) (int, bool) {
	return slices.BinarySearchFunc(e.bookings, ref, func(b booking, ref api.TaskRef) int { return state.CompareRefs(b.ref, ref) })
}

// occupy gives elements the room that was booked for them, once it is free. Where the
// node cannot take one any more, it waits like others again.
func (e *Engine) occupy() {
	for _, b := range slices.Clone(e.bookings) {
		if e.full() || e.err != nil {
			return
		}
		vacant, gone := e.index.Vacant(b.node, b.ask)
		switch gone = gone || !vacant && !e.emptying(b.node); {
		case gone:
			e.emit(&state.TaskUnbooked{Ref: b.ref})
		case vacant:
			e.moveIn(&b)
		}
	}
}

// emptying reports whether elements that were displaced on a node are still there.
func (e *Engine) emptying(node string) bool {
	return slices.ContainsFunc(e.bookings, func(b booking) bool {
		_, t := e.st.Task(b.ref)
		return b.node == node && slices.ContainsFunc(t.Booking.Victims, func(ref api.TaskRef) bool {
			_, v := e.st.Task(ref)
			return v != nil && v.Node == node && v.Status.Holds() && v.Stop != state.StopNothing
		})
	})
}

func (e *Engine) moveIn(b *booking) {
	e.index.Unbook(b.node, b.ref, b.ask, b.devices)
	e.prepare(b.ref, b.ask)
	d, devices := e.index.DecideOn(b.ref, b.ask, e.st.Now, b.node)
	e.index.Book(b.node, b.ref, b.ask, b.devices) // until the event says otherwise
	if d.Chosen == nil || !e.affords(b.ask, b.node) {
		e.emit(&state.TaskUnbooked{Ref: b.ref})
		return
	}
	e.bind(b.ref, &d, devices)
}

// awaited explains an element for which room is being freed.
func awaited(t *state.Task, now api.Time, nodes int) *api.Decision {
	why := "room is being freed on node " + t.Booking.Node + ", where it displaces " + strconv.Itoa(len(t.Booking.Victims)) + " of lower priority"
	return &api.Decision{Nodes: int32(nodes), At: now, Reasons: []api.ReasonCount{{Reason: why, Nodes: 1}}}
}
