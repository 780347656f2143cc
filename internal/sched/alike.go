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

// PlannerOf names the planner of a strategy; "" when it has none, or is not known.
func (x *Index) PlannerOf(strategy string) string {
	if p := x.plans[strategy]; p != nil {
		return p.planner
	}
	return ""
}

// At is the ask for the nodes of one site only, decided by a strategy.
func (a *Ask) At(site, strategy string) *Ask {
	b := *a
	b.site, b.Strategy = site, strategy
	for _, key := range [...]*string{&b.Shape, &b.Static} {
		if *key != "" {
			*key += "@@" + site
		}
	}
	return &b
}
