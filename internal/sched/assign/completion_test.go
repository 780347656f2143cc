package assign

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// bruteCompletion tries all assignments; on one machine Smith's order is best.
func bruteCompletion(p *Machines) int64 {
	o := newSequencing(p)
	best, agent := int64(-1), make([]int, p.Jobs)
	for {
		if c := o.total(agent); best < 0 || c < best {
			best = c
		}
		j := 0
		for ; j < p.Jobs; j++ {
			if agent[j]++; agent[j] < p.Machines {
				break
			}
			agent[j] = 0
		}
		if j == p.Jobs {
			return best
		}
	}
}

func drawMachines(t *rapid.T, m, n int) *Machines {
	p := &Machines{Machines: rapid.IntRange(1, m).Draw(t, "machines"), Jobs: rapid.IntRange(0, n).Draw(t, "jobs")}
	p.Time = rapid.SliceOfN(rapid.Int64Range(0, 30), p.Machines*p.Jobs, p.Machines*p.Jobs).Draw(t, "time")
	p.Weight = rapid.SliceOfN(rapid.Int64Range(0, 9), p.Jobs, p.Jobs).Draw(t, "weight")
	return p
}

func TestCompletionIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawMachines(t, 3, 6)
		s, err := Completion(p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if want := bruteCompletion(p.unweighted()); s.Objective != want || !s.Optimal {
			t.Fatalf("Σ C_j = %d, bound %d; brute force finds %d", s.Objective, s.LowerBound, want)
		}
	})
}

// The duals prove larger ones, among them those full of ties.
func TestCompletionProvesItself(t *testing.T) {
	for name, time := range machineKinds {
		t.Run(name, func(t *testing.T) {
			p := makeMachines(10, 400, time)
			s, err := Completion(p, Options{})
			if err != nil || !s.Optimal {
				t.Fatalf("Σ C_j = %d, bound %d, %v", s.Objective, s.LowerBound, err)
			}
		})
	}
}

// machineKinds give the time of a job on a machine from random numbers.
var machineKinds = map[string]func(r *rng, i, j int) int64{
	"unrelated": func(r *rng, _, _ int) int64 { return int64(1 + r.below(100)) },
	"wide":      func(r *rng, _, _ int) int64 { return int64(1 + r.below(1_000_000)) },
	"identical": func(_ *rng, _, j int) int64 { return int64(1 + j*37%101) },
	"equal":     func(*rng, int, int) int64 { return 7 },
	"related":   func(_ *rng, i, j int) int64 { return int64((1 + j*37%101) * (1 + i%5)) },
}

func makeMachines(m, n int, time func(r *rng, i, j int) int64) *Machines {
	r := rng(1)
	p := &Machines{Machines: m, Jobs: n, Time: make([]int64, 0, m*n)}
	for i := range m {
		for j := range n {
			p.Time = append(p.Time, time(&r, i, j))
		}
	}
	return p
}

func BenchmarkCompletion(b *testing.B) {
	for _, name := range []string{"unrelated", "wide", "identical", "equal", "related"} {
		p := makeMachines(50, 5000, machineKinds[name])
		b.Run(fmt.Sprintf("50x5000/%s", name), func(b *testing.B) {
			for b.Loop() {
				if s, err := Completion(p, Options{}); err != nil || !s.Optimal {
					b.Fatal(s.Objective, s.LowerBound, err)
				}
			}
		})
	}
}
