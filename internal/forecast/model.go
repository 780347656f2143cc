package forecast

import (
	"math"
)

// Model is a way to forecast one series.
type Model interface {
	// Fit learns from a series. It refuses a series that fails [Series.Check]; one
	// that is too short for the model falls back to a simpler one and says so in
	// the notes of the summary.
	Fit(s Series) (Fitted, error)
}

// Group is a Model that also learns across series.
type Group interface {
	Model
	// FitAll fits every series, in their order.
	FitAll(all []Series, run Run) ([]Fitted, error)
}

// Fitted is a model that has learnt from a series.
type Fitted interface {
	// Predict forecasts the next h steps, 1 ≤ h ≤ MaxHorizon.
	Predict(h int) (Forecast, error)
	Summary() Summary
}

// Forecast is predicted values with central 80 % and 95 % intervals; item 0 is
// one step ahead.
type Forecast struct {
	Mean                   []float64
	Lo80, Hi80, Lo95, Hi95 []float64
}

// Coefficient is one estimated parameter. The standard error is NaN where the
// method gives none.
type Coefficient struct {
	Name                 string
	Value, StandardError float64
}

// Summary describes a fit. Figures that a model does not have are NaN.
type Summary struct {
	Model, Form                    string // its name; its form in the usual notation
	Coefficients                   []Coefficient
	LogLik, Sigma2, AIC, AICc, BIC float64
	Notes                          []string // fallbacks and repairs
}

// Run is what the caller lends: the zero value works alone and never stops.
type Run struct {
	Par  func(n int, f func(i int)) // runs f(0) … f(n-1), in any order and in parallel as it likes
	Stop func() bool                // true: give up
}

func (r Run) par(n int, f func(i int)) {
	if r.Par != nil {
		r.Par(n, f)
		return
	}
	for i := range n {
		f(i)
	}
}

func (r Run) stopped() bool { return r.Stop != nil && r.Stop() }

// The normal quantiles of the two intervals.
const (
	z80 = 1.2815515655446004
	z95 = 1.959963984540054
)

// normal makes a forecast from means and standard deviations.
func normal(mean, sd []float64) Forecast {
	n := len(mean)
	f := Forecast{Mean: mean, Lo80: make([]float64, n), Hi80: make([]float64, n), Lo95: make([]float64, n), Hi95: make([]float64, n)}
	for i, m := range mean {
		f.Lo80[i], f.Hi80[i] = m-z80*sd[i], m+z80*sd[i]
		f.Lo95[i], f.Hi95[i] = m-z95*sd[i], m+z95*sd[i]
	}
	return f
}

// fit is the usual Fitted: a summary, and what predicts.
type fit struct {
	summary Summary
	body    body
	n       int // observations that count, where a likelihood needs it
}

func (f *fit) Summary() Summary { return f.summary }

func (f *fit) Predict(h int) (Forecast, error) {
	if h < 1 || h > MaxHorizon {
		return Forecast{}, ErrHorizon
	}
	return f.body.predict(h), nil
}

// plain returns a summary without likelihood.
func plain(model, form string) Summary {
	nan := math.NaN()
	return Summary{Model: model, Form: form, LogLik: nan, Sigma2: nan, AIC: nan, AICc: nan, BIC: nan}
}

// criteria fills the information criteria: k estimated parameters, n observations.
func (s *Summary) criteria(logLik float64, k, n int) {
	p, m := float64(k), float64(n)
	s.LogLik = logLik
	s.AIC = -2*logLik + 2*p
	s.AICc = math.Inf(1)
	if m-p-1 > 0 {
		s.AICc = s.AIC + 2*p*(p+1)/(m-p-1)
	}
	s.BIC = s.AIC + p*(math.Log(m)-2)
}

func (s *Summary) note(n string) { s.Notes = append(s.Notes, n) }
