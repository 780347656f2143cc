package forecast

import (
	"math"
	"slices"
)

// candidate is a model that the hybrid may take; fit returns nil when the series
// does not suit it.
type candidate struct {
	name string
	fit  func(s Series) predictor
}

// candidates are the models of one series by its own past.
func candidates(s Series, g *group) []candidate {
	out := []candidate{}
	for _, m := range s.Periods {
		out = append(out, candidate{"snaive", func(s Series) predictor { return lastSeason(s.Values, m) }})
	}
	if len(s.Periods) == 0 || s.Periods[0] <= maxETSSeason && len(s.Values) < 20*s.Periods[0] {
		out = append(out, candidate{"theta", byModel(Theta{})}, candidate{"ses", byModel(SES{})}, candidate{"ets", dampedETS})
		if !g.wide && len(g.members) <= 100 && len(s.Values) < 400 {
			out = append(out, candidate{"arima", byModel(AutoARIMA{MaxModels: 24})})
		}
	}
	if len(s.Periods) == 0 {
		out = append(out, candidate{"naive", func(s Series) predictor { return lastSeason(s.Values, 1) }})
	}
	if len(s.Values) >= 40 {
		if len(s.Periods) > 0 {
			out = append(out, candidate{"stl", func(s Series) predictor {
				return func(h int) []float64 { return decomposed(s.Values, s.Periods, h) }
			}})
		}
		out = append(out, candidate{"ar", autoregress}, candidate{"ar-robust", robust}, candidate{"ar-log", logged})
	}
	return out
}

func lastSeason(x []float64, m int) predictor {
	if len(x) < m {
		return nil
	}
	return func(h int) []float64 {
		out := make([]float64, h)
		for i := range out {
			out[i] = x[len(x)-m+i%m]
		}
		return out
	}
}

func byModel(m Model) func(s Series) predictor {
	return func(s Series) predictor {
		f, err := m.Fit(Series{Values: s.Values, Periods: s.Periods[:min(1, len(s.Periods))]})
		if err != nil {
			return nil
		}
		return func(h int) []float64 {
			p, err := f.Predict(h)
			if err != nil {
				return fill(h, math.NaN())
			}
			return p.Mean
		}
	}
}

// dampedETS is the damped trend with the season, if any, taken off.
func dampedETS(s Series) predictor {
	if len(s.Values) < 8 || constant(s.Values) {
		return nil
	}
	adjusted, index := deseasonalise(s.Values, s.Period())
	f := ETS{Additive, Damped, None}.choose(adjusted, 1)
	if f == nil {
		return nil
	}
	return func(h int) []float64 {
		w, _ := f.decode(f.free, nil)
		out := f.means(w, h)
		for i := range out {
			if index != nil {
				out[i] *= index[(len(s.Values)+i)%len(index)]
			}
		}
		return out
	}
}

func autoregress(s Series) predictor { return lagged(s, s.Values, ridge{1e-3, 0}) }

func robust(s Series) predictor { return lagged(s, s.Values, ridge{1e-3, 5}) }

// logged is the robust autoregression of the logarithms of a positive series.
func logged(s Series) predictor {
	lo := slices.Min(s.Values)
	if lo < 0 {
		return nil
	}
	shift := 0.0
	if lo < 1e-3*mean(s.Values) {
		shift = .01*mean(s.Values) + 1e-12
	}
	z := make([]float64, len(s.Values))
	for i, v := range s.Values {
		z[i] = math.Log(v + shift)
	}
	p := lagged(s, z, ridge{1e-3, 5})
	if p == nil {
		return nil
	}
	return func(h int) []float64 {
		out := p(h)
		for i, v := range out {
			out[i] = math.Exp(v) - shift
		}
		return out
	}
}

func lagged(s Series, x []float64, how ridge) predictor {
	a := newAutoregression(x, s.Exog, seasonLags(s.Periods, len(x)), how)
	if a == nil {
		return nil
	}
	return func(h int) []float64 { return a.iterate(x, h) }
}
