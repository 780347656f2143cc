package sched

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"drover.dev/api"
)

// leaver is a task that may have to go, and what would be lost by that.
type leaver struct {
	ref api.TaskRef
	*tenure
	lost api.Duration
}

// eviction is what it takes to make room on a node. It serves one node after the other.
type eviction struct {
	node    *node
	list    []leaver          // who may be displaced there
	victims []leaver          // who of them is
	back    []api.DeviceShare // that all of them hold; for reuse
	highest int32             // priority
	lost    api.Duration      // of all together
}

func (v *eviction) before(o *eviction) bool {
	return cmp.Or(cmp.Compare(len(v.victims), len(o.victims)), cmp.Compare(v.highest, o.highest), cmp.Compare(v.lost, o.lost)) < 0
}

// find finds whom a task displaces on a node that mayYield; false when that would not
// do. Who is left open where it takes several, when those are worse than any one.
func (v *eviction) find(e *node, a *Ask, leaving Leaving, one bool) bool {
	v.node, v.victims = e, nil
	if t := e.alone(a, leaving); t.tenure != nil {
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
	if one && v.simple(a) {
		return v.together(a, leaving)
	}
	v.list = e.candidates(a, leaving, v.list[:0])
	c := e.sketch(a)
	for _, t := range v.list {
		c.lend(t.tenure, 1)
	}
	if len(v.list) == 0 || !c.fits(a) {
		return false
	}
	if v.victims = v.list; !one || len(v.list) > maxVictims {
		v.victims = c.keep(a, v.list)
	}
	return true
}

// simple reports whether it is easy to say whether a task fits without some others.
func (v *eviction) simple(a *Ask) bool {
	n := 0
	for i := range v.node.yields {
		n += len(v.node.yields[i].tenures)
	}
	return n <= maxVictims && len(a.Task.Ports)+len(v.node.claims) == 0 && len(a.Task.Resources.Accelerators) < 2
}

// together lets one after the other go until a task fits, and reports whether it does.
func (v *eviction) together(a *Ask, leaving Leaving) bool {
	v.list, v.back = v.list[:0], v.back[:0]
	room := v.node.free
	for i := range v.node.yields {
		y := &v.node.yields[i]
		if !y.under(a) {
			continue
		}
		for i := range y.tenures {
			b, t := &y.briefs[i], &y.tenures[i]
			lost, ok := leaving(b.ref)
			if !ok {
				continue
			}
			v.list, v.back = append(v.list, leaver{b.ref, t, lost}), append(v.back, t.devices...)
			lend(&room, &t.ask.Task.Resources, 1)
			if len(v.list) > 1 && v.without(a, &room) { // one is not enough, see alone
				return true
			}
		}
	}
	return len(v.list) == 1 && v.without(a, &room)
}

// without reports whether a task fits in so much room once the listed have left.
func (v *eviction) without(a *Ask, room *api.Resources) bool {
	v.victims = v.list
	asks := a.Task.Resources.Accelerators
	return within(&a.Task.Resources, room) && (len(asks) == 0 || v.node.offersBeside(&asks[0], v.back))
}

// candidates adds to a list whom a task may displace on a node.
func (e *node) candidates(a *Ask, leaving Leaving, list []leaver) []leaver {
	for i := range e.yields {
		y := &e.yields[i]
		if !y.under(a) {
			continue
		}
		list = slices.Grow(list, len(y.tenures))
		for i := range y.tenures {
			if lost, ok := leaving(y.briefs[i].ref); ok {
				list = append(list, leaver{y.briefs[i].ref, &y.tenures[i], lost})
			}
		}
	}
	return list
}

// cheaper orders whom to displace.
func cheaper(p, q leaver) int {
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
		if y := &e.yields[i]; y.under(a) {
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

// gap is how much more a task asks for than is free on a node, accelerators apart.
type gap struct {
	short api.Resources

	// The same as a search looks at it first: what holds less than need is not enough,
	// and where exact says so, what holds sure is.
	need, sure room
	exact      bool
}

func (e *node) gap(a *Ask) (g gap) {
	r, f := &a.Task.Resources, &e.free
	g.short = api.Resources{CPU: r.CPU - f.CPU, Memory: r.Memory - f.Memory, Storage: r.Storage - f.Storage, Bandwidth: r.Bandwidth - f.Bandwidth}
	devices := api.Milli(0)
	if asks := r.Accelerators; len(asks) == 1 {
		devices = asks[0].Count - e.freeDevices
	}
	g.need = roomOf(g.short.CPU, g.short.Memory, devices)
	g.sure = roomOf(g.short.CPU, g.short.Memory+api.MiB, devices)
	g.exact = g.short.Storage <= 0 && g.short.Bandwidth <= 0 && max(g.sure.cpu, g.sure.memory) < math.MaxInt32
	return g
}

// within reports whether what a task holds, whose room is known, is enough.
func (g *gap) within(has *room, t *tenure) bool {
	return g.exact && has.holds(&g.sure) || within(&g.short, &t.ask.Task.Resources)
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
	for _, d := range t.devices {
		e.give(&d, d.Share*api.Milli(sign))
	}
	if e.ports != nil {
		for _, p := range t.ask.Task.Ports {
			e.ports[p.Port] -= sign
		}
	}
}

// alone is the cheapest one whose place suffices, if there is one: of the lowest
// priority of which there is any.
func (e *node) alone(a *Ask, leaving Leaving) (best leaver) {
	g := e.gap(a)
	for i := range e.yields {
		if y := &e.yields[i]; y.under(a) {
			if best = y.alone(e, a, &g, leaving); best.tenure != nil {
				break
			}
		}
	}
	return best
}

// alone is that for the tasks of one rank.
func (y *yield) alone(e *node, a *Ask, g *gap, leaving Leaving) (best leaver) {
	for i := range y.briefs {
		b, t := &y.briefs[i], &y.tenures[i]
		if !b.holds.holds(&g.need) || !g.within(&b.holds, t) || !e.suffices(a, t) {
			continue
		}
		if lost, ok := leaving(b.ref); ok {
			if best.tenure == nil || lost < best.lost || lost == best.lost && compareRefs(b.ref, best.ref) < 0 {
				best = leaver{b.ref, t, lost}
			}
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
func (e *node) keep(a *Ask, list []leaver) []leaver {
	slices.SortFunc(list, cheaper)
	first := len(list)
	for _, t := range slices.Backward(list) {
		if e.lend(t.tenure, -1); !e.fits(a) {
			e.lend(t.tenure, 1)
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
		c.lend(t.tenure, 1)
		r.Victims = append(r.Victims, t.ref)
	}
	r.Devices, _ = assign(c.devices, c.Capacity.Accelerators, a.Task.Resources.Accelerators)
	return r
}
