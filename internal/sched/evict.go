package sched

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"drover.dev/api"
)

// eviction is what it takes to make room on a node. It serves one node after the other.
type eviction struct {
	node    *node
	list    []*tenure         // who may be displaced there
	victims []*tenure         // who of them is
	back    []api.DeviceShare // that all of them hold; for reuse
	highest int32             // priority
	lost    api.Duration      // of all together
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
		v.highest = max(v.highest, t.ask.Priority)
		v.lost += t.lost
	}
	return len(v.victims) <= maxVictims
}

// several is find where no one is enough.
func (v *eviction) several(a *Ask, leaving Leaving, one bool) bool {
	e := v.node
	v.list = e.candidates(a, leaving, v.list[:0])
	if one && len(v.list) <= maxVictims && len(a.Task.Ports)+len(e.claims) == 0 && len(a.Task.Resources.Accelerators) < 2 {
		v.victims = v.list
		return v.together(a)
	}
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

// together reports whether a task fits, one without ports and with one request for
// accelerators at most, when all of the list leave.
func (v *eviction) together(a *Ask) bool {
	room := v.node.free
	v.back = v.back[:0]
	for _, t := range v.list {
		lend(&room, &t.ask.Task.Resources, 1)
		v.back = append(v.back, t.devices...)
	}
	asks := a.Task.Resources.Accelerators
	return len(v.list) > 0 && within(&a.Task.Resources, &room) && (len(asks) == 0 || v.node.offersBeside(&asks[0], v.back))
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
	if t.ask.Priority >= a.Priority || t.ask.Tenant != a.Tenant {
		return false
	}
	t.lost, ok = leaving(t.ref)
	return ok
}

// cheaper orders whom to displace.
func cheaper(p, q *tenure) int {
	if p.ask.Priority != q.ask.Priority {
		return cmp.Compare(p.ask.Priority, q.ask.Priority)
	}
	if p.lost != q.lost {
		return cmp.Compare(p.lost, q.lost)
	}
	return compareRefs(p.ref, q.ref)
}

// mayYield is a quick look at whether lower priorities hold enough on a node.
func (e *node) mayYield(a *Ask) bool {
	room, devices := e.free, e.freeDevices
	for i := range e.yields {
		if y := &e.yields[i]; y.priority < a.Priority && y.tenant == a.Tenant {
			lend(&room, &y.holds, 1)
			devices += y.devices
		}
	}
	for i := range a.Task.Resources.Accelerators {
		if a.Task.Resources.Accelerators[i].Count > devices {
			return false
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
	need := roomOf(short.CPU, short.Memory, 0)
	if asks := a.Task.Resources.Accelerators; len(asks) == 1 {
		need.devices = narrow(int64(asks[0].Count - e.freeDevices))
	}
	for i := range e.briefs {
		b := &e.briefs[i]
		if !b.holds.holds(&need) || b.priority >= a.Priority {
			continue
		}
		if t := &e.tenures[i]; within(&short, &t.ask.Task.Resources) && e.suffices(a, t) &&
			t.yieldsTo(a, leaving) && (best == nil || cheaper(best, t) > 0) {
			best = t
		}
	}
	return best
}

// suffices reports whether a task fits in the place of another one that holds enough,
// accelerators apart.
func (e *node) suffices(a *Ask, t *tenure) bool {
	asks := a.Task.Resources.Accelerators
	switch {
	case len(a.Task.Ports)+len(e.claims) > 0 || len(asks) > 1:
		c := e.sketch(a)
		c.lend(t, 1)
		return c.fits(a)
	case len(asks) == 1:
		return e.offersBeside(&asks[0], t.devices)
	}
	return true
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
