package assign

import (
	"errors"
	"fmt"
)

// Limits on what the solvers accept.
const (
	MaxCells = 1 << 25 // agents × jobs
	MaxTotal = 1 << 50 // sum over jobs of the largest |cost|, and of the largest weight
)

// ErrInfeasible says that provably no assignment respects the capacities.
var ErrInfeasible = errors.New("no assignment respects the capacities")

// Problem is a generalised assignment problem: minimise the sum of the costs of
// the chosen pairs, where each job is on one agent and the weights of the jobs
// on an agent sum to at most its capacity. A pair whose weight exceeds the
// agent's capacity is forbidden.
type Problem struct {
	Agents, Jobs int
	Cost         []int64 // [agent*Jobs+job], of either sign
	Weight       []int64 // [agent*Jobs+job], ≥ 0
	Capacity     []int64 // [agent], ≥ 0
}

// Options are what a solver takes from its surroundings. The zero value runs to
// the proof of optimality on the caller's goroutine, which can take forever.
type Options struct {
	// Par calls f(0) … f(n-1), at the same time if it likes, and returns when all
	// have returned. Nil: one after the other.
	Par func(n int, f func(i int))
	// Stop is asked often, from any goroutine that Par uses. Once it says true the
	// solver returns within some milliseconds with the best that it has.
	Stop func() bool
	// Seed varies the search.
	Seed uint64
}

func (o Options) withDefaults() Options {
	if o.Par == nil {
		o.Par = func(n int, f func(i int)) {
			for i := range n {
				f(i)
			}
		}
	}
	if o.Stop == nil {
		o.Stop = func() bool { return false }
	}
	return o
}

// Result is the best assignment found and the best bound proven.
type Result struct {
	Assignment []int // agent of each job; nil when none was found in time
	Cost       int64 // of Assignment
	LowerBound int64 // no assignment costs less
	Optimal    bool  // proven: LowerBound = Cost
}

// Validate returns why p cannot be solved, or nil.
func (p *Problem) Validate() error {
	if p.Agents < 1 || p.Jobs < 0 {
		return fmt.Errorf("%d agents and %d jobs: at least one agent is needed", p.Agents, p.Jobs)
	}
	if p.Jobs > MaxCells/p.Agents {
		return fmt.Errorf("%d agents × %d jobs: the limit is %d pairs", p.Agents, p.Jobs, MaxCells)
	}
	cells := p.Agents * p.Jobs
	if len(p.Cost) != cells || len(p.Weight) != cells || len(p.Capacity) != p.Agents {
		return fmt.Errorf("%d costs, %d weights and %d capacities for %d agents and %d jobs: want %d, %d and %d",
			len(p.Cost), len(p.Weight), len(p.Capacity), p.Agents, p.Jobs, cells, cells, p.Agents)
	}
	for i, c := range p.Capacity {
		if c < 0 || c > MaxTotal {
			return fmt.Errorf("capacity %d of agent %d is outside 0 to %d", c, i, int64(MaxTotal))
		}
	}
	var costs, weights int64
	for j := range p.Jobs {
		var c, w int64
		for i := range p.Agents {
			k := i*p.Jobs + j
			if p.Cost[k] > MaxTotal || p.Cost[k] < -MaxTotal || p.Weight[k] < 0 || p.Weight[k] > MaxTotal {
				return fmt.Errorf("cost %d and weight %d of job %d on agent %d: costs within ±%d, weights within 0 to %d",
					p.Cost[k], p.Weight[k], j, i, int64(MaxTotal), int64(MaxTotal))
			}
			c, w = max(c, p.Cost[k], -p.Cost[k]), max(w, p.Weight[k])
		}
		if costs, weights = costs+c, weights+w; costs > MaxTotal || weights > MaxTotal {
			return fmt.Errorf("costs or weights up to job %d sum to more than %d: use a coarser unit", j, int64(MaxTotal))
		}
	}
	return nil
}

// Check returns the cost of an assignment, or why it is none.
func (p *Problem) Check(assignment []int) (int64, error) {
	if len(assignment) != p.Jobs {
		return 0, fmt.Errorf("%d agents for %d jobs", len(assignment), p.Jobs)
	}
	load, cost := make([]int64, p.Agents), int64(0)
	for j, i := range assignment {
		if i < 0 || i >= p.Agents {
			return 0, fmt.Errorf("job %d is on agent %d: agents are 0 to %d", j, i, p.Agents-1)
		}
		load[i] += p.Weight[i*p.Jobs+j]
		cost += p.Cost[i*p.Jobs+j]
	}
	for i, l := range load {
		if l > p.Capacity[i] {
			return 0, fmt.Errorf("agent %d carries %d of at most %d", i, l, p.Capacity[i])
		}
	}
	return cost, nil
}
