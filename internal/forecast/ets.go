package forecast

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Component is how a part of an ETS model works.
type Component byte

// The components.
const (
	None           Component = 'N'
	Additive       Component = 'A'
	Damped         Component = 'D' // additive trend, damped
	Multiplicative Component = 'M'
)

// ETS is an exponential smoothing model in innovations state-space form (Hyndman,
// Koehler, Ord and Snyder, 2008, "Forecasting with Exponential Smoothing"). The
// zero value chooses among the admissible models by AICc.
type ETS struct {
	Error  Component // Additive or Multiplicative
	Trend  Component // None, Additive, Damped
	Season Component // None, Additive, Multiplicative
}

var _ Model = ETS{}

// The longest season that ETS models; a longer one is left out and said.
const maxETSSeason = 24

func (m ETS) String() string {
	t := string(rune(m.Trend))
	if m.Trend == Damped {
		t = "Ad"
	}
	return fmt.Sprintf("ETS(%c,%s,%c)", m.Error, t, m.Season)
}

func (m ETS) check() error {
	if !slices.Contains([]Component{Additive, Multiplicative}, m.Error) || !slices.Contains([]Component{None, Additive, Damped}, m.Trend) ||
		!slices.Contains([]Component{None, Additive, Multiplicative}, m.Season) {
		return fmt.Errorf("ETS components %q: error A or M, trend N, A or D, season N, A or M", []byte{byte(m.Error), byte(m.Trend), byte(m.Season)})
	}
	if m.Error == Additive && m.Season == Multiplicative {
		return errors.New("ETS with additive errors and a multiplicative season is not stable")
	}
	return nil
}

// admissible lists the models to choose from.
func admissible(positive, seasonal, trended bool) []ETS {
	var out []ETS
	for _, e := range []Component{Additive, Multiplicative} {
		for _, t := range []Component{None, Additive, Damped} {
			for _, s := range []Component{None, Additive, Multiplicative} {
				m := ETS{e, t, s}
				if m.check() != nil || e == Multiplicative && !positive || s != None && !seasonal || t != None && !trended {
					continue
				}
				out = append(out, m)
			}
		}
	}
	return out
}

// Fit implements Model.
func (m ETS) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	period := s.Period()
	if period > maxETSSeason {
		notes = append(notes, fmt.Sprintf("a season of %d steps is too long for ETS: left out", period))
		period = 1
	}
	if period > 1 && len(x) <= 2*period {
		notes = append(notes, "fewer than two seasons: no season in the model")
		period = 1
	}
	if len(x) < 5 || constant(x) {
		why := "constant or shorter than 5 values: naive instead of ETS"
		return seasonalNaive("naive", x, 1, append(notes, why)), nil
	}
	f := m.choose(x, period)
	if f == nil {
		return nil, fmt.Errorf("%s does not fit this series: multiplicative parts need positive values, and all need more values than parameters", m)
	}
	out := f.result()
	out.summary.Notes = notes
	return out, nil
}

// choose fits the model or, when it is zero, all that are admissible.
func (m ETS) choose(x []float64, period int) *etsFit {
	positive := slices.Min(x) > 0
	models := []ETS{m}
	if m == (ETS{}) {
		models = admissible(positive, period > 1, len(x) > 6)
	} else if m.check() != nil || !positive && (m.Error == Multiplicative || m.Season == Multiplicative) || m.Season != None && period < 2 {
		return nil
	}
	var best *etsFit
	for _, c := range models {
		f := newETSFit(c, x, period)
		if f.parameters()+1 >= len(x)-1 {
			continue
		}
		f.estimate()
		if best == nil || f.aicc < best.aicc {
			best = f
		}
	}
	return best
}

// etsFit is an ETS model on its way.
type etsFit struct {
	model  ETS
	x      []float64
	m      int // season; 1: none
	scale  float64
	free   []float64 // the unbounded parameters
	value  float64   // −2·log-likelihood + constant, at free
	aicc   float64
	states etsState // after the last value
	sigma2 float64
}

// etsState is the level, the trend and the seasonal terms, season[i] belonging to
// the steps i modulo m.
type etsState struct {
	level, trend float64
	season       []float64
}

// etsWeights are the smoothing parameters.
type etsWeights struct{ alpha, beta, gamma, phi float64 }

