package forecast

import (
	"fmt"
	"math"
	"slices"
)

// Rolling says where a backtest puts its origins: the last ones whose horizon still
// lies within the series, Step apart.
type Rolling struct {
	Horizon int // steps, at least 1
	Step    int // between origins; 0: Horizon
	Origins int // how many; 0: 10; fewer where the series is short
}

// Graded is what a backtest found. Errors are in the unit of the series.
type Graded struct {
	Origins                int
	MAE, RMSE, MASE, SMAPE float64
	Pinball                float64 // mean over the four ends of the intervals
	Coverage80, Coverage95 float64 // shares
	ByStep                 []StepGrade
}

// StepGrade is the errors h steps ahead.
type StepGrade struct {
	H          int
	MAE        float64
	Coverage95 float64
}

// at lists the origins: how many values the model sees, ascending.
func (r Rolling) at(n, least int) []int {
	step, count := r.Step, r.Origins
	if step <= 0 {
		step = r.Horizon
	}
	if count <= 0 {
		count = 10
	}
	var out []int
	for o := n - r.Horizon; o >= least && len(out) < count; o -= step {
		out = append(out, o)
	}
	slices.Reverse(out)
	return out
}

// Backtest fits a model at each origin to what was known then and grades its
// forecast. Missing true values are left out. Inputs of the series are taken as
// known ahead.
func Backtest(m Model, s Series, r Rolling, run Run) (Graded, error) {
	if err := s.Check(); err != nil {
		return Graded{}, err
	}
	if r.Horizon < 1 || r.Horizon > MaxHorizon {
		return Graded{}, ErrHorizon
	}
	origins := r.at(len(s.Values), max(2, s.Period()+1))
	if len(origins) == 0 {
		return Graded{}, fmt.Errorf("%d values are too few for a backtest %d steps ahead", len(s.Values), r.Horizon)
	}
	found, errs := make([]Forecast, len(origins)), make([]error, len(origins))
	run.par(len(origins), func(i int) {
		if run.stopped() {
			errs[i] = ErrStopped
			return
		}
		f, err := m.Fit(s.head(origins[i]))
		if err == nil {
			found[i], err = f.Predict(r.Horizon)
		}
		errs[i] = err
	})
	for i, err := range errs {
		if err != nil {
			return Graded{}, fmt.Errorf("origin after %d values: %w", origins[i], err)
		}
	}
	return grade(s, origins, found, r.Horizon), nil
}

// outcomes are the graded pairs of truth and forecast.
type outcomes struct{ actual, mean, lo80, hi80, lo95, hi95 []float64 }

func (o *outcomes) add(actual float64, f Forecast, i int) {
	o.actual = append(o.actual, actual)
	o.mean = append(o.mean, f.Mean[i])
	o.lo80, o.hi80 = append(o.lo80, f.Lo80[i]), append(o.hi80, f.Hi80[i])
	o.lo95, o.hi95 = append(o.lo95, f.Lo95[i]), append(o.hi95, f.Hi95[i])
}

func grade(s Series, origins []int, found []Forecast, h int) Graded {
	var all outcomes
	g := Graded{Origins: len(origins)}
	for i := range h {
		var one outcomes
		for k, at := range origins {
			if v := s.Values[at+i]; !math.IsNaN(v) {
				one.add(v, found[k], i)
				all.add(v, found[k], i)
			}
		}
		if len(one.actual) > 0 {
			g.ByStep = append(g.ByStep, StepGrade{i + 1, MAE(one.actual, one.mean), Coverage(one.actual, one.lo95, one.hi95)})
		}
	}
	g.MAE, g.RMSE, g.SMAPE = MAE(all.actual, all.mean), RMSE(all.actual, all.mean), SMAPE(all.actual, all.mean)
	g.MASE = g.MAE / MASEScale(s.Values[:origins[0]], s.Period())
	g.Coverage80, g.Coverage95 = Coverage(all.actual, all.lo80, all.hi80), Coverage(all.actual, all.lo95, all.hi95)
	g.Pinball = (Pinball(all.actual, all.lo80, .1) + Pinball(all.actual, all.hi80, .9) +
		Pinball(all.actual, all.lo95, .025) + Pinball(all.actual, all.hi95, .975)) / 4
	return g
}
