package grade

import (
	"math/rand/v2"
	"testing"

	"drover.dev/api"
)

// foretell is told, by a conformer.
func foretell(c *Conform, made api.Time) Prediction {
	p := told()
	p.Made, p.Submitted = made, made
	for _, q := range []*Quantiles{&p.Start, &p.End} {
		by := made.Sub(noon)
		*q = Quantiles{q.P10.Add(by), q.P50.Add(by), q.P90.Add(by)}
	}
	c.Adjust(&p)
	return p
}

// However far off predictions are, their intervals come to cover 80 %, and when what
// they are off by changes, they come to it again.
func TestIntervalsComeToCover(t *testing.T) {
	for name, truth := range map[string]func(i int, rng *rand.Rand) float64{
		"as foretold":       func(_ int, rng *rand.Rand) float64 { return 40 + 1.6*rng.NormFloat64() },
		"half as long more": func(_ int, rng *rand.Rand) float64 { return 60 + 1.6*rng.NormFloat64() },
		"far more varied":   func(_ int, rng *rand.Rand) float64 { return 40 + 9*rng.NormFloat64() },
		"shorter":           func(_ int, rng *rand.Rand) float64 { return 20 + 3*rng.NormFloat64() },
		"it changes":        func(i int, rng *rand.Rand) float64 { return 40 + 20*float64(i/400) + 3*rng.NormFloat64() },
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 5))
			var c Conform
			covered, counted, below := 0, 0, 0
			for i := range 800 {
				made := noon.Add(api.Duration(i) * s)
				g := Graded{Prediction: foretell(&c, made), Started: made.Add(10 * s)}
				g.Ended = made.Add(api.Duration(truth(i, rng) * float64(s)))
				if p := g.End; p.P10 > p.P50 || p.P50 > p.P90 || p.P10 < made {
					t.Fatalf("the quantiles are %+v", p)
				}
				if i%400 >= 100 { // it has had time to learn
					counted++
					if g.End.holds(g.Ended) {
						covered++
					}
					if g.Ended <= g.End.P50 {
						below++
					}
				}
				c.Learn(&g)
			}
			if share := float64(covered) / float64(counted); share < 0.75 || share > 0.85 {
				t.Errorf("%.0f %% are covered", 100*share)
			}
			if share := float64(below) / float64(counted); share < 0.4 || share > 0.6 {
				t.Errorf("%.0f %% are below the median", 100*share)
			}
		})
	}
}

func TestNothingIsMovedBeforeSomethingIsLearnt(t *testing.T) {
	var c Conform
	p, want := told(), told()
	c.Adjust(&p)
	if p.Start != want.Start || p.End != want.End || p.Run != want.Run {
		t.Errorf("%+v became %+v", want, p)
	}
	beyond := told()
	beyond.End, beyond.Run = Quantiles{P10: at(100 * s), P50: at(200 * s)}, Lengths{}
	c.Learn(&Graded{Prediction: p, Started: at(10 * s), Ended: at(500 * s)})
	c.Adjust(&beyond)
	if beyond.End.P90 != 0 || beyond.Run != (Lengths{}) {
		t.Errorf("what was beyond sight is %+v", beyond)
	}
}
