package assign

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func bruteGap(p *Problem) (best int64, ok bool) {
	agent := make([]int, p.Jobs)
	for {
		if c, err := p.Check(agent); err == nil && (!ok || c < best) {
			best, ok = c, true
		}
		j := 0
		for ; j < p.Jobs; j++ {
			if agent[j]++; agent[j] < p.Agents {
				break
			}
			agent[j] = 0
		}
		if j == p.Jobs {
			return best, ok
		}
	}
}

func drawProblem(t *rapid.T) *Problem {
	p := &Problem{Agents: rapid.IntRange(1, 4).Draw(t, "agents"), Jobs: rapid.IntRange(0, 6).Draw(t, "jobs")}
	cells := p.Agents * p.Jobs
	p.Cost = rapid.SliceOfN(rapid.Int64Range(-20, 40), cells, cells).Draw(t, "cost")
	p.Weight = rapid.SliceOfN(rapid.Int64Range(0, 20), cells, cells).Draw(t, "weight")
	p.Capacity = rapid.SliceOfN(rapid.Int64Range(0, 50), p.Agents, p.Agents).Draw(t, "capacity")
	return p
}

// Left to itself Solve proves the optimum, or that there is none.
func TestSolveIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		want, feasible := bruteGap(p)
		r, err := Solve(p, Options{})
		if !feasible {
			if !errors.Is(err, ErrInfeasible) {
				t.Fatalf("%+v, %v: nothing fits", r, err)
			}
			return
		}
		if err != nil || r.Cost != want || r.LowerBound != want || !r.Optimal {
			t.Fatalf("%+v, %v: brute force finds %d", r, err, want)
		}
		if c, err := p.Check(r.Assignment); err != nil || c != want {
			t.Fatalf("the assignment costs %d, %v", c, err)
		}
	})
}

// Few jobs that do not fit: every part of the search ends, and the proof has its turn.
func TestSolveEndsWithFewJobs(t *testing.T) {
	for _, p := range []Problem{
		{Agents: 1, Jobs: 3, Cost: []int64{26, 27, -2}, Weight: []int64{3, 0, 3}, Capacity: []int64{3}},
		{Agents: 3, Jobs: 2, Cost: []int64{0, 0, 5, 40, 21, -8}, Weight: []int64{20, 6, 5, 4, 1, 4}, Capacity: []int64{22, 0, 0}},
	} {
		if r, err := Solve(&p, Options{}); !errors.Is(err, ErrInfeasible) {
			t.Errorf("%+v, %v: nothing fits", r, err)
		}
	}
}

// Stopped at any moment, what is said is true.
func TestSolveIsAnytime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		want, feasible := bruteGap(p)
		left := rapid.IntRange(0, 300).Draw(t, "asked")
		r, err := Solve(p, Options{Stop: func() bool { left--; return left < 0 }})
		if err != nil {
			if feasible || !errors.Is(err, ErrInfeasible) {
				t.Fatal(err)
			}
			return
		}
		if feasible && r.LowerBound > want {
			t.Fatalf("bound %d above the optimum %d", r.LowerBound, want)
		}
		if r.Assignment != nil {
			if c, err := p.Check(r.Assignment); err != nil || c != r.Cost || c < want || r.Optimal && c != want {
				t.Fatalf("%+v: costs %d, %v; the optimum is %d", r, c, err, want)
			}
		}
	})
}

func TestWeightedCompletionIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawMachines(t, 3, 6)
		s, err := WeightedCompletion(p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if want := bruteCompletion(p); s.Objective != want || !s.Optimal {
			t.Fatalf("Σ w_j C_j = %d, bound %d; brute force finds %d", s.Objective, s.LowerBound, want)
		}
		if c, err := p.Check(s.Order); err != nil || c != s.Objective {
			t.Fatalf("the schedule has %d, %v", c, err)
		}
	})
}

func TestBadFilesSayWhere(t *testing.T) {
	gap := func(text string) error { _, err := ReadProblem(strings.NewReader(text)); return err }
	machines := func(text string) error { _, err := ReadMachines(strings.NewReader(text)); return err }
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"empty", gap(""), "line 1: the file ends before the number of agents"},
		{"word", gap("1 2\n3 x\n"), `line 2: cost of job 1 on agent 0 is "x", which is not an integer`},
		{"short", gap("1 2\n3 4\n5\n"), "line 4: the file ends before the weight of job 1 on agent 0"},
		{"negative", gap("1 1\n3\n-5\n9"), "line 3: weight of job 0 on agent 0 is -5: want 0 to 1125899906842624"},
		{"long", gap("1 1\n3\n5\n9\n\n7"), `line 6: "7" after the last number`},
		{"huge", gap("99999999 99999999"), "line 1: 99999999 agents × 99999999 jobs: at least one agent, at most 33554432 pairs"},
		{"no head", machines("1,2\n"), "line 1: want m,n"},
		{"tag", machines("m,n\n1,2\np,1,2\n"), `line 3: begins with "p": want "w"`},
		{"few", machines("m,n\n1,2\nw,1,2\np,1\n"), "line 4: 1 numbers: want 2"},
		{"fraction", machines("m,n\n1,2\nw,1,2\np,1,2.5\n"), `line 4: value 2 is "2.5": want an integer from 0 to 1125899906842624`},
		{"ends", machines("m,n\n2,1\nw,1\np,1\n"), `line 5: the file ends before a line "p" of 1 numbers`},
		{"more", machines("m,n\n1,1\nw,1\np,1\np,1\n"), "line 5: a line after those of the 1 machines"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, c.err, c.want)
		}
	}
}
