package sched

import (
	"maps"
	"slices"

	"drover.dev/api"
)

// Trial returns a copy to try placements on. It has no queue.
func (x *Index) Trial() *Index {
	c := New()
	c.home, c.sites, c.links = x.home, x.sites, x.links
	for _, e := range x.nodes {
		n := *e
		n.devices = make([][]api.Milli, len(e.devices))
		for g := range e.devices {
			n.devices[g] = slices.Clone(e.devices[g])
		}
		n.ports, n.groups, n.touched = maps.Clone(e.ports), maps.Clone(e.groups), false
		c.nodes = append(c.nodes, &n)
		c.byName[n.Name] = &n
	}
	return c
}

// Taken returns the shares of a node's accelerators that tasks hold, by group.
func (x *Index) Taken(name string) []api.Accelerator {
	e := x.byName[name]
	if e == nil {
		return nil
	}
	var out []api.Accelerator
	for g, a := range e.Capacity.Accelerators {
		taken := api.Milli(0)
		for _, free := range e.devices[g] {
			taken += 1000 - free
		}
		out = append(out, api.Accelerator{Kind: a.Kind, Models: a.Models, Count: taken})
	}
	return out
}
