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
	c.now, c.green = x.now, x.green
	c.cell, c.usual, c.plans, c.greedy, c.tenants = x.cell, x.usual, x.plans, x.greedy, x.tenants
	c.placed, c.capacity, c.largest, c.expected, c.demands = x.placed, x.capacity, x.largest, x.typicalMix(), nil
	for _, name := range sortedKeys(x.used) {
		u := *x.used[name]
		c.used[name] = &u
	}
	for _, e := range x.nodes {
		n := e.copy()
		c.nodes = append(c.nodes, n)
		c.byName[n.Name] = n
		c.enroll(n)
	}
	c.supplies, c.supplyAt = slices.Clone(x.supplies), maps.Clone(x.supplyAt)
	c.number(0)
	c.census, c.trial, c.rumour = x.census, true, x.rumour
	c.stepping = true
	return c
}

// copy returns a node that tasks can be tried on.
func (e *node) copy() *node {
	n := *e
	n.devices = make([][]api.Milli, len(e.devices))
	for g := range e.devices {
		n.devices[g] = slices.Clone(e.devices[g])
	}
	n.ports, n.groups, n.shares, n.touched = maps.Clone(e.ports), maps.Clone(e.groups), maps.Clone(e.shares), false
	n.held, n.claims = slices.Clone(e.held), e.claims
	n.yields = nil
	n.class, n.mould, n.racked, n.shifting = nil, nil, false, false
	return &n
}

// FitsWhole reports whether a gang fits as a whole, and within its tenant's limit; a
// single task counts as one that does, whether it fits or not.
func (x *Index) FitsWhole(a *Ask) bool { return x.WhyNotWhole(a) == "" }

// WhyNotWhole says why a gang does not fit as a whole although its first may; ""
// when it does, and for a single task.
func (x *Index) WhyNotWhole(a *Ask) string {
	if a.Gang < 2 {
		return ""
	}
	if why := x.overLimit(a, int64(a.Gang)); why != "" {
		return why
	}
	if x.fitting(a) == 0 {
		return a.Unseated()
	}
	return ""
}

// Fill holds up to most further elements wherever they fit, node by node, and
// returns how many.
func (x *Index) Fill(a *Ask, most int32) (held int32) {
	if a.tied() {
		return x.fillTied(a, most)
	}
	for e := range x.passing(a).those {
		for held < most && e.open && e.fits(a) {
			held += x.holdOn(e, a)
		}
	}
	return held
}

// OneEach holds an element on every node that takes one now. It returns how many
// nodes pass the requirements, and how many took one.
func (x *Index) OneEach(a *Ask) (pass, took int32) {
	for e := range x.passing(a).those {
		if pass++; e.open && e.fits(a) && permits(x.ties(a), e) {
			took += x.holdOn(e, a)
		}
	}
	return pass, took
}

func (x *Index) holdOn(e *node, a *Ask) int32 {
	devices, _ := assign(e.devices, e.Capacity.Accelerators, a.Task.Resources.Accelerators)
	e.try(api.TaskRef{}, a, devices)
	x.moved(e)
	x.reckon(e, a, 1, false)
	return 1
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
