package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	list := func(n int, level func(i int) float64) (out []float64) {
		for i := range n {
			out = append(out, level(i)*math.Exp(0.2*r.NormFloat64()))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		values []float64
		median float64
		drift  string
	}{
		{"steady", list(400, func(int) float64 { return 5 }), 5, ""},
		{"twice as slow since lately", list(400, func(i int) float64 { return 5 * float64(1+i/350) }), 10, "higher"},
		{"quicker since lately", list(400, func(i int) float64 { return 6 / float64(1+i/350) }), 3, "lower"},
	} {
		f := FitOf("run", c.name, "s", c.values)
		if math.Abs(f.Median/c.median-1) > 0.15 || f.Low >= f.Median || f.High <= f.Median || f.Samples != 400 || f.Graded != 395 {
			t.Errorf("%s: %+v", c.name, f)
		}
		if f.Coverage < 72 || f.Coverage > 88 || f.Error >= f.Persistence {
			t.Errorf("%s: covered %.1f %%, error %.1f %%, persistence %.1f %%", c.name, f.Coverage, f.Error, f.Persistence)
		}
		if f.Drift != c.drift {
			t.Errorf("%s: drift %q", c.name, f.Drift)
		}
	}
	if f := FitOf("run", "nothing", "s", []float64{0, math.NaN(), math.Inf(1), -1}); f.Samples != 0 || f.Median != 0 {
		t.Errorf("%+v", f)
	}
}
