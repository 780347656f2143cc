package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Where nothing changes an alarm is rare, whatever the values are like; it is looked for
// again and again, as who refits all the time does.
func TestDriftIsRarelyFalse(t *testing.T) {
	for name, draw := range map[string]func(r *rand.Rand) float64{
		"nearly constant": func(r *rand.Rand) float64 { return 5 * math.Exp(0.01*r.NormFloat64()) },
		"log-normal":      func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) },
		"exponential":     func(r *rand.Rand) float64 { return r.ExpFloat64() + 1e-9 },
		"two kinds":       func(r *rand.Rand) float64 { return float64(1 + 99*r.IntN(2)) },
		"heavy tails":     func(r *rand.Rand) float64 { return 1 / (1 - r.Float64()) },
	} {
		t.Run(name, func(t *testing.T) {
			r, alarms := rand.New(rand.NewPCG(9, 9)), 0
			for range 100 {
				var values []float64
				for i := range 200 {
					values = append(values, draw(r))
					if i%4 == 0 && Drift(values) != "" {
						alarms++
						break
					}
				}
			}
			if alarms > 3 {
				t.Errorf("%d of 100 histories in which nothing changes raise an alarm", alarms)
			}
		})
	}
}

// Runs that take twice as long are found after a few of them, as long as they vary by
// less than that.
func TestDriftIsSoonSeen(t *testing.T) {
	for _, c := range []struct {
		name   string
		varies float64 // standard deviation of the logarithm
		within int
	}{
		{"all alike", 0, 6},
		{"by a fifth", 0.2, 10},
		{"by half", 0.5, 40},
	} {
		r := rand.New(rand.NewPCG(4, 4))
		for range 50 {
			var values []float64
			for range 100 {
				values = append(values, 5*math.Exp(c.varies*r.NormFloat64()))
			}
			late := 0
			for late = 1; late < 100; late++ {
				if values = append(values, 10*math.Exp(c.varies*r.NormFloat64())); Drift(values) == "higher" {
					break
				}
			}
			if late > c.within {
				t.Errorf("varying %s: an alarm after %d runs", c.name, late)
			}
		}
	}
}

// An alarm ends when what was new has become usual.
func TestDriftEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	var values []float64
	for i := range 600 {
		level := 1.0
		if i >= 100 {
			level = 2
		}
		values = append(values, level*math.Exp(0.2*r.NormFloat64()))
	}
	if got := Drift(values[:120]); got != "higher" {
		t.Errorf("after 20 of them: %q", got)
	}
	if got := Drift(values); got != "" {
		t.Errorf("after 500 of them: %q", got)
	}
}
