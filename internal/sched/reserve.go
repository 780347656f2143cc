package sched

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"drover.dev/api"
)

// Backfilling: a task that waits is promised room at the time when the tasks that
// run are expected to have left enough of it, and whoever comes behind may overtake
// it only where that does not delay it: because it is expected to end before, or
// because there is room for both. (Lifka, 1995, "The ANL/IBM SP Scheduling System";
// Mu'alem and Feitelson, 2001, "Utilization, Predictability, Workloads, and User
// Runtime Estimates in Scheduling the IBM SP2 with Backfilling".)

// endless is when a task ends that runs until it is stopped.
const endless = api.Time(math.MaxInt64)

// held is a task on a node, and when it is expected to end.
type held struct {
	ref         api.TaskRef
	task        *api.Task
	devices     []api.DeviceShare
	from, until api.Time
}

// ends is when it is expected to end, as far as can be said at now: an expectation
// that has passed is doubled until it lies ahead (Tsafrir, Etsion and Feitelson,
// 2007, "Backfilling Using System-Generated Predictions Rather Than User Runtime
// Estimates", correct predictions that prove too low, too).
func (h *held) ends(now api.Time) api.Time {
	if h.until > now {
		return h.until
	}
	run := max(h.until.Sub(h.from), api.Second)
	for h.from.Add(run) <= now {
		run *= 2
	}
	return h.from.Add(run)
}

// promise is a reservation with what its owner asks for.
type promise struct {
	api.Reservation
	ask *Ask
}

// Vacated reports whether a promise was taken back, so that those may have room now who
// wait for one.
func (x *Index) Vacated() bool { return len(x.dirty) > 0 && x.Depth() > 0 }

// Depth is for how many waiting tasks the cell's strategy keeps promises: 0 is
// none, then nothing of this file happens.
func (x *Index) Depth() int { return x.plans[x.cell].depth }

// depthOf translates a strategy's word.
func depthOf(backfill string) int {
	switch backfill {
	case api.BackfillEasy:
		return 1
	case api.BackfillConservative:
		return api.MaxReservations
	}
	return 0
}

// Span rounds a predicted run up to three significant bits, by at most an eighth:
// tasks of nearly equal length wait together. Below a second all are equal.
func Span(d api.Duration) api.Duration {
	d = min(max(d, api.Second), maxEstimate)
	drop := max(bits.Len64(uint64(d))-4, 0)
	return (d + 1<<drop - 1) >> drop << drop
}

// Await notes when a task that holds room on a node is expected to end; an until
// of 0 is never. Release forgets it.
func (x *Index) Await(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare, from, until api.Time) {
	e := x.byName[name]
	if e == nil {
		return
	}
	if until == 0 {
		until = endless
	}
	e.forget(ref)
	e.await(held{ref, a.Task, devices, from, until})
}

func (e *node) await(h held) {
	at, _ := e.awaited(h.ref)
	e.held = slices.Insert(e.held, at, h)
}

func (e *node) awaited(ref api.TaskRef) (int, bool) {
	return slices.BinarySearchFunc(e.held, ref, func(h held, ref api.TaskRef) int { return compareRefs(h.ref, ref) })
}

func (e *node) forget(ref api.TaskRef) {
	if at, known := e.awaited(ref); known {
		e.held = slices.Delete(e.held, at, at+1)
	}
}

// ForgetAwaited forgets all that Await noted.
func (x *Index) ForgetAwaited() {
	for _, e := range x.nodes {
		e.held = nil
	}
}

// Reserve takes a reservation into account, in place of the one with the same ID.
// ask is what each element of its owner asks for.
func (x *Index) Reserve(r api.Reservation, ask *Ask) {
	x.Unreserve(r.ID)
	if r.Task == nil {
		return
	}
	p := &promise{r, ask}
	x.promises[r.ID], x.promised[*r.Task] = p, r.ID
	for _, at := range r.Places {
		if e := x.byName[at.Node]; e != nil {
			e.claim(p, int(at.Count))
		}
	}
}

// claim notes that so many elements of a promise's owner have room on a node.
func (e *node) claim(p *promise, count int) {
	i, _ := slices.BinarySearchFunc(e.claims, p.ID, func(c claim, id uint64) int { return cmp.Compare(c.ID, id) })
	e.claims = slices.Insert(slices.Clone(e.claims), i, claim{p, count})
}

