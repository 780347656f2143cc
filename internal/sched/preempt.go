package sched

import (
	"cmp"
	"maps"
	"math"
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
		e.tenures = append(e.tenures, tenure{ref: ref, ask: a, devices: devices})
		return
	}
	if i := slices.IndexFunc(e.tenures, func(t tenure) bool { return t.ref == ref }); i >= 0 {
		e.tenures[i] = e.tenures[len(e.tenures)-1]
		e.tenures[len(e.tenures)-1] = tenure{}
		e.tenures = e.tenures[:len(e.tenures)-1]
	}
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
	begin := hashRef(ref) % max(n, 1)
	for i := range n {
		e := x.nodes[(begin+i)%n]
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

// eviction is what it takes to make room on a node. It serves one node after the other.
type eviction struct {
	node    *node
	list    []*tenure    // who may be displaced there
	victims []*tenure    // who of them is
	highest int32        // priority
	lost    api.Duration // of all together
}

func (v *eviction) before(o *eviction) bool {
	return cmp.Or(cmp.Compare(len(v.victims), len(o.victims)), cmp.Compare(v.highest, o.highest), cmp.Compare(v.lost, o.lost)) < 0
}

// find finds whom a task displaces on a node; false when that would not do. Who is
// left open where it takes several, when those are worse than any one.
func (v *eviction) find(e *node, a *Ask, leaving Leaving, one bool) bool {
	if !e.mayYield(a) {
		return false
	}
	v.node, v.list = e, e.candidates(a, leaving, v.list[:0])
	c := e.sketch(a)
	if v.victims = c.alone(a, v.list); v.victims == nil {
		for _, t := range v.list {
			c.lend(t, 1)
		}
		if len(v.list) == 0 || !c.fits(a) {
			return false
		}
		if one && len(v.list) <= maxVictims {
			v.victims = v.list
			return true
		}
		v.victims = c.keep(a, v.list)
	}
	v.highest, v.lost = math.MinInt32, 0
	for _, t := range v.victims {
		v.highest = max(v.highest, t.ask.Priority)
		v.lost += t.lost
	}
	return len(v.victims) <= maxVictims
}

// candidates adds to a list whom a task may displace on a node.
func (e *node) candidates(a *Ask, leaving Leaving, list []*tenure) []*tenure {
	list = slices.Grow(list, len(e.tenures))
	for i := range e.tenures {
		t := &e.tenures[i]
		if t.ask.Priority >= a.Priority || t.ask.Tenant != a.Tenant {
			continue
		}
		var ok bool
		if t.lost, ok = leaving(t.ref); ok {
			list = append(list, t)
		}
	}
	return list
}

// cheaper orders whom to displace.
func cheaper(p, q *tenure) int {
	return cmp.Or(cmp.Compare(p.ask.Priority, q.ask.Priority), cmp.Compare(p.lost, q.lost), compareRefs(p.ref, q.ref))
}

// mayYield is a quick look at whether lower priorities hold enough on a node.
func (e *node) mayYield(a *Ask) bool {
	room := e.free
	for i := range e.tenures {
		t := &e.tenures[i]
		if t.ask.Priority >= a.Priority || t.ask.Tenant != a.Tenant {
			continue
		}
		r := &t.ask.Task.Resources
		room.CPU, room.Memory = room.CPU+r.CPU, room.Memory+r.Memory
		room.Storage, room.Bandwidth = room.Storage+r.Storage, room.Bandwidth+r.Bandwidth
		if within(&a.Task.Resources, &room) {
			return true
		}
	}
	return false
}

// short is how much more a task asks for than is free, accelerators apart.
func (e *node) short(a *Ask) api.Resources {
	r, f := &a.Task.Resources, &e.free
	return api.Resources{CPU: r.CPU - f.CPU, Memory: r.Memory - f.Memory, Storage: r.Storage - f.Storage, Bandwidth: r.Bandwidth - f.Bandwidth}
}

// sketch is a copy of what of a node a task's fitting depends on.
func (e *node) sketch(a *Ask) node {
	c := *e
	c.ports, c.devices = nil, nil
	if len(a.Task.Ports) > 0 {
		c.ports = maps.Clone(e.ports)
	}
	if len(a.Task.Resources.Accelerators) > 0 {
		c.devices = make([][]api.Milli, len(e.devices))
		for g := range e.devices {
			c.devices[g] = slices.Clone(e.devices[g])
		}
	}
	return c
}

// lend gives a sketch what a task holds, or (-1) takes it again.
func (e *node) lend(t *tenure, sign int32) {
	r := &t.ask.Task.Resources
	e.free.CPU += r.CPU * api.Milli(sign)
	e.free.Memory += r.Memory * api.Bytes(sign)
	e.free.Storage += r.Storage * api.Bytes(sign)
	e.free.Bandwidth += r.Bandwidth * api.Rate(sign)
	if e.devices != nil {
		for _, d := range t.devices {
			if int(d.Group) < len(e.devices) && int(d.Index) < len(e.devices[d.Group]) {
				e.devices[d.Group][d.Index] += d.Share * api.Milli(sign)
				e.freeDevices += d.Share * api.Milli(sign)
			}
		}
	}
	if e.ports != nil {
		for _, p := range t.ask.Task.Ports {
			e.ports[p.Port] -= sign
		}
	}
}

// alone is the cheapest one whose place suffices, if there is one. The node is a sketch.
func (e *node) alone(a *Ask, list []*tenure) []*tenure {
	best, short := -1, e.short(a)
	for i, t := range list {
		if !within(&short, &t.ask.Task.Resources) || best >= 0 && cheaper(list[best], t) < 0 {
			continue
		}
		if e.lend(t, 1); e.fits(a) {
			best = i
		}
		e.lend(t, -1)
	}
	if best < 0 {
		return nil
	}
	return list[best : best+1]
}

// keep lets those stay, the dearest first, without whom the task fits as well, and
// returns the others, who are at the end of the list then. The sketch is one without
// all of them.
func (e *node) keep(a *Ask, list []*tenure) []*tenure {
	slices.SortFunc(list, cheaper)
	first := len(list)
	for _, t := range slices.Backward(list) {
		if e.lend(t, -1); !e.fits(a) {
			e.lend(t, 1)
			first--
			list[first] = t
		}
	}
	return list[first:]
}

func (v *eviction) room(a *Ask) Room {
	c := v.node.sketch(a)
	r := Room{Node: v.node.Name}
	for _, t := range v.victims {
		c.lend(t, 1)
		r.Victims = append(r.Victims, t.ref)
	}
	r.Devices, _ = assign(c.devices, c.Capacity.Accelerators, a.Task.Resources.Accelerators)
	return r
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
