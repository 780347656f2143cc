package forecast

import (
	"fmt"
	"math"
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
	return &fit{summary: sum, predict: func(h int) Forecast {
		mu, dev := make([]float64, h), make([]float64, h)
		for i := range h {
			mu[i] = x[len(x)-m+i%m]
			dev[i] = sd * math.Sqrt(float64(i/m+1))
		}
		return normal(mu, dev)
	}}
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
	return &fit{summary: sum, predict: func(h int) Forecast {
		mu, dev := make([]float64, h), make([]float64, h)
		for i := range h {
			k := float64(i + 1)
			mu[i] = x[len(x)-1] + k*slope
			dev[i] = sd * math.Sqrt(k*(1+k/max(n-1, 1)))
		}
		return normal(mu, dev)
	}}, nil
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
	level, sd := mean(x[len(x)-w:]), rms(res)
	sum := plain("average", fmt.Sprintf("mean of %d", w))
	sum.Sigma2, sum.Notes = sd*sd, notes
	return &fit{summary: sum, predict: func(h int) Forecast { return normal(fill(h, level), fill(h, sd)) }}, nil
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
