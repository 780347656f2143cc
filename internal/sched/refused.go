package sched

import (
	"slices"

	"drover.dev/api"
)

// Where one task fits nowhere, none does that asks for as much of everything, until a
// node gains room. So in a full cell a few searches answer for all shapes.

// refusals are requests of which it is known that no node has room for them.
type refusals struct {
	gains, stale uint64 // values of the Index when they were refused
	list         []refusal
	next         int // to be overwritten, once there are maxRefusals
}

// refusal is a request and the nodes that were looked at.
type refusal struct {
	need    api.Resources
	passing *passing
}

// maxRefusals is how many are kept: requests differ in what they ask most of.
const maxRefusals = 16

// refused reports whether it is known that a task fits nowhere. False says nothing.
func (s *scorer) refused() bool {
	r := &s.x.refusals
	if !s.x.stepping || r.gains != s.x.gains || r.stale != s.x.stale {
		return false
	}
	for i := range r.list {
		if k := &r.list[i]; implies(&s.ask.Task.Resources, &k.need) && k.passing.covers(s.passing) {
			return true
		}
	}
	return false
}

// refuse remembers that a task fits nowhere for want of room alone: what relations,
// ports and promises to others forbid says nothing of those that ask for more.
func (s *scorer) refuse() {
	x, r := s.x, &s.x.refusals
	if !x.stepping || len(s.ties)+len(s.ask.Task.Ports)+len(x.promises) > 0 || s.passing.few != nil {
		return
	}
	if r.gains != x.gains || r.stale != x.stale {
		clear(r.list)
		*r = refusals{gains: x.gains, stale: x.stale, list: r.list[:0]}
	}
	k := refusal{s.ask.Task.Resources, s.passing}
	if len(r.list) < maxRefusals {
		r.list = append(r.list, k)
		return
	}
	r.list[r.next] = k
	r.next = (r.next + 1) % maxRefusals
}

// implies reports whether a request asks for as much of everything as another one that
// has at most one request for accelerators.
func implies(more, less *api.Resources) bool {
	if !within(less, more) || len(less.Accelerators) > 1 {
		return false
	}
	for i := range less.Accelerators {
		if !slices.ContainsFunc(more.Accelerators, func(a api.Accelerator) bool { return demands(&a, &less.Accelerators[i]) }) {
			return false
		}
	}
	return true
}

// demands reports whether devices that meet one request meet another one as well.
func demands(more, less *api.Accelerator) bool {
	return more.Kind == less.Kind && more.Count >= less.Count && (len(less.Models) == 0 || slices.Equal(more.Models, less.Models))
}

// covers reports whether all nodes that pass for another request pass for this one.
// Both were found with the same nodes present.
func (p *passing) covers(o *passing) bool {
	if p == o {
		return true
	}
	if p.few != nil || o.few != nil {
		return false
	}
	for i := range p.moulds {
		if o.moulds[i]&^p.moulds[i] != 0 {
			return false
		}
	}
	return true
}
