package sched

import (
	"drover.dev/api"
	"drover.dev/internal/energy"
)

// MoveTime is how long it takes to stop a running task and to begin it anew elsewhere,
// beside the inputs that are fetched again.
const MoveTime = moveStop + moveStart

// Without lets a node take nothing while try decides where else its tasks would go. What
// try holds, it takes back.
func (x *Index) Without(name string, try func()) {
	e := x.byName[name]
	if e == nil {
		return
	}
	open, stepping := e.open, x.stepping
	e.open, x.stepping = false, true
	x.gains++ // what is remembered of refusals holds for neither side
	x.moved(e)
	try()
	e.open = open
	x.gains++
	x.moved(e)
	if !stepping {
		x.Rest()
	}
}

// Needed reports whether something that waits would find room if nothing ran on a node.
func (x *Index) Needed(name string) bool {
	e := x.byName[name]
	if e == nil || len(x.queue.shapes) == 0 {
		return false
	}
	empty := e.emptied()
	for _, s := range x.queue.shapes { // order-free: any will do
		if x.passing(s.ask).has(e) && empty.lacksNothing(s.ask) && x.wouldDo(s.ask, e, empty) {
			return true
		}
	}
	return false
}

// emptied is a copy of the node on which nothing runs.
func (e *node) emptied() *node {
	n := e.copy()
	n.free, n.devices, n.tasks = e.Capacity, devicesOf(e.Capacity), 0
	n.free.Accelerators, n.held, n.claims = nil, nil, nil
	clear(n.shares)
	clear(n.ports)
	clear(n.groups)
	n.countDevices()
	n.pack()
	return n
}

// wouldDo reports whether a whole gang finds room with a node in the place of another one.
func (x *Index) wouldDo(a *Ask, instead, with *node) bool {
	if a.Gang < 2 {
		return true
	}
	_, n := x.places(a, func(e *node) *node {
		switch {
		case e == instead:
			return with
		case e.open:
			return e
		}
		return nil
	})
	return n >= a.Gang
}

// Adds is what a task adds to the draw of a node while it runs there, in mW, with what the
// site takes besides (PUE).
func (x *Index) Adds(name string, t *api.Task) int64 {
	e := x.byName[name]
	if e == nil {
		return 0
	}
	idle, full, _ := energy.Machine(&e.Node)
	draw := full - idle
	if c := int64(e.Capacity.CPU); c > 0 {
		draw = scale(draw, min(int64(t.Resources.CPU), c), c)
	}
	none, all := e.devicesOf(t)
	return x.withOverhead(e, draw+all-none)
}

// Sleeps is how much less a node draws asleep than idle, in mW, and what it takes to fall
// asleep and to wake, with what the site takes besides. Nothing for one that cannot sleep.
func (x *Index) Sleeps(name string) (less int64, cost api.Microjoules) {
	e := x.byName[name]
	if e == nil || e.Node.Sleep == nil {
		return 0, 0
	}
	s := e.Node.Sleep
	idle, full, _ := energy.Draw(&e.Node)
	down, up := s.DownEnergy, s.UpEnergy
	if down <= 0 {
		down = EnergyOf(idle, s.Down)
	}
	if up <= 0 {
		up = EnergyOf(full, s.Waking())
	}
	return x.withOverhead(e, idle-s.Draw), api.Microjoules(x.withOverhead(e, int64(down+up)))
}

func (x *Index) withOverhead(e *node, amount int64) int64 {
	return scale(amount, x.overhead(e.Site, ran{{x.now, x.now.Add(api.Hour)}}), 1000)
}

// EnergyOf is that of so many mW for a time.
func EnergyOf(draw int64, d api.Duration) api.Microjoules {
	return api.Microjoules(scale(draw, int64(d), milliwattNanoseconds))
}
