package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestPredictions(t *testing.T) {
	ann, bob, any := []string{"ann", ""}, []string{"bob", ""}, []string{"eve", ""}
	d := NewDurations(Tuning{Prior: 1, HalfLife: 8})
	if got := d.Predict(any); len(got) != 0 || got.Quantile(0.5) != 0 {
		t.Errorf("before the first run: %v", got)
	}
	for i := range 40 {
		d.Observe(ann, 10+float64(i%2))
		d.Observe(bob, 1000)
	}
	for _, c := range []struct {
		name     string
		got      float64
		low, top float64
	}{
		{"ann's next is like her last", d.Predict(ann).Quantile(0.5), 10, 11},
		{"bob's, too", d.Predict(bob).Quantile(0.5), 1000, 1000},
		{"a stranger's may be either", d.Predict(any).Quantile(0.25), 10, 11},
		{"or the other", d.Predict(any).Quantile(0.75), 1000, 1000},
		{"what has run longer than hers is one of the others", d.Predict(ann).Beyond(12).Quantile(0.5), 1000, 1000},
		{"what has run longer than any goes on", d.Predict(ann).Beyond(2000).Quantile(0.5), 2001, 6000},
		{"the least percentage error is below the median", d.Predict(any).LeastPercent(), 10, 11},
		{"the mean is between", d.Predict(any).Mean(), 400, 600},
	} {
		if c.got < c.low || c.got > c.top {
			t.Errorf("%s: %g, expected %g to %g", c.name, c.got, c.low, c.top)
		}
	}
}

func TestDistributionsSumToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDurations(rapid.SampledFrom(Tunings()).Draw(t, "tuning"))
		key := rapid.SampledFrom([]string{"a", "b", "c"})
		for _, run := range rapid.SliceOfN(rapid.Float64Range(0, 1e9), 1, 200).Draw(t, "runs") {
			d.Observe([]string{key.Draw(t, "key"), ""}, run)
		}
		p := d.Predict([]string{key.Draw(t, "asked"), ""}).Beyond(rapid.Float64Range(-1, 2e9).Draw(t, "passed"))
		sum, last := 0.0, math.Inf(-1)
		for _, l := range p {
			if l.Value < last || l.Weight < 0 {
				t.Fatalf("%v", p)
			}
			sum, last = sum+l.Weight, l.Value
		}
		if math.Abs(sum-1) > 1e-9 || p.Quantile(0) > p.Quantile(0.5) || p.Quantile(0.5) > p.Quantile(1) {
			t.Fatalf("it sums to %g: %v", sum, p)
		}
	})
}

// Where each key has its own run time, the most particular one is believed; where run
// times step up, old runs are forgotten soon.
func TestTuningFollowsTheRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	runs := func(level func(i int) float64) (list []Run) {
		for i := range 1500 {
			at := float64(i)
			list = append(list, Run{Keys: []string{fmt.Sprint(i % 300), ""}, Submitted: at, Ended: at + 0.5, Took: level(i) * math.Exp(0.05*r.NormFloat64())})
		}
		return list
	}
	if own := Tune(runs(func(i int) float64 { return 10 * float64(i%300+1) })); own.Prior > 0.5 {
		t.Errorf("keys that differ much: %+v", own)
	}
	if all := Tune(runs(func(int) float64 { return 10 })); all.Prior < 0.5 {
		t.Errorf("keys that do not differ: %+v", all)
	}
	if steps := Tune(runs(func(i int) float64 { return math.Exp2(float64(i / 50 % 2 * 4)) })); steps.HalfLife > 8 {
		t.Errorf("a level that steps: %+v", steps)
	}
}

// The interval covers four of five although the distribution that it is of is far too
// narrow, and whether the truth drifts.
func TestIntervalsLearn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	l, inside := NewLevels(), 0
	const n = 20_000
	for i := range n {
		truth := 100 * math.Exp(0.3*r.NormFloat64()) * (1 + float64(i)/n)
		d := Distribution{{90, 0.25}, {100, 0.5}, {110, 0.25}}
		low, high := l.Of(d)
		if low <= truth && truth <= high {
			inside++
		}
		l.Learn(low, high, truth)
	}
	if share := float64(inside) / n; share < 0.77 || share > 0.84 {
		t.Errorf("%.3f lie inside, not 0.8", share)
	}
}
