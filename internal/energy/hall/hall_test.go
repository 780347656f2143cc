package hall_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/hall"
)

var (
	plain = hall.Kind{Name: "plain", Cores: 10, Idle: 100, Full: 200}
	lean  = hall.Kind{Name: "lean", Cores: 10, Idle: 50, Full: 100}
)

func TestRun(t *testing.T) {
	jobs := []hall.Job{{Start: 0, Hours: 1, Cores: 5, Pieces: 2}}
	for _, tc := range []struct {
		name  string
		c     hall.Case
		kWh   float64
		awake float64
		wakes int
	}{
		{"servers that are always on draw their idle power", hall.Case{Servers: []hall.Kind{plain, plain}, Jobs: jobs, Hours: 2}, 0.5, 2, 0},
		{"those that sleep draw none", hall.Case{Servers: []hall.Kind{plain, plain}, Jobs: jobs, Hours: 2, Rule: hall.BestFit}, 0.2, 0.5, 1},
		{"a while passes before one sleeps", hall.Case{Servers: []hall.Kind{plain, plain}, Jobs: jobs, Hours: 2, Rule: hall.BestFit, Sleep: 0.5}, 0.25, 0.75, 1},
		{"best fit takes the first that sleeps", hall.Case{Servers: []hall.Kind{plain, lean}, Jobs: jobs, Hours: 2, Rule: hall.BestFit}, 0.2, 0.5, 1},
		{"least power the most efficient one", hall.Case{Servers: []hall.Kind{plain, lean}, Jobs: jobs, Hours: 2, Rule: hall.LeastPower}, 0.1, 0.5, 1},
		{"a service keeps its server awake", hall.Case{Servers: []hall.Kind{plain}, Services: []hall.Service{{Cores: 1}}, Hours: 3, Rule: hall.BestFit}, 0.3, 1, 0},
		{"one that is woken is at full power before it takes work", hall.Case{
			Servers: []hall.Kind{plain}, Jobs: []hall.Job{{Start: 1, Hours: 1, Cores: 10, Pieces: 1}}, Hours: 2, Rule: hall.BestFit, Wake: 0.5,
		}, 0.3, 0.5, 1},
		{"what finds no room waits for it", hall.Case{Servers: []hall.Kind{plain}, Jobs: []hall.Job{{Start: 0, Hours: 1, Cores: 10, Pieces: 2}}, Hours: 2, Rule: hall.BestFit}, 0.4, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := hall.Run(tc.c)
			if err != nil {
				t.Fatal(err)
			}
			if got := sum(out.KW); math.Abs(got-tc.kWh) > 1e-9 || math.Abs(out.Awake-tc.awake) > 1e-9 || out.Wakes != tc.wakes {
				t.Errorf("%g kWh, %g servers awake, %d woken", got, out.Awake, out.Wakes)
			}
		})
	}
}

func TestWaiting(t *testing.T) {
	out, err := hall.Run(hall.Case{Servers: []hall.Kind{plain}, Jobs: []hall.Job{{Start: 0, Hours: 1, Cores: 10, Pieces: 3}}, Hours: 3, Rule: hall.LeastPower})
	if err != nil {
		t.Fatal(err)
	}
	if out.Held != 1+2 {
		t.Errorf("pieces waited %g hours, the second one and the third two", out.Held)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]hall.Case{
		"no servers":     {Hours: 1},
		"no hours":       {Servers: []hall.Kind{plain}},
		"NaN":            {Servers: []hall.Kind{plain}, Hours: 1, Jobs: []hall.Job{{Start: math.NaN(), Hours: 1, Cores: 1, Pieces: 1}}},
		"too large":      {Servers: []hall.Kind{plain}, Hours: 1, Jobs: []hall.Job{{Hours: 1, Cores: 11, Pieces: 1}}},
		"out of order":   {Servers: []hall.Kind{plain}, Hours: 1, Jobs: []hall.Job{{Start: 1, Hours: 1, Cores: 1, Pieces: 1}, {Hours: 1, Cores: 1, Pieces: 1}}},
		"no such server": {Servers: []hall.Kind{{Cores: 1, Idle: 2, Full: 1}}, Hours: 1},
		"full":           {Servers: []hall.Kind{plain}, Hours: 1, Services: []hall.Service{{Cores: 6}, {Cores: 6}}},
	} {
		if _, err := hall.Run(c); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestNeverBelowTheLeast: under every rule jobs draw at least what they would on the
// most efficient servers, full, and servers that never sleep draw the most.
func TestNeverBelowTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := hall.Case{Servers: []hall.Kind{plain, lean, plain, lean}, Hours: 24, Sleep: rapid.Float64Range(0, 1).Draw(t, "sleep")}
		work := 0.0
		for range rapid.IntRange(1, 30).Draw(t, "jobs") {
			j := hall.Job{
				Start: rapid.Float64Range(0, 12).Draw(t, "start"), Hours: rapid.Float64Range(0.1, 3).Draw(t, "hours"),
				Cores: rapid.Float64Range(0.5, 10).Draw(t, "cores"), Pieces: rapid.IntRange(1, 3).Draw(t, "pieces"),
			}
			work += j.Hours * j.Cores * float64(j.Pieces)
			c.Jobs = append(c.Jobs, j)
		}
		slices.SortStableFunc(c.Jobs, func(a, b hall.Job) int { return cmp.Compare(a.Start, b.Start) })
		for _, rule := range []hall.Rule{hall.Spread, hall.BestFit, hall.LeastPower} {
			c.Rule = rule
			out, err := hall.Run(c)
			if err != nil {
				t.Fatal(err)
			}
			if got, least := sum(out.KW), work*hall.Least(c.Servers)/1000; got < least-1e-9 {
				t.Fatalf("rule %d: %g kWh, and the least is %g", rule, got, least)
			}
			if out.Awake > 4+1e-9 || rule == hall.Spread && math.Abs(out.Awake-4) > 1e-9 {
				t.Fatalf("rule %d: %g of 4 servers are awake", rule, out.Awake)
			}
			if most := work*0.02 + 0.3*float64(len(out.KW)) + 0.2*float64(out.Wakes); sum(out.KW) > most {
				t.Fatalf("rule %d: %g kWh, more than all can draw, %g", rule, sum(out.KW), most)
			}
		}
	})
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
