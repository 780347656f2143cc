package sched

import (
	"fmt"
	"maps"
	"slices"

	"drover.dev/api"
)

// Diff says in what two indexes differ that decisions depend on, "" when in
// nothing. An index that was kept in step with a state equals one that was built
// from it; audits and tests rely on that.
func (x *Index) Diff(y *Index) string {
	switch {
	case x.home != y.home:
		return fmt.Sprintf("home is %q and %q", x.home, y.home)
	case !maps.Equal(x.links, y.links):
		return fmt.Sprintf("links are %v and %v", x.links, y.links)
	case len(x.nodes) != len(y.nodes):
		return fmt.Sprintf("%d and %d nodes", len(x.nodes), len(y.nodes))
	}
	for i := range x.nodes {
		if why := x.nodes[i].diff(y.nodes[i]); why != "" {
			return "node " + x.nodes[i].Name + ": " + why
		}
	}
	return x.queue.diff(&y.queue)
}

func (e *node) diff(o *node) string {
	used := func(n *node) string {
		return fmt.Sprintf("open %v (%s), free %v, devices %v, shares %v, ports %v, groups %v, tasks %d, %s",
			n.open, n.why, n.free, n.devices, n.shares, n.ports, n.groups, n.tasks, n.expected())
	}
	if a, b := used(e), used(o); a != b || e.Name != o.Name {
		return a + " and " + b
	}
	return ""
}

// expected shows when those on a node end, and what is promised there.
func (e *node) expected() (out string) {
	for _, h := range e.held {
		out += fmt.Sprintf("%v from %d until %d, ", h.ref, h.from, h.until)
	}
	for _, c := range e.claims {
		out += fmt.Sprintf("%d × %+v for %v, ", c.count, c.Reservation.ID, *c.Task)
	}
	return out
}

func (q *queue) diff(o *queue) string {
	if len(q.items) != len(o.items) || len(q.shapes) != len(o.shapes) {
		return fmt.Sprintf("%d items of %d shapes and %d of %d wait", len(q.items), len(q.shapes), len(o.items), len(o.shapes))
	}
	refs := make([]api.TaskRef, 0, len(q.items))
	for ref := range q.items { // order-free: sorted below
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, compareRefs)
	for _, ref := range refs {
		n, known := o.items[ref]
		if !known {
			return fmt.Sprintf("%v waits in one only", ref)
		}
		a, b := q.slab.whole(q.items[ref]), o.slab.whole(n)
		s, t := q.slab.owner(q.items[ref]).shape, o.slab.owner(n).shape
		if a.Ready != b.Ready || !slices.Equal(a.Gang, b.Gang) || s.ask.Shape != t.ask.Shape || s.blocked != t.blocked {
			return fmt.Sprintf("%v waits since %v of shape %q (blocked %v) and since %v of shape %q (blocked %v)",
				ref, a.Ready, s.ask.Shape, s.blocked, b.Ready, t.ask.Shape, t.blocked)
		}
	}
	return ""
}
