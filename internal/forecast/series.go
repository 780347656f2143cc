package forecast

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// The limits on what is accepted.
const (
	MaxPoints  = 1_000_000 // values in one series
	MaxHorizon = 100_000   // steps ahead
	MaxPeriod  = 100_000   // steps in one season
)

// Errors that a caller may decide on.
var (
	ErrEmpty   = errors.New("the series holds no value")
	ErrHorizon = fmt.Errorf("the horizon must be between 1 and %d steps", MaxHorizon)
	ErrStopped = errors.New("stopped before the fit was done")
)

// Series is equally spaced observations, the oldest first.
type Series struct {
	Values  []float64   // NaN marks a missing one; infinities are refused
	Periods []int       // seasonal periods in steps, ascending, each at least 2; none: not seasonal
	Exog    [][]float64 // optional inputs, one column each: len(Values) past values, then the future ones that are known
}

// Check says what is wrong with a series, or nil.
func (s Series) Check() error {
	if len(s.Values) > MaxPoints {
		return fmt.Errorf("the series holds %d values, at most %d are accepted", len(s.Values), MaxPoints)
	}
	known := 0
	for i, v := range s.Values {
		if math.IsInf(v, 0) || math.Abs(v) > 1e150 {
			return fmt.Errorf("value %d is %g, values must lie within ±1e150", i+1, v)
		}
		if !math.IsNaN(v) {
			known++
		}
	}
	if known == 0 {
		return ErrEmpty
	}
	for i, p := range s.Periods {
		if p < 2 || p > MaxPeriod || i > 0 && p <= s.Periods[i-1] {
			return fmt.Errorf("seasonal periods %v: they must ascend and lie between 2 and %d", s.Periods, MaxPeriod)
		}
	}
	for i, x := range s.Exog {
		if len(x) < len(s.Values) {
			return fmt.Errorf("input %d has %d values, the series %d: give one for each step", i+1, len(x), len(s.Values))
		}
		if slices.ContainsFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
			return fmt.Errorf("input %d has missing or infinite values: fill them first", i+1)
		}
	}
	return nil
}

// Period returns the first seasonal period, 1 when there is none.
func (s Series) Period() int {
	if len(s.Periods) == 0 {
		return 1
	}
	return s.Periods[0]
}

// head returns the series cut after n values; inputs keep their future.
func (s Series) head(n int) Series {
	s.Values = s.Values[:n:n]
	return s
}

// filled returns the values without gaps and how many were filled. A gap takes
// the mean of the values one season before and after, as far as they exist, else
// the line between its neighbours; leading and trailing gaps take the nearest value.
func (s Series) filled() ([]float64, int) {
	gaps := 0
	for _, v := range s.Values {
		if math.IsNaN(v) {
			gaps++
		}
	}
	if gaps == 0 {
		return s.Values, 0
	}
	out := slices.Clone(s.Values)
	m := s.Period()
	if m > 1 {
		for i, v := range s.Values {
			if math.IsNaN(v) {
				out[i] = meanKnown(s.Values, i-m, i+m)
			}
		}
	}
	interpolate(out)
	return out, gaps
}

func meanKnown(x []float64, at ...int) float64 {
	sum, n := 0.0, 0.0
	for _, i := range at {
		if i >= 0 && i < len(x) && !math.IsNaN(x[i]) {
			sum += x[i]
			n++
		}
	}
	return sum / n // NaN when none is known
}

// interpolate fills gaps linearly in place. At least one value must be known.
func interpolate(x []float64) {
	last := -1
	for i, v := range x {
		if math.IsNaN(v) {
			continue
		}
		for j := last + 1; j < i; j++ {
			if last < 0 {
				x[j] = v
			} else {
				w := float64(j-last) / float64(i-last)
				x[j] = x[last]*(1-w) + v*w
			}
		}
		last = i
	}
	for j := last + 1; j < len(x); j++ {
		x[j] = x[last]
	}
}
