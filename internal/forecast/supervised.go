package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// The supervised models learn the next value from lags, the phase of each season,
// the trend and inputs, and are iterated to the horizon. Their intervals come from
// the errors of a model that did not see the last stretch (split conformal), at each
// distance.
type (
	// Regression is ridge regression on lags, Fourier terms of each season and inputs.
	Regression struct {
		Lambda   float64 // penalty relative to the number of rows; 0 means 0.001
		Harmonic int     // Fourier pairs per season; 0 means 3
	}
	// DecisionTree is one regression tree.
	DecisionTree struct {
		Leaves, MinLeaf int // 0 mean 16 and 5
	}
	// RandomForest is the mean of trees on random parts of rows and features.
	RandomForest struct {
		Trees   int // 0 means 100
		MinLeaf int // 0 means 3
		Seed    uint64
	}
	// GradientBoosting is a sum of small trees, each on the errors of those before.
	GradientBoosting struct {
		Trees  int     // 0 means 200
		Leaves int     // 0 means 8
		Rate   float64 // 0 means 0.05
		Seed   uint64
	}
)

var (
	_ Model = Regression{}
	_ Model = DecisionTree{}
	_ Model = RandomForest{}
	_ Model = GradientBoosting{}
)

func or[T int | float64](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Fit implements Model.
func (m Regression) Fit(s Series) (Fitted, error) {
	return fitSupervised("regression", s, ridge{lambda: or(m.Lambda, 1e-3)}, or(m.Harmonic, 3), 0)
}

// Fit implements Model.
func (m DecisionTree) Fit(s Series) (Fitted, error) {
	return fitSupervised("tree", s, singleTree{or(m.Leaves, 16), or(m.MinLeaf, 5)}, 0, 0)
}

// Fit implements Model.
func (m RandomForest) Fit(s Series) (Fitted, error) {
	how := forest{trees: or(m.Trees, 100), leaves: 256, minLeaf: or(m.MinLeaf, 3), share: .5}
	return fitSupervised("forest", s, how, 0, m.Seed)
}

// Fit implements Model.
func (m GradientBoosting) Fit(s Series) (Fitted, error) {
	how := boosting{trees: or(m.Trees, 200), leaves: or(m.Leaves, 8), minLeaf: 5, rate: or(m.Rate, .05), rows: .7, columns: .7}
	return fitSupervised("gbt", s, how, 0, m.Seed)
}

// frame says which features a supervised model sees.
type frame struct {
	lags     []int
	periods  []int
	harmonic int // Fourier pairs; 0: the phase as a number, which suits trees
	exog     [][]float64

	anchor int
}

// features appends those of step t, which follows on x[at-1].
func (f *frame) features(x []float64, at, t int, out []float64) []float64 {
	base := x[at-f.anchor]
	for _, l := range f.lags {
		out = append(out, x[at-l]-base)
	}
	for _, m := range f.periods {
		phase := float64(t % m)
		if f.harmonic == 0 {
			out = append(out, phase)
		}
		for k := 1; k <= min(f.harmonic, m/2); k++ {
			sin, cos := math.Sincos(2 * math.Pi * float64(k) * phase / float64(m))
			out = append(out, sin, cos)
		}
	}
	for _, e := range f.exog {
		out = append(out, e[min(t, len(e)-1)])
	}
	return out
}

func (f *frame) reach() int { return max(f.anchor, f.lags[len(f.lags)-1]) }

// supervised is a fitted learner on a series.
type supervised struct {
	frame *frame
	reg   regressor
}

// newSupervised trains; nil when the series is too short.
func newSupervised(x []float64, f *frame, how learner, seed uint64) *supervised {
	reach := f.reach()
	if len(x)-reach < 8 {
		return nil
	}
	var cols [][]float64
	var row, y []float64
	for t := reach; t < len(x); t++ {
		row = f.features(x, t, t, row[:0])
		if cols == nil {
			cols = make([][]float64, len(row))
		}
		for c, v := range row {
			cols[c] = append(cols[c], v)
		}
		y = append(y, x[t]-x[t-f.anchor])
	}
	return &supervised{f, how.learn(cols, y, seed, Run{})}
}

func (s *supervised) iterate(x []float64, h int) []float64 {
	return s.onward(x, len(x), slices.Min(x), slices.Max(x), h)
}

// onward forecasts h steps from step t, which follows on x, within four times the range
// of the series.
func (s *supervised) onward(x []float64, t int, lo, hi float64, h int) []float64 {
	all := append(make([]float64, 0, len(x)+h), x...)
	room := 1.5 * (hi - lo)
	var row []float64
	for i := range h {
		at := len(all)
		row = s.frame.features(all, at, t+i, row[:0])
		v := all[at-s.frame.anchor] + s.reg.at(row)
		all = append(all, max(lo-room, min(hi+room, v)))
	}
	return all[len(x):]
}

func fitSupervised(name string, s Series, how learner, harmonic int, seed uint64) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	f := &frame{periods: s.Periods, harmonic: harmonic, exog: s.Exog, anchor: 1}
	for len(f.periods) > 0 && len(x) < 3*f.periods[len(f.periods)-1] {
		f.periods = f.periods[:len(f.periods)-1]
	}
	if len(f.periods) > 0 {
		f.anchor = f.periods[0]
	}
	f.lags = seasonLags(f.periods, len(x))
	whole := newSupervised(x, f, how, seed)
	if whole == nil || constant(x) {
		return seasonalNaive("naive", x, 1, append(notes, "constant or too short: naive instead of "+name)), nil
	}
	sum := plain(name, fmt.Sprintf("%d lags, seasons %v, %d inputs", len(f.lags), f.periods, len(s.Exog)))
	sum.Notes = notes
	spread := holdout(x, func(head []float64) func(past []float64, h int) []float64 {
		if part := newSupervised(head, f, how, seed); part != nil {
			return part.iterate
		}
		return whole.iterate
	})
	return &fit{summary: sum, body: newIterated(whole, x, spread)}, nil
}