func newETSFit(c ETS, x []float64, m int) *etsFit {
	if c.Season == None {
		m = 1
	}
	f := &etsFit{model: c, x: x, m: m}
	f.scale = math.Sqrt(variance(x))
	return f
}

// parameters counts smoothing parameters and first states.
func (f *etsFit) parameters() int {
	k := 2
	switch f.model.Trend {
	case Additive:
		k += 2
	case Damped:
		k += 3
	}
	if f.m > 1 {
		k += f.m
	}
	return k
}

func logistic(u, lo, hi float64) float64 { return lo + (hi-lo)/(1+math.Exp(-u)) }

func logit(v, lo, hi float64) float64 {
	p := max(1e-4, min(1-1e-4, (v-lo)/(hi-lo)))
	return math.Log(p / (1 - p))
}

// decode maps unbounded parameters to weights and first states. The usual region,
// 0 < β < α, 0 < γ < 1 − α, 0.8 < φ < 0.98, lies inside the admissible one. First
// states are in units of the series' standard deviation; the last seasonal term
// makes the terms average 0, or 1.
func (f *etsFit) decode(u []float64, season []float64) (etsWeights, etsState) {
	const tiny = 1e-4
	w := etsWeights{phi: 1}
	take := func() float64 { v := u[0]; u = u[1:]; return v }
	w.alpha = logistic(take(), tiny, 1-tiny)
	if f.model.Trend != None {
		w.beta = logistic(take(), min(tiny, w.alpha/2), w.alpha)
	}
	if f.m > 1 {
		w.gamma = logistic(take(), min(tiny, (1-w.alpha)/2), 1-w.alpha)
	}
	if f.model.Trend == Damped {
		w.phi = logistic(take(), .8, .98)
	}
	s := etsState{level: take() * f.scale, season: season}
	if f.model.Trend != None {
		s.trend = take() * f.scale / 10
	}
	if f.m > 1 {
		sum := 0.0
		for i := range f.m - 1 {
			v := take()
			if f.model.Season == Additive {
				v *= f.scale
			}
			season[i] = v
			sum += v
		}
		season[f.m-1] = -sum
		if f.model.Season == Multiplicative {
			season[f.m-1] = float64(f.m) - sum
		}
	}
	return w, s
}

// run smooths the series; each receives the step, its one-step forecast and error.
// It returns −2·log-likelihood up to constants: n·log Σe² + 2·Σ log|forecast|, the
// latter for multiplicative errors. The states are left after the last value.
func (f *etsFit) run(w etsWeights, s *etsState, each func(t int, fitted, e float64)) float64 {
	ss, logs := 0.0, 0.0
	mult := f.model.Error == Multiplicative
	pos := 0
	product := 1.0
	for t, v := range f.x {
		base := s.level + w.phi*s.trend
		fitted := base
		switch f.model.Season {
		case Additive:
			fitted += s.season[pos]
		case Multiplicative:
			fitted *= s.season[pos]
		}
		e := v - fitted
		if mult {
			if !(fitted > 0) {
				return math.Inf(1)
			}
			e /= fitted
			product *= fitted
			if product > 1e200 || product < 1e-200 {
				logs += math.Log(product)
				product = 1
			}
		}
		ss += e * e
		if each != nil {
			each(t, fitted, e)
		}
		f.model.update(w, s, pos, base, e)
		if pos++; pos == f.m {
			pos = 0
		}
	}
	n := float64(len(f.x))
	return n*math.Log(ss+1e-300) + 2*(logs+math.Log(product))
}

// update moves the states by one error (table 2.2 and 2.3 of the book).
func (m ETS) update(w etsWeights, s *etsState, pos int, base, e float64) {
	level := e
	if m.Error == Multiplicative {
		switch m.Season {
		case None:
			level = base * e
		case Additive:
			level = (base + s.season[pos]) * e
		case Multiplicative:
			level = base * e
		}
		if m.Season == Multiplicative {
			s.season[pos] *= 1 + w.gamma*e
		}
	}
	if m.Season == Additive {
		s.season[pos] += w.gamma * level
	}
	s.level = base + w.alpha*level
	if m.Trend != None {
		s.trend = w.phi*s.trend + w.beta*level
	}
}
