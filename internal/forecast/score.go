package forecast

import (
	"fmt"
	"math"
)

// Scores are the measures of the M4 competition over many series.
type Scores struct {
	Series                 int
	SMAPE, MASE, OWA       float64 // in percent; means over the series
	Coverage80, Coverage95 float64 // share of values inside the intervals
}

// FitEach fits a model to every series, all at once where it learns across them.
func FitEach(m Model, all []Series, run Run) ([]Fitted, error) {
	if g, ok := m.(Group); ok {
		return g.FitAll(all, run)
	}
	out, errs := make([]Fitted, len(all)), make([]error, len(all))
	run.par(len(all), func(i int) {
		if run.stopped() {
			errs[i] = ErrStopped
			return
		}
		out[i], errs[i] = m.Fit(all[i])
	})
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("series %d: %w", i+1, err)
		}
	}
	return out, nil
}

// Competition fits a model to training series and measures it on what followed
// them; each test is the values right after its series. OWA is against [Naive2].
func Competition(m Model, train []Series, test [][]float64, run Run) (Scores, error) {
	if len(train) == 0 || len(train) != len(test) {
		return Scores{}, fmt.Errorf("%d training and %d test series: there must be as many of both", len(train), len(test))
	}
	fits, err := FitEach(m, train, run)
	if err != nil {
		return Scores{}, err
	}
	base, err := FitEach(Naive2{}, train, run)
	if err != nil {
		return Scores{}, err
	}
	s, err := measure(fits, train, test)
	if err != nil {
		return s, err
	}
	naive, err := measure(base, train, test)
	s.OWA = OWA(s.SMAPE, s.MASE, naive.SMAPE, naive.MASE)
	return s, err
}

func measure(fits []Fitted, train []Series, test [][]float64) (Scores, error) {
	s := Scores{Series: len(fits)}
	scaled := 0.0
	for i, f := range fits {
		if len(test[i]) == 0 {
			return s, fmt.Errorf("series %d: no test values", i+1)
		}
		p, err := f.Predict(len(test[i]))
		if err != nil {
			return s, fmt.Errorf("series %d: %w", i+1, err)
		}
		s.SMAPE += SMAPE(test[i], p.Mean)
		s.Coverage80 += Coverage(test[i], p.Lo80, p.Hi80)
		s.Coverage95 += Coverage(test[i], p.Lo95, p.Hi95)
		if v := MASE(train[i].Values, test[i], p.Mean, train[i].Period()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.MASE += v
			scaled++
		}
	}
	n := float64(len(fits))
	s.SMAPE /= n
	s.Coverage80 /= n
	s.Coverage95 /= n
	s.MASE /= scaled
	return s, nil
}