// claimAgain notes what is promised on a node that was removed and has come again
// before its promises were looked at.
func (x *Index) claimAgain(e *node) {
	for _, p := range x.promises { // order-free: claims are kept by number
		for _, at := range p.Places {
			if at.Node == e.Name {
				e.claim(p, int(at.Count))
			}
		}
	}
}

// Unreserve forgets a reservation. Others may have gained room by it.
func (x *Index) Unreserve(id uint64) {
	p := x.promises[id]
	if p == nil {
		return
	}
	x.settled = false
	delete(x.promises, id)
	if x.promised[*p.Task] == id {
		delete(x.promised, *p.Task)
	}
	for _, at := range p.Places {
		if e := x.byName[at.Node]; e != nil {
			e.claims = slices.DeleteFunc(slices.Clone(e.claims), func(c claim) bool { return c.ID == id })
			x.room(e)
		}
	}
}

// Promised returns the reservation of a waiting task; nil when it has none.
func (x *Index) Promised(ref api.TaskRef) *api.Reservation {
	if p := x.promises[x.promised[ref]]; p != nil {
		return &p.Reservation
	}
	return nil
}

// Promises returns the reservations in the order of the queue; those whose owners
// do not wait any more come first.
func (x *Index) Promises() (out []api.Reservation) {
	for _, p := range x.promises { // order-free: sorted below
		out = append(out, p.Reservation)
	}
	slices.SortFunc(out, func(a, b api.Reservation) int {
		p, q := x.queue.item(*a.Task), x.queue.item(*b.Task)
		switch {
		case p == nil || q == nil:
			return cmp.Or(cmp.Compare(b2i(p != nil), b2i(q != nil)), cmp.Compare(a.ID, b.ID))
		case before(&p.rank, &q.rank):
			return -1
		}
		return 1
	})
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Waits reports whether a task, or the gang that it is the first of, is in the
// queue.
func (x *Index) Waits(ref api.TaskRef) bool { return x.queue.item(ref) != nil }

// Item returns an entry of the queue.
func (x *Index) Item(ref api.TaskRef) (Item, bool) {
	n, known := x.queue.items[ref]
	if !known {
		return Item{}, false
	}
	return x.queue.slab.whole(n), true
}

// Overtaken returns the first entry of the queue which waits without a promise that
// it should have, before anybody behind it is looked at; false when there is none.
func (x *Index) Overtaken() (Item, bool) {
	if len(x.promises) >= x.Depth() || len(x.queue.blocked) == 0 || x.futile >= maxFutile || x.settled {
		return Item{}, false
	}
	first := int32(-1)
	for i := range x.queue.blocked {
		s := x.queue.blocked[i].shape
		if s.futile == x.steps || x.nowhere(s) {
			continue
		}
		if it := s.unpromised(x.promised); it >= 0 && (first < 0 || x.ahead(it, first)) {
			first = it
		}
	}
	if first < 0 {
		x.settled = true
		return Item{}, false
	}
	if l := x.nextLane(); l != nil && !x.order().fair && before(l.ready[0].rank(), &x.queue.slab.item(first).rank) {
		return Item{}, false
	}
	return x.queue.slab.whole(first), true
}

// nowhere reports whether no node would take a shape even if it were empty.
func (x *Index) nowhere(s *shape) bool {
	if s.looked != x.stale {
		s.looked, s.none = x.stale, x.passing(s.ask).n == 0
	}
	return s.none
}

// ahead reports whether one entry comes before another one: under fair share by
// whose turn it is.
func (x *Index) ahead(m, n int32) bool {
	q := &x.queue.slab
	a, b := q.owner(m).ask, q.owner(n).ask
	if !x.order().fair || a.Tenant == b.Tenant {
		return before(&q.item(m).rank, &q.item(n).rank)
	}
	aBorrows, aShare := x.turnOf(a.Tenant, a)
	bBorrows, bShare := x.turnOf(b.Tenant, b)
	switch {
	case aBorrows != bBorrows:
		return bBorrows
	case aShare != bShare:
		return aShare < bShare
	}
	return before(&q.item(m).rank, &q.item(n).rank)
}

// unpromised is the number of the first entry of a shape that has no promise; negative
// when all have. It walks the heap from its top, no further than promises go.
func (s *shape) unpromised(promised map[api.TaskRef]uint64) int32 {
	frontier := []int{0}
	for len(frontier) > 0 {
		best := 0
		for i, at := range frontier {
			if s.items.less(at, frontier[best]) {
				best = i
			}
		}
		at := frontier[best]
		if _, known := promised[s.items.at(at).ref]; !known {
			return s.items.list[at]
		}
		frontier = slices.Delete(frontier, best, best+1)
		for c := 2*at + 1; c <= 2*at+2 && c < len(s.items.list); c++ {
			frontier = append(frontier, c)
		}
	}
	return -1
}

// PromisedBefore returns the reservations of those before a waiting task that ask
// for the same, in their order.
func (x *Index) PromisedBefore(ref api.TaskRef) (out []api.Reservation) {
	e := x.queue.item(ref)
	if e == nil {
		return nil
	}
	for _, r := range x.Promises() {
		if o := x.queue.item(*r.Task); o != nil && x.queue.shapeOf(o) == x.queue.shapeOf(e) && before(&o.rank, &e.rank) {
			out = append(out, r)
		}
	}
	return out
}

// Heir returns an entry behind a waiting one that could begin now where it is
// promised room. Both ask for the same: the one in front may take that room, and
// leave its own promise in return. False when there is none, or nothing to give.
func (x *Index) Heir(ref api.TaskRef, now api.Time) (api.TaskRef, bool) {
	e := x.queue.item(ref)
	if e == nil || x.Promised(ref) == nil {
		return api.TaskRef{}, false
	}
	s := x.queue.shapeOf(e)
	a := *s.ask
	a.Now = now
	for _, r := range x.Promises() {
		o := x.queue.item(*r.Task)
		if o == nil || x.queue.shapeOf(o) != s || o == e {
			continue
		}
		if a.Self = o.ref; x.fitting(&a) > 0 {
			return o.ref, true
		}
	}
	return api.TaskRef{}, false
}

// countPromised counts how many entries of each shape have promises.
func (x *Index) countPromised() {
	for _, p := range x.promises { // order-free: all alike
		if o := x.queue.item(*p.Task); o != nil {
			x.queue.shapeOf(o).promised = 0
		}
	}
	for _, p := range x.promises { // order-free: sums
		if o := x.queue.item(*p.Task); o != nil {
			x.queue.shapeOf(o).promised++
		}
	}
}

// inherits reports whether the first entry of a shape has an heir.
func (x *Index) inherits(s *shape) bool {
	if s.promised < 2 {
		return false
	}
	_, ok := x.Heir(s.rank().ref, x.now)
	return ok
}

// Futile notes that no time is known at which tasks of a shape could begin. They are
// passed over until the next Step.
func (x *Index) Futile(shape string) {
	x.futile++
	if s := x.queue.shapes[shape]; s != nil {
		s.futile = x.steps
	}
}

// maxFutile is after how many shapes for which nothing can be planned a Step looks
// for no more.
const maxFutile = 16

// Behind returns the reservations of those who come behind a waiting task. Under
// fair share nobody is behind for long: there it returns none.
func (x *Index) Behind(ref api.TaskRef) (ids []uint64) {
	e := x.queue.item(ref)
	if e == nil || x.order().fair {
		return nil
	}
	for _, r := range x.Promises() {
		if o := x.queue.item(*r.Task); o != nil && before(&e.rank, &o.rank) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Stands reports whether a reservation can still be kept, as far as can be said
// now.
func (x *Index) Stands(id uint64, now api.Time) bool {
	p := x.promises[id]
	if p == nil || p.From < now {
		return false
	}
	for _, at := range p.Places {
		e := x.byName[at.Node]
		if e == nil || !e.open || x.astray(p.ask.Task) != "" || !suits(e, p.ask) {
			return false
		}
		list := e.stays(api.TaskRef{}, now)
		e.unfold(list, now)
		if slices.ContainsFunc(list, func(v stay) bool { return v.short && v.claim.promise == p }) {
			return false
		}
	}
	return true
}
