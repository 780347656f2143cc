package assign

import "testing"

// typed draws a problem of one of the usual kinds (P. Chu and J. Beasley, 1997, "A
// genetic algorithm for the generalised assignment problem") whose capacities leave
// little choice; pair draws a weight and a cost.
func typed(agents, jobs int, seed uint64, pair func(r *rng) (weight, cost int64)) *Problem {
	r := rng(seed)
	cells := agents * jobs
	p := &Problem{
		Agents: agents, Jobs: jobs, Cost: make([]int64, cells), Weight: make([]int64, cells), Capacity: make([]int64, agents),
	}
	for i := range agents {
		for j := range jobs {
			k := i*jobs + j
			p.Weight[k], p.Cost[k] = pair(&r)
			p.Capacity[i] += p.Weight[k]
		}
		p.Capacity[i] = p.Capacity[i] * 8 / 10 / int64(agents)
	}
	return p
}

// typeC draws a problem where cost and weight have nothing to do with each other.
func typeC(agents, jobs int, seed uint64) *Problem {
	return typed(agents, jobs, seed, func(r *rng) (weight, cost int64) {
		return 5 + int64(r.below(21)), 10 + int64(r.below(41))
	})
}

// typeD draws a problem where cost and weight oppose each other, the hardest kind.
func typeD(agents, jobs int, seed uint64) *Problem {
	return typed(agents, jobs, seed, func(r *rng) (weight, cost int64) {
		weight = 1 + int64(r.below(100))
		return weight, 111 - weight + int64(r.below(21)) - 10
	})
}

// The relaxation leads to assignments near its bound, after work that does not
// depend on the machine; and the same work gives the same result.
func TestDivesComeNearTheBound(t *testing.T) {
	for _, c := range []struct {
		name         string
		agents, jobs int
		asked        int     // how often the solver may ask whether to stop
		gap          float64 // at most, in percent
	}{
		{"few jobs on each agent", 10, 60, 2_500, 1},
		{"many jobs on each agent", 5, 100, 2_500, 0.3},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := typeD(c.agents, c.jobs, 1)
			solve := func() Result {
				left := c.asked
				r, err := Solve(p, Options{Stop: func() bool { left--; return left < 0 }})
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			r := solve()
			if cost, err := p.Check(r.Assignment); err != nil || cost != r.Cost {
				t.Fatalf("costs %d, not %d: %v", cost, r.Cost, err)
			}
			gap := 100 * float64(r.Cost-r.LowerBound) / float64(r.LowerBound)
			t.Logf("cost %d, bound %d, gap %.3f %%", r.Cost, r.LowerBound, gap)
			if gap > c.gap || gap < 0 {
				t.Errorf("cost %d and bound %d are %.2f %% apart: want at most %g %%", r.Cost, r.LowerBound, gap, c.gap)
			}
			if again := solve(); again.Cost != r.Cost || again.LowerBound != r.LowerBound {
				t.Errorf("the same work gives %d and bound %d, then %d and %d", r.Cost, r.LowerBound, again.Cost, again.LowerBound)
			}
		})
	}
}

// The proof does not go on looking for any assignment at all when dives have
// found one: it then proves how good that is.
func TestTheProofGoesOnFromWhatTheDivesFind(t *testing.T) {
	p := typeC(10, 60, 2)
	left := 40_000
	r, err := Solve(p, Options{Stop: func() bool { left--; return left < 0 }})
	if err != nil || !r.Optimal {
		t.Fatalf("cost %d, bound %d, %v: want a proof", r.Cost, r.LowerBound, err)
	}
	t.Logf("cost %d, proven after asking %d times whether to stop", r.Cost, 40_000-left)
}
