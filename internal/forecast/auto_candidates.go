package forecast

import (
	"math"
	"slices"
)

// candidate is a model that the hybrid may take; fit returns nil when the series
// does not suit it.
type candidate struct {
	name string
	fit  func(s Series) path
}

// candidates are the models of one series by its own past.
func candidates(s Series, g *group) []candidate {
	out := []candidate{}
	for _, m := range s.Periods {
		out = append(out, candidate{"snaive", func(s Series) path { return lastSeason(s.Values, m) }})
	}
	if len(s.Periods) == 0 || s.Periods[0] <= maxETSSeason && len(s.Values) < 20*s.Periods[0] {
		out = append(out, candidate{"theta", byModel(Theta{})}, candidate{"ses", byModel(SES{})}, candidate{"ets", trended(Damped)}, candidate{"holt", trended(Additive)})
		if !g.wide && len(g.members) <= 100 && len(s.Values) < 400 {
			out = append(out, candidate{"arima", byModel(AutoARIMA{MaxModels: 24})})
		}
	}
	if len(s.Periods) == 0 {
		out = append(out, candidate{"naive", func(s Series) path { return lastSeason(s.Values, 1) }})
	}
	if len(s.Values) >= 40 {
		if len(s.Periods) > 0 {
			out = append(out, candidate{"stl", func(s Series) path { return decomposed(s.Values, s.Periods) }})
		}
		out = append(out, candidate{"ar", autoregress}, candidate{"ar-robust", robust}, candidate{"ar-log", logged})
	}
	return out
}

func lastSeason(x []float64, m int) path {
	if len(x) < m {
		return nil
	}
	return &repeating{last: slices.Clone(x[len(x)-m:])}
}

func byModel(m Model) func(s Series) path {
	return func(s Series) path {
		f, err := m.Fit(Series{Values: s.Values, Periods: s.Periods[:min(1, len(s.Periods))]})
		if err != nil {
			return nil
		}
		return f.(*fit).body
	}
}

// trended is exponential smoothing with a trend, the season, if any, taken off.
func trended(trend Component) func(s Series) path {
	return func(s Series) path {
		if len(s.Values) < 8 || constant(s.Values) {
			return nil
		}
		adjusted, index := deseasonalise(s.Values, s.Period())
		f := ETS{Additive, trend, None}.choose(adjusted, 1)
		if f == nil {
			return nil
		}
		if index == nil {
			return f.body()
		}
		return &seasonal{f.body(), index, len(s.Values) % len(index)}
	}
}

func autoregress(s Series) path { return lagged(s, s.Values, ridge{1e-3, 0}) }

func robust(s Series) path { return lagged(s, s.Values, ridge{1e-3, 5}) }

// logged is the robust autoregression of the logarithms of a positive series.
func logged(s Series) path {
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
	a := newAutoregression(z, s.Exog, seasonLags(s.Periods, len(z)), ridge{1e-3, 5})
	if a == nil {
		return nil
	}
	return &logarithmic{*newLagging(a, z), shift}
}

func lagged(s Series, x []float64, how ridge) path {
	a := newAutoregression(x, s.Exog, seasonLags(s.Periods, len(x)), how)
	if a == nil {
		return nil
	}
	return newLagging(a, x)
}
