package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// Rouse names those of the sleeping nodes that must be woken so that what waits finds
// room, as far as they give any. coming are nodes that are on their way, in the order in
// which they were woken: their room is given away first. Then sleeping ones are taken in
// the order of the list, so that the answer to the same question is nothing once they
// are on their way.
//
// Who is tied to other tasks has at most one node woken at a time, and so has a gang.
// Gangs whose elements must share a label's value, and what is pinned, wake nobody.
func (x *Index) Rouse(coming, sleeping []string) (wake []string) {
	if len(x.queue.blocked) == 0 || len(sleeping) == 0 {
		return nil
	}
	r := rouser{x: x}
	for i, name := range slices.Concat(coming, sleeping) {
		if e := x.byName[name]; e != nil {
			r.beds = append(r.beds, bed{node: e, own: e, asleep: i >= len(coming)})
		}
	}
	waiting := make([]*shape, 0, len(x.queue.blocked))
	for i := range x.queue.blocked {
		waiting = append(waiting, x.queue.blocked[i].shape)
	}
	slices.SortFunc(waiting, func(s, o *shape) int { return cmp.Compare(s.ask.Shape, o.ask.Shape) })
	for _, s := range waiting {
		r.seat(s)
	}
	for i := range r.beds {
		if b := &r.beds[i]; b.asleep && b.used {
			wake = append(wake, b.node.Name)
		}
	}
	return wake
}

// Opens is the first of some closed nodes that would take a task if it were open; "" is
// none.
func (x *Index) Opens(a *Ask, names []string) string {
	if !x.rousable(a) {
		return ""
	}
	p, ties := x.passing(a), x.ties(a)
	for _, name := range names {
		if e := x.byName[name]; e != nil && p.has(e) && e.fits(a) && permits(ties, e) {
			return name
		}
	}
	return ""
}

// rousable reports whether nodes are woken for a task at all: nothing else keeps it.
func (x *Index) rousable(a *Ask) bool {
	return a.Pin == "" && !(a.Gang > 1 && a.Seated()) && x.astray(a.Task) == "" && x.overLimit(a, int64(max(a.Gang, 1))) == ""
}

// rouser gives the room of nodes away that do not take work yet.
type rouser struct {
	x    *Index
	beds []bed
}

type bed struct {
	node   *node // with what was given away
	own    *node // the node itself
	asleep bool
	used   bool
}

// mostRoused bounds for how many tasks of a shape nodes are woken at once.
const mostRoused = 4096

// seat gives room to the tasks of a shape.
func (r *rouser) seat(s *shape) {
	a := s.ask
	if !r.x.rousable(a) {
		return
	}
	want, ties := min(len(s.items.list), mostRoused), r.x.ties(a)
	for want > 1 && r.x.overLimit(a, int64(want)) != "" {
		want /= 2
	}
	whole := 0
	switch {
	case a.Gang > 1:
		_, open := r.x.places(a, func(e *node) *node {
			if e.open {
				return e
			}
			return nil
		})
		want = max(a.Gang-open, 1)
		whole = want
	case len(ties) > 0:
		want = 1
	}
	before := slices.Clone(r.beds)
	if got := r.fill(a, ties, want); got < whole {
		r.beds = before // the gang would not fit
	}
}

// fill gives room to so many equal tasks, and returns how many have it.
func (r *rouser) fill(a *Ask, ties []tie, want int) (got int) {
	p := r.x.passing(a)
	for i := range r.beds {
		b := &r.beds[i]
		if got == want {
			break
		}
		if !p.has(b.own) || !b.node.fits(a) || !permits(ties, b.own) {
			continue
		}
		n := b.node.times(a, want-got)
		b.node, b.used = b.node.with(a, n), true
		got += n
	}
	return got
}

// with is a copy of the node on which n more equal tasks stand.
func (e *node) with(a *Ask, n int) *node {
	c := e.copy()
	for range n {
		devices, _ := assign(c.devices, c.Capacity.Accelerators, a.Task.Resources.Accelerators)
		c.try(api.TaskRef{}, a, devices)
	}
	return c
}

// Repose says when idle nodes may sleep by the cell's strategy; nil is never.
func (x *Index) Repose() *api.Rest { return x.plans[x.cell].rest }
