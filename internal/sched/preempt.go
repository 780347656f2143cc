package sched

import (
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
	ref     api.TaskRef
	ask     *Ask
	devices []api.DeviceShare
	lost    api.Duration // while it is a candidate
}

// brief is what a search looks at first of a tenure: a few stand in one line of the
// processor's cache.
type brief struct {
	priority int32
	holds    room
}

// yield is what tasks of one rank hold on a node together, who may be displaced.
type yield struct {
	rankOf
	tasks   int32
	holds   api.Resources // accelerators apart
	devices api.Milli
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
	if sign > 0 {
		r := &a.Task.Resources
		e.yield(key, r, devices, sign)
		e.tenures = append(e.tenures, tenure{ref: ref, ask: a, devices: devices})
		e.briefs = append(e.briefs, brief{a.Priority, roomOf(r.CPU, r.Memory, shareOf(devices))})
		return
	}
	if i := slices.IndexFunc(e.tenures, func(t tenure) bool { return t.ref == ref }); i >= 0 {
		t, last := &e.tenures[i], len(e.tenures)-1
		e.yield(rankOf{t.ask.Tenant, t.ask.Priority}, &t.ask.Task.Resources, t.devices, sign)
		e.tenures[i], e.briefs[i] = e.tenures[last], e.briefs[last]
		e.tenures[last] = tenure{}
		e.tenures, e.briefs = e.tenures[:last], e.briefs[:last]
	}
}

// yield keeps what tasks of a rank hold on a node.
func (e *node) yield(of rankOf, r *api.Resources, devices []api.DeviceShare, sign int32) {
	i := slices.IndexFunc(e.yields, func(y yield) bool { return y.rankOf == of })
	if i < 0 {
		i = len(e.yields)
		e.yields = append(e.yields, yield{rankOf: of})
	}
	y := &e.yields[i]
	lend(&y.holds, r, sign)
	y.devices += shareOf(devices) * api.Milli(sign)
	if y.tasks += sign; y.tasks == 0 {
		e.yields = slices.Delete(e.yields, i, i+1)
	}
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
	p, ties := x.passing(a), x.ties(a)
	var best, v eviction
	found, n := 0, uint64(len(x.nodes))
	next := hashRef(ref) % max(n, 1)
	for range n {
		e := x.nodes[next]
		if next++; next == n {
			next = 0
		}
		if !e.open || len(e.tenures) == 0 || !p.has(e) || !permits(ties, e) {
			continue
		}
		if !v.find(e, a, x.leaving, found > 0 && len(best.victims) == 1) {
			continue
		}
		if found == 0 || v.before(&best) {
			best, v = v, best
		}
		if found++; found == maxRooms {
			break
		}
	}
	if found == 0 {
		return Room{}, false
	}
	return best.room(a), true
}

// anyYields reports whether a task of a shape can have room made on one of the nodes.
func (x *Index) anyYields(a *Ask, p *passing, ties []tie, nodes []*node) bool {
	if !x.outranks(a) {
		return false
	}
	var v eviction
	for _, e := range nodes {
		if e.open && len(e.tenures) > 0 && p.has(e) && permits(ties, e) && v.find(e, a, x.leaving, true) {
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
		if k.tenant == a.Tenant && k.priority < a.Priority {
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
