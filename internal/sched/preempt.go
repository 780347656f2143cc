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

	// Of what it asks for, where a search sees them at once.
	priority int32
	cpu      api.Milli
	memory   api.Bytes
}

// yield is what tasks of one rank hold on a node together, who may be displaced.
type yield struct {
	rankOf
	tasks int32
	holds api.Resources // accelerators apart
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
	r := &a.Task.Resources
	if sign > 0 {
		e.yield(key, r, sign)
		e.tenures = append(e.tenures, tenure{ref: ref, ask: a, devices: devices, priority: a.Priority, cpu: r.CPU, memory: r.Memory})
		return
	}
	if i := slices.IndexFunc(e.tenures, func(t tenure) bool { return t.ref == ref }); i >= 0 {
		e.yield(rankOf{e.tenures[i].ask.Tenant, e.tenures[i].priority}, &e.tenures[i].ask.Task.Resources, sign)
		e.tenures[i] = e.tenures[len(e.tenures)-1]
		e.tenures[len(e.tenures)-1] = tenure{}
		e.tenures = e.tenures[:len(e.tenures)-1]
	}
}

// yield keeps what tasks of a rank hold on a node.
func (e *node) yield(of rankOf, r *api.Resources, sign int32) {
	i := slices.IndexFunc(e.yields, func(y yield) bool { return y.rankOf == of })
	if i < 0 {
		i = len(e.yields)
		e.yields = append(e.yields, yield{rankOf: of})
	}
	y := &e.yields[i]
	lend(&y.holds, r, sign)
	if y.tasks += sign; y.tasks == 0 {
		e.yields = slices.Delete(e.yields, i, i+1)
	}
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
	v.node, v.victims = e, nil
	if t := e.alone(a, leaving); t != nil {
		v.list = append(v.list[:0], t)
		v.victims = v.list
	} else if !v.several(a, leaving, one) {
		return false
	}
	v.highest, v.lost = math.MinInt32, 0
	for _, t := range v.victims {
		v.highest = max(v.highest, t.priority)
		v.lost += t.lost
	}
	return len(v.victims) <= maxVictims
}

// several is find where no one is enough.
func (v *eviction) several(a *Ask, leaving Leaving, one bool) bool {
	e := v.node
	v.list = e.candidates(a, leaving, v.list[:0])
	c := e.sketch(a)
	for _, t := range v.list {
		c.lend(t, 1)
	}
	if len(v.list) == 0 || !c.fits(a) {
		return false
	}
	if v.victims = v.list; !one || len(v.list) > maxVictims {
		v.victims = c.keep(a, v.list)
	}
	return true
}

// candidates adds to a list whom a task may displace on a node.
func (e *node) candidates(a *Ask, leaving Leaving, list []*tenure) []*tenure {
	list = slices.Grow(list, len(e.tenures))
	for i := range e.tenures {
		if t := &e.tenures[i]; t.yieldsTo(a, leaving) {
			list = append(list, t)
		}
	}
	return list
}

// yieldsTo reports whether a task may displace one, and notes what would be lost.
func (t *tenure) yieldsTo(a *Ask, leaving Leaving) (ok bool) {
	if t.priority >= a.Priority || t.ask.Tenant != a.Tenant {
		return false
	}
	t.lost, ok = leaving(t.ref)
	return ok
}

// cheaper orders whom to displace.
func cheaper(p, q *tenure) int {
	if p.priority != q.priority {
		return cmp.Compare(p.priority, q.priority)
	}
	if p.lost != q.lost {
		return cmp.Compare(p.lost, q.lost)
	}
	return compareRefs(p.ref, q.ref)
}

// mayYield is a quick look at whether lower priorities hold enough on a node.
func (e *node) mayYield(a *Ask) bool {
	room := e.free
	for i := range e.yields {
		if y := &e.yields[i]; y.priority < a.Priority && y.tenant == a.Tenant {
			lend(&room, &y.holds, 1)
		}
	}
	return within(&a.Task.Resources, &room)
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
	lend(&e.free, r, sign)
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

// alone is the cheapest one whose place suffices, if there is one.
func (e *node) alone(a *Ask, leaving Leaving) (best *tenure) {
	short := e.short(a)
	plain := len(a.Task.Ports)+len(a.Task.Resources.Accelerators)+len(e.claims) == 0
	var c node
	for i := range e.tenures {
		t := &e.tenures[i]
		if t.cpu < short.CPU || t.memory < short.Memory || t.priority >= a.Priority ||
			!within(&short, &t.ask.Task.Resources) || !t.yieldsTo(a, leaving) || best != nil && cheaper(best, t) < 0 {
			continue
		}
		if plain {
			best = t
			continue
		}
		if c.Name == "" {
			c = e.sketch(a)
		}
		if c.lend(t, 1); c.fits(a) {
			best = t
		}
		c.lend(t, -1)
	}
	return best
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
