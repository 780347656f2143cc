package sched

import (
	"slices"

	"drover.dev/api"
)

// Reopen has nodes that are closed for a reason take work again.
func (x *Index) Reopen(why string) {
	for _, e := range x.nodes {
		if e.why == why {
			x.SetOpen(e.Name, true, "")
		}
	}
}

// Bound has bounds kept for classes of so many nodes, and so many changes remembered.
func (x *Index) Bound(large, changes int) {
	x.large, x.changes.ring = large, make([]change, changes)
}

// Offer adds a driver to every node.
func (x *Index) Offer(driver string) {
	for _, e := range x.nodes {
		n := e.Node
		n.Drivers = append([]string{driver}, n.Drivers...)
		x.PutNode(n)
	}
}

// Takers names the nodes that a task may go to now.
func (x *Index) Takers(a *Ask) (names []string) {
	ties := x.ties(a)
	for e := range x.passing(a).those {
		if e.open && e.fits(a) && permits(ties, e) {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Supplies is how many thousandths of devices of each kind and model there are.
func (x *Index) Supplies() map[string]int64 {
	out := map[string]int64{}
	for b, at := range x.supplyAt {
		out[b.kind+" "+b.model] = int64(x.supplies[at].count)
	}
	return out
}

// Worth is what room on a device is worth when such tasks are expected, by hundredths.
func Worth(tasks []api.Task, kind string) []int64 {
	x := New()
	x.Expect(tasks)
	return x.expected.worths[kind][:]
}
