package forecast

import (
	"fmt"
	"math"
	"slices"
)

// The simple models (Hyndman and Athanasopoulos, 2021, "Forecasting: Principles
// and Practice", 3rd ed., sections 5.2 and 5.5).
type (
	// Naive repeats the last value.
	Naive struct{}
	// SeasonalNaive repeats the last season, the naive value when there is none.
	SeasonalNaive struct{}
	// Drift continues the line from the first to the last value.
	Drift struct{}
	// MovingAverage is the mean of the last Window values; 0 means one season, at least 3.
	MovingAverage struct{ Window int }
	// Naive2 is naive on the seasonally adjusted series when the seasonality is
	// significant (Makridakis, Spiliotis and Assimakopoulos, 2020, "The M4 Competition").
	Naive2 struct{}
)

var (
	_ Model = Naive{}
	_ Model = SeasonalNaive{}
	_ Model = Drift{}
	_ Model = MovingAverage{}
	_ Model = Naive2{}
)

// prepare checks a series and fills its gaps.
func prepare(s Series) (x []float64, notes []string, err error) {
	if err := s.Check(); err != nil {
		return nil, nil, err
	}
	x, gaps := s.filled()
	if gaps > 0 {
		notes = append(notes, fmt.Sprintf("%d missing values were filled", gaps))
	}
	return x, notes, nil
}

// Fit implements Model.
func (Naive) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	return seasonalNaive("naive", x, 1, notes), nil
}

// Fit implements Model.
func (SeasonalNaive) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	m := s.Period()
	if m > len(x) {
		m = 1
		notes = append(notes, "shorter than a season: naive instead")
	}
	return seasonalNaive("snaive", x, m, notes), nil
}

func seasonalNaive(name string, x []float64, m int, notes []string) Fitted {
	sd := rms(diff(x, m, 1))
	sum := plain(name, fmt.Sprintf("lag %d", m))
	sum.Sigma2, sum.Notes = sd*sd, notes
	return &fit{summary: sum, body: &repeating{slices.Clone(x[len(x)-m:]), sd}}
}

// repeating repeats the last season.
type repeating struct {
	last []float64 // the season, the oldest value first
	sd   float64   // of a change from one season to the next
}

func (*repeating) kind() string { return "repeating" }

func (b *repeating) mean(h int) []float64 {
	out := make([]float64, h)
	for i := range out {
		out[i] = b.last[i%len(b.last)]
	}
	return out
}

func (b *repeating) predict(h int) Forecast {
	dev := make([]float64, h)
	for i := range dev {
		dev[i] = b.sd * math.Sqrt(float64(i/len(b.last)+1))
	}
	return normal(b.mean(h), dev)
}

func (b *repeating) learn(v float64) { b.last = append(b.last[1:], v) }

func (b *repeating) walk(c *codec) {
	c.some(&b.last)
	c.float(&b.sd)
}

// Fit implements Model.
func (Drift) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	n := float64(len(x))
	slope := 0.0
	if len(x) > 1 {
		slope = (x[len(x)-1] - x[0]) / (n - 1)
	}
	sd := math.Sqrt(variance(diff(x, 1, 1)))
	sum := plain("drift", "random walk with drift")
	sum.Sigma2, sum.Notes = sd*sd, notes
	sum.Coefficients = []Coefficient{{"drift", slope, sd / math.Sqrt(max(n-1, 1))}}
	return &fit{summary: sum, body: &drifting{x[len(x)-1], slope, sd, n}}, nil
}

// drifting continues a line.
type drifting struct {
	last, slope, sd float64
	n               float64 // values so far
}

func (*drifting) kind() string { return "drifting" }

func (b *drifting) mean(h int) []float64 {
	out := make([]float64, h)
	for i := range out {
		out[i] = b.last + float64(i+1)*b.slope
	}
	return out
}

func (b *drifting) predict(h int) Forecast {
	dev := make([]float64, h)
	for i := range dev {
		k := float64(i + 1)
		dev[i] = b.sd * math.Sqrt(k*(1+k/max(b.n-1, 1)))
	}
	return normal(b.mean(h), dev)
}

// learn moves the end of the line, from the first value to the last.
func (b *drifting) learn(v float64) {
	first := b.last - b.slope*(b.n-1)
	b.slope, b.last, b.n = (v-first)/b.n, v, b.n+1
}

func (b *drifting) walk(c *codec) {
	for _, v := range []*float64{&b.last, &b.slope, &b.sd, &b.n} {
		c.float(v)
	}
}

// Fit implements Model.
func (m MovingAverage) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	w := m.Window
	if w <= 0 {
		w = max(3, s.Period())
	}
	w = min(w, len(x))
	var res []float64
	for i := w; i < len(x); i++ {
		res = append(res, x[i]-mean(x[i-w:i]))
	}
	sd := rms(res)
	sum := plain("average", fmt.Sprintf("mean of %d", w))
	sum.Sigma2, sum.Notes = sd*sd, notes
	return &fit{summary: sum, body: &averaging{slices.Clone(x[len(x)-w:]), sd}}, nil
}

// averaging repeats the mean of a window.
type averaging struct {
	window []float64
	sd     float64
}

func (*averaging) kind() string             { return "averaging" }
func (b *averaging) mean(h int) []float64   { return fill(h, mean(b.window)) }
func (b *averaging) predict(h int) Forecast { return normal(b.mean(h), fill(h, b.sd)) }
func (b *averaging) learn(v float64)        { b.window = append(b.window[1:], v) }

func (b *averaging) walk(c *codec) {
	c.some(&b.window)
	c.float(&b.sd)
}

func fill(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// Fit implements Model.
func (Naive2) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	adjusted, index := deseasonalise(x, s.Period())
	f := seasonalNaive("naive2", adjusted, 1, notes)
	return reseasonalised(f.(*fit), index, len(x)), nil
}
