package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// Preemption: a task that fits nowhere may have the place of tasks of lower priority
// of its own tenant. Each node is tried as it would be without them, so that room is
// never freed in vain; then as many as possible stay, the dearest first. As the
// priority of who displaces is strictly higher, nobody displaces back, and chains end.

// Leaving says of a placed task what would be lost by stopping it, the time for which
// it has run, and whether it may be stopped: one that is being stopped already may not.
type Leaving func(api.TaskRef) (lost api.Duration, ok bool)

// Consult tells the index whom to ask about placed tasks. Without it nobody is displaced.
func (x *Index) Consult(l Leaving) { x.leaving = l }

// Room is a place that a task may have once others have left it.
type Room struct {
	Node    string
	Devices []api.DeviceShare
	Victims []api.TaskRef
}

// tenure is a task on a node that may be displaced.
type tenure struct {
	ask     *Ask
	devices []api.DeviceShare
}

// yield is the tasks of one rank on a node who may be displaced.
type yield struct {
	rankOf
	holds   api.Resources // all of them together, accelerators apart
	devices api.Milli
	briefs  []brief // of each of them
	tenures []tenure
}

// brief is what a search looks at first of a tenure: they lie close together.
type brief struct {
	holds room
	ref   api.TaskRef
}

// settle keeps who may be displaced on a node, and how many a tenant has of a
// priority anywhere.
func (x *Index) settle(e *node, ref api.TaskRef, a *Ask, devices []api.DeviceShare, sign int32) {
	if !a.Yields {
		return
	}
	key := rankOf{a.Tenant, a.Priority}
	if x.yielding[key] += sign; x.yielding[key] == 0 {
		delete(x.yielding, key)
	}
	at, known := slices.BinarySearchFunc(e.yields, key, func(y yield, key rankOf) int { return y.compare(key) })
	switch {
	case sign < 0 && !known:
		return
	case !known:
		e.yields = slices.Insert(e.yields, at, yield{rankOf: key})
	}
	y := &e.yields[at]
	if sign > 0 {
		y.add(ref, tenure{a, devices})
	} else if y.drop(ref); len(y.tenures) == 0 && len(e.yields) > 1 { // the last rank keeps its lists for who comes next
		e.yields = slices.Delete(e.yields, at, at+1)
	}
}

func (y *yield) add(ref api.TaskRef, t tenure) {
	r := &t.ask.Task.Resources
	y.sum(&t, 1)
	y.tenures = append(y.tenures, t)
	y.briefs = append(y.briefs, brief{roomOf(r.CPU, r.Memory, shareOf(t.devices)), ref})
}

func (y *yield) drop(ref api.TaskRef) {
	i := slices.IndexFunc(y.briefs, func(b brief) bool { return b.ref == ref })
	if i < 0 {
		return
	}
	last := len(y.tenures) - 1
	y.sum(&y.tenures[i], -1)
	y.tenures[i], y.briefs[i] = y.tenures[last], y.briefs[last]
	y.tenures[last] = tenure{}
	y.tenures, y.briefs = y.tenures[:last], y.briefs[:last]
}

// sum keeps what all of them hold together.
func (y *yield) sum(t *tenure, sign int32) {
	lend(&y.holds, &t.ask.Task.Resources, sign)
	y.devices += shareOf(t.devices) * api.Milli(sign)
}

// shareOf is how much of accelerators some shares are together.
func shareOf(devices []api.DeviceShare) (sum api.Milli) {
	for i := range devices {
		sum += devices[i].Share
	}
	return sum
}

// lend adds a request to room, or (-1) takes it away, accelerators apart.
func lend(room, r *api.Resources, sign int32) {
	room.CPU += r.CPU * api.Milli(sign)
	room.Memory += r.Memory * api.Bytes(sign)
	room.Storage += r.Storage * api.Bytes(sign)
	room.Bandwidth += r.Bandwidth * api.Rate(sign)
}

// rankOf is a priority among those of a tenant.
type rankOf struct {
	tenant   string
	priority int32
}

// compare orders ranks: lower priorities first, so that the first of a tenant's who do
// are the cheapest.
func (r *rankOf) compare(o rankOf) int {
	return cmp.Or(cmp.Compare(r.priority, o.priority), cmp.Compare(r.tenant, o.tenant))
}

// under reports whether tasks of the rank may go for a task.
func (r *rankOf) under(a *Ask) bool { return r.priority < a.Priority && r.tenant == a.Tenant }

