package sched

import (
	"math"

	"drover.dev/api"
)

// blocked is a blocked shape with what is looked at first of it: of many that wait,
// few can have become possible, and the others cost no more than a glance.
type blocked struct {
	*shape
	need     room
	priority int32 // above which others may be displaced; lowest: it displaces nobody
	tied     bool
}

const lowest = math.MinInt32

func outline(s *shape) blocked {
	a := s.ask
	b := blocked{s, roomOf(a.Task.Resources.CPU, a.Task.Resources.Memory, 0), lowest, a.tied()}
	if a.Displaces && a.Gang < 2 {
		b.priority = a.Priority
	}
	return b
}

// glance is what a blocked shape is compared with.
type glance struct {
	all    bool  // each needs a closer look
	most   room  // that a node has, resource by resource
	yields int32 // lowest priority of a placed task that may be displaced
}

// glance prepares a look at all blocked shapes, when so much room was gained, or some
// tenant may use more.
func (x *Index) glance(eased bool, most *api.Resources) glance {
	g := glance{all: eased || x.usual.depth > 0, most: roomOf(most.CPU, most.Memory, 0), yields: math.MaxInt32}
	if x.leaving == nil {
		return g
	}
	for k := range x.yielding { // order-free: the least of them
		g.yields = min(g.yields, k.priority)
	}
	return g
}

// at reports whether a shape may have become possible.
func (g *glance) at(b *blocked) bool {
	return g.all || g.most.holds(&b.need) || b.tied || b.priority > g.yields
}