// spreads are quantiles of absolute errors by distance.
type spreads struct{ q80, q95 []float64 }

// holdout trains on the first 70 % and collects the errors of forecasts from up to
// 60 origins after it.
func holdout(x []float64, train func(head []float64) func(past []float64, h int) []float64) spreads {
	const origins, furthest = 60, 200
	cut := max(len(x)*7/10, min(len(x)-1, 12))
	predict := train(x[:cut])
	reach := min(furthest, max(1, (len(x)-cut)/2))
	errs := make([][]float64, reach)
	step := max(1, (len(x)-cut)/origins)
	for at := cut; at < len(x); at += step {
		p := predict(x[:at], min(reach, len(x)-at))
		for i, v := range p {
			errs[i] = append(errs[i], math.Abs(x[at+i]-v))
		}
	}
	var out spreads
	for i := range errs {
		var near []float64 // neighbours steady the quantile
		for j := max(0, i-2); j <= min(reach-1, i+2); j++ {
			near = append(near, errs[j]...)
		}
		slices.Sort(near)
		n := float64(len(near))
		out.q80 = append(out.q80, quantile(near, min(1, .80*(1+1/n))))
		out.q95 = append(out.q95, quantile(near, min(1, .95*(1+1/n))))
	}
	return out
}

// around puts the intervals around means; beyond the errors that were seen they
// widen like those of a random walk.
func (s spreads) around(mu []float64) Forecast {
	n := len(mu)
	out := Forecast{mu, make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i, v := range mu {
		k := min(i, len(s.q80)-1)
		grow := math.Sqrt(float64(i+1) / float64(k+1))
		out.Lo80[i], out.Hi80[i] = v-grow*s.q80[k], v+grow*s.q80[k]
		out.Lo95[i], out.Hi95[i] = v-grow*s.q95[k], v+grow*s.q95[k]
	}
	return out
}

// newRand is the one way random numbers start here.
func newRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
