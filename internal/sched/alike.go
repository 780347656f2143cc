package sched

import "slices"

// PlaceAlike reports whether two strategies place every task alike, so that only the
// order of the queue tells them apart. One that is not known is like no other.
func (x *Index) PlaceAlike(one, other string) bool {
	p, q := x.plans[one], x.plans[other]
	switch {
	case p == nil || q == nil:
		return false
	case p == q:
		return true
	case one == Default || other == Default: // it goes by each job's objective
		return false
	}
	same := func(v, w weighted) bool { return v.name == w.name && v.weight == w.weight }
	return p.first == q.first && p.pair == q.pair && p.planner == q.planner && slices.EqualFunc(p.terms, q.terms, same)
}