// maxRooms is among how many nodes where a task could displace others the best is
// chosen.
const maxRooms = 16

// maxVictims is how many tasks one task may displace.
const maxVictims = 64

// MakeRoom finds the node where a task that fits nowhere displaces fewest others;
// among equals those of lowest priority, then those that lose least. It looks at the
// nodes from one that the task's number draws, until enough would do.
func (x *Index) MakeRoom(ref api.TaskRef, a *Ask) (Room, bool) {
	if !x.outranks(a) || x.overLimit(a, 1) != "" {
		return Room{}, false
	}
	w := walk{x: x, ask: a, passing: x.passing(a), ties: x.ties(a), left: len(x.nodes)}
	w.next = int(hashRef(ref) % uint64(max(w.left, 1)))
	var best, v eviction
	found := 0
	for found < maxRooms {
		list := w.some(maxRooms - found)
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if !v.find(e, a, x.leaving, found > 0 && len(best.victims) == 1) {
				continue
			}
			if found == 0 || v.before(&best) {
				best, v = v, best
			}
			found++
		}
	}
	if found == 0 {
		return Room{}, false
	}
	return best.room(a), true
}

// walk goes from node to node, round to where it began.
type walk struct {
	x       *Index
	ask     *Ask
	passing *passing
	ties    []tie
	next    int // node
	left    int // nodes
	list    [maxRooms]*node
}

// some are the next nodes on which a quick look does not rule out that a task may
// displace others. Taking such looks at several nodes, one right after the other, lets
// the processor wait for the memory of all of them at once.
func (w *walk) some(most int) []*node {
	list := w.list[:0]
	for ; w.left > 0 && len(list) < most; w.left-- {
		e := w.x.nodes[w.next]
		if w.next++; w.next == len(w.x.nodes) {
			w.next = 0
		}
		if e.open && len(e.yields) > 0 && w.passing.has(e) && e.mayYield(w.ask) && permits(w.ties, e) {
			list = append(list, e)
		}
	}
	return list
}

// anyYields reports whether a task of a shape can have room made on one of the nodes.
func (x *Index) anyYields(a *Ask, p *passing, ties []tie, nodes []*node) bool {
	if !x.outranks(a) {
		return false
	}
	var v eviction
	for _, e := range nodes {
		if e.open && len(e.yields) > 0 && p.has(e) && e.mayYield(a) && permits(ties, e) && v.find(e, a, x.leaving, true) {
			return true
		}
	}
	return false
}

// MayDisplace reports whether there is anybody whom a task might displace.
func (x *Index) MayDisplace(a *Ask) bool { return x.outranks(a) }

// outranks reports whether a task may displace others, and one of the same tenant and
// lower priority is placed anywhere. Where tasks are promised room nobody is displaced.
func (x *Index) outranks(a *Ask) bool {
	if x.leaving == nil || a.Gang > 1 || !a.Displaces || x.Depth() > 0 {
		return false
	}
	for k := range x.yielding { // order-free: any will do
		if k.under(a) {
			return true
		}
	}
	return false
}

// Book keeps room on a node for a task while others are leaving it; meanwhile less
// than nothing may be free there.
func (x *Index) Book(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	if e := x.byName[name]; e != nil {
		e.take(ref, a, devices, 1)
		x.moved(e)
		x.shift()
	}
}

// Unbook takes a booking back. What waits may have gained room.
func (x *Index) Unbook(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	if e := x.byName[name]; e != nil {
		e.take(ref, a, devices, -1)
		x.gains++
		x.moved(e)
		x.room(e)
	}
}

// Vacant reports whether a node has the room free that is booked on it. gone says
// that it never will: it takes nothing new, or no longer what was booked.
func (x *Index) Vacant(name string, a *Ask) (vacant, gone bool) {
	e := x.byName[name]
	if e == nil || !e.open || x.astray(a.Task) != "" || !suits(e, a) {
		return false, true
	}
	f := &e.free
	if f.CPU < 0 || f.Memory < 0 || f.Storage < 0 || f.Bandwidth < 0 {
		return false, false
	}
	for _, group := range e.devices {
		for _, free := range group {
			if free < 0 {
				return false, false
			}
		}
	}
	for _, n := range e.ports { // order-free: any will do
		if n > 1 {
			return false, false
		}
	}
	return true, false
}
