package sched

import (
	"slices"

	"drover.dev/api"
)

// wishesTerm is how much of its soft requirements a node meets, each alike much.
type wishesTerm struct{}

func (wishesTerm) concerns(a *Ask) bool {
	q, soft := &a.Task.Requires, func(e api.Expression) bool { return e.Soft }
	return slices.ContainsFunc(q.Affinity, soft) || slices.ContainsFunc(q.AntiAffinity, soft) ||
		slices.ContainsFunc(a.rules(), func(r rule) bool { return r.soft })
}

func (wishesTerm) value(s *scorer, e *node) int64 {
	sum, n := int64(0), int64(0)
	q := &s.ask.Task.Requires
	for anti, list := range [...][]api.Expression{q.Affinity, q.AntiAffinity} {
		for i := range list {
			if !list[i].Soft {
				continue
			}
			if n++; Matches(e.Labels, &list[i]) != (anti == 1) {
				sum += unit
			}
		}
	}
	for i := range s.ties {
		if t := &s.ties[i]; t.soft {
			n++
			sum += t.value(e)
		}
	}
	return sum / max(n, 1)
}

// fewParts is the part of the nodes below which those that relations leave are
// looked at one by one.
const fewParts = 8

// few reports whether one of the relations leaves few nodes, and remembers it. Those of
// a value by which classes can be divided are searched in order when they are not very
// few, see subset.
func (s *scorer) few(p *passing) bool {
	least := p.n / fewParts
	for i := range s.ties {
		if n, ok := s.ties[i].admits(); ok && n < least {
			least, s.narrow = n, &s.ties[i]
		}
	}
	return s.narrow != nil && (least <= veryFew || !s.inOrder || !s.x.stepping || !s.narrow.divides())
}

// veryFew nodes are sooner looked at one by one than searched in order.
const veryFew = 256

// countedValues is of how many values a spread is looked at beforehand.
const countedValues = 256

// admits counts the nodes that a relation leaves, where that takes little.
func (t *tie) admits() (nodes int, ok bool) {
	if t.kind == inside {
		return len(t.at.members[t.least]), true
	}
	if t.soft || t.kind == apart || t.free || t.kind == spread && len(t.at.values) > countedValues {
		return 0, false
	}
	for v := range t.values() {
		nodes += len(t.at.members[v])
	}
	return nodes, true
}

// values yields the values of the label that a relation leaves, in any order.
func (t *tie) values() func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		if t.kind == inside {
			yield(t.least)
			return
		}
		if t.kind == near {
			for v := range t.counts.counts { // order-free: the best of them does not depend on it
				if id, ok := t.at.ids[v]; ok && !yield(id) {
					return
				}
			}
			return
		}
		self := int32(0)
		if t.self {
			self = 1
		}
		for id, n := range t.by {
			if n+self-t.least <= t.skew && !yield(int32(id)) {
				return
			}
		}
	}
}

// searchFew looks at the nodes that the narrowest relation leaves.
func (s *scorer) searchFew(t *top, p *passing) {
	if s.inOrder && s.x.stepping {
		s.x.arrange() // equal nodes take turns by their place
	}
	for v := range s.narrow.values() {
		for _, at := range s.narrow.at.members[v] {
			if e := s.x.nodes[at]; p.has(e) && e.open && e.fits(s.ask) && permits(s.ties, e) {
				t.offer(s, e)
			}
		}
	}
}

// fillTied is Fill for tasks that are tied to each other: each one counts before
// the next is looked at.
func (x *Index) fillTied(a *Ask, most int32) (held int32) {
	for more := true; more && held < most; {
		more = false
		for e := range x.passing(a).those {
			if held < most && e.open && e.fits(a) && permits(x.ties(a), e) {
				held += x.holdOn(e, a)
				more = true
			}
		}
	}
	return held
}

// dropRelations tries a task without each of its relations.
func dropRelations(t *api.Task, try func(string, *api.Task)) {
	q := &t.Requires
	without := func(change func(*api.Requirements)) *api.Task {
		c := *t
		change(&c.Requires)
		return &c
	}
	for i := range q.Near {
		r := &q.Near[i]
		try("drop the requirement "+describe(&rule{kind: near, label: r.Within}, r.Workload, r.Labels),
			without(func(c *api.Requirements) { c.Near = slices.Delete(slices.Clone(q.Near), i, i+1) }))
	}
	for i := range q.Apart {
		r := &q.Apart[i]
		try("drop the requirement "+describe(&rule{kind: apart, label: r.Within}, r.Workload, r.Labels),
			without(func(c *api.Requirements) { c.Apart = slices.Delete(slices.Clone(q.Apart), i, i+1) }))
	}
	for i := range q.Spread {
		r := &q.Spread[i]
		try("drop the requirement "+describe(&rule{kind: spread, label: r.Over, skew: r.Skew}, r.Workload, r.Labels),
			without(func(c *api.Requirements) { c.Spread = slices.Delete(slices.Clone(q.Spread), i, i+1) }))
	}
}
