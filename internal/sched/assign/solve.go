package assign

import (
	"math"
	"slices"
)

// slice is the effort that each lane spends between two meetings.
const slice = 2_400_000

// Solve returns the best assignment that it finds until opt.Stop says true, and
// the best bound that it proves. It ends by itself when they meet. The error is
// that of p.Validate, or ErrInfeasible when that is proven; a Result without
// Assignment means that none was found.
//
// One lane improves the bound and then, in turn with dives, searches the whole
// tree for solutions at the bound, raising the bound by one whenever there is
// none; the other lane looks for better assignments by dives, by large
// neighbourhoods and by chains.
func Solve(p *Problem, opt Options) (Result, error) {
	if err := p.Validate(); err != nil {
		return Result{}, err
	}
	if p.Jobs == 0 {
		return Result{Assignment: []int{}, Optimal: true}, nil
	}
	s := newSolver(p, opt.withDefaults())
	for !s.done() {
		s.meet()
	}
	return s.result()
}

// solver holds a run of Solve between meetings of its lanes.
type solver struct {
	p      *Problem
	opt    Options
	search *search

	bound      *bounder
	part       *part
	chains     [lanes]*chains
	divers     [lanes]*diver
	deep       [lanes][]int // what the divers found
	round      int
	infeasible bool
	best       []int
	cost       int64
}

func newSolver(p *Problem, opt Options) *solver {
	g := newGrid(p)
	s := &solver{p: p, opt: opt, cost: math.MaxInt64}
	lambda := capacityPrices(g, 1000, opt.Stop)
	s.bound = newBounder(newRelaxation(p.Agents, p.Jobs, &packing{p: p}, opt), p.ceiling())
	u := s.bound.u
	for j := range u {
		u[j] = math.Inf(1)
		for i, c := range g.job(j) {
			u[j] = min(u[j], (c.cost+lambda[i]*c.weight)*scale)
		}
		if math.IsInf(u[j], 1) {
			s.infeasible = true
			return s
		}
	}
	s.search = newSearch(p, g, lambda, opt)
	s.search.guide(s.bound.r, u)
	s.bound.improved(s.bound.r.total)
	s.part = newPart(s.search, opt.Seed*lanes)
	for k := range s.chains {
		s.chains[k] = newChains(s.search, lambda, opt.Seed*lanes+uint64(k))
	}
	for k := range s.divers {
		s.divers[k] = newDiver(newRelaxation(p.Agents, p.Jobs, &packing{p: p}, opt), opt.Seed*lanes+uint64(k))
	}
	s.keep()
	return s
}

// ceiling is a cost that no assignment exceeds.
func (p *Problem) ceiling() int64 {
	total := int64(0)
	for j := range p.Jobs {
		top := int64(math.MinInt64)
		for i := range p.Agents {
			top = max(top, p.Cost[i*p.Jobs+j])
		}
		total += top
	}
	return total
}

func (s *solver) done() bool {
	s.infeasible = s.infeasible || s.bound.low > s.bound.ceiling
	return s.infeasible || s.best != nil && s.bound.low >= s.cost || s.opt.Stop()
}

// meet runs both lanes for a slice and brings their findings together.
func (s *solver) meet() {
	s.round++
	b := s.bound
	b.upper = min(s.cost, b.ceiling+1)
	bounding, low, upper := b.worthwhile(s.round), b.low, b.upper
	s.opt.Par(lanes, func(lane int) {
		switch {
		case lane == 1 && bounding:
			b.run(slice) // what a tree does beside pricing is not counted
		case lane == 0 && s.round%4 == 0:
			s.part.run(slice)
		case lane == 0 && s.round%8 == 6:
			s.chains[lane].run(slice)
		default:
			s.deep[lane] = s.divers[lane].run(slice, s.search.u, low, upper)
		}
	})
	for k, found := range s.deep {
		s.take(found)
		s.deep[k] = nil
	}
	for _, c := range s.chains {
		if c.cost < s.cost {
			s.best, s.cost = slices.Clone(c.best), c.cost
			s.search.adopt(c.best)
		}
	}
	s.keep()
	s.take(b.found)
	b.found = nil
	if b.fresh {
		b.fresh = false
		s.search.guide(b.r, b.u)
	}
}

// take adopts an assignment when it is the best; nil is none.
func (s *solver) take(found []int) {
	if found == nil {
		return
	}
	if c, err := s.p.Check(found); err == nil && c < s.cost {
		s.best, s.cost = found, c
		s.search.adopt(found)
	}
}

// keep remembers the assignment of the search when it is the best.
func (s *solver) keep() {
	if c, ok := s.search.total(); ok && c < s.cost {
		s.best, s.cost = append([]int(nil), s.search.agent...), c
		for _, c := range s.chains {
			c.offer(s.best)
		}
		s.part.size = max(2, s.part.size-1)
	}
}

func (s *solver) result() (Result, error) {
	if s.infeasible {
		return Result{}, ErrInfeasible
	}
	r := Result{Assignment: s.best, LowerBound: s.bound.low}
	if s.best != nil {
		r.Cost = s.cost
		r.LowerBound = min(r.LowerBound, r.Cost)
		r.Optimal = s.bound.low >= s.cost
	}
	return r, nil
}
