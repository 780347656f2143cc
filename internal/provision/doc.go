// Package provision says how much is needed: how likely a forecast demand is to exceed
// what there is, what a task should ask for by what its runs used, and how many replicas
// a service needs for the load that is expected. It only computes.
package provision

import "math"

// Interval is what is forecast of one moment: a mean and the bounds of its central 80 %
// and 95 % intervals.
type Interval struct{ Mean, Lo80, Hi80, Lo95, Hi95 float64 }

// Standard normal quantiles of the bounds.
const (
	z80 = 1.2815515655446004
	z95 = 1.959963984540054
)

// Above is the chance, from 0 to 1, that the value is above a limit. Between the bounds
// the distribution is normal in pieces through them, so that it need be neither normal
// nor symmetrical; beyond, the outer pieces go on. NaN when the forecast is not a number.
func (f Interval) Above(limit float64) float64 {
	x, z := f.knots()
	if math.IsNaN(f.Mean + f.Lo80 + f.Hi80 + f.Lo95 + f.Hi95 + limit) {
		return math.NaN()
	}
	at := 1 // the knot that ends the piece
	for at < len(x)-1 && limit > x[at] {
		at++
	}
	width := x[at] - x[at-1]
	if width <= 0 { // a certain value, or bounds that coincide
		switch {
		case limit < x[at-1]:
			return upper(z[at-1] - 8)
		case limit >= x[at]:
			return upper(z[at] + 8)
		}
	}
	return upper(z[at-1] + (limit-x[at-1])/width*(z[at]-z[at-1]))
}

// Quantile is the value that is not exceeded with chance p, 0 < p < 1.
func (f Interval) Quantile(p float64) float64 {
	x, z := f.knots()
	q := math.Sqrt2 * math.Erfinv(2*p-1)
	at := 1
	for at < len(x)-1 && q > z[at] {
		at++
	}
	return x[at-1] + (q-z[at-1])/(z[at]-z[at-1])*(x[at]-x[at-1])
}

// knots are the bounds in order, with their standard normal quantiles.
func (f Interval) knots() (x, z [5]float64) {
	x = [5]float64{f.Lo95, f.Lo80, f.Mean, f.Hi80, f.Hi95}
	for i := 1; i < len(x); i++ {
		x[i] = max(x[i], x[i-1])
	}
	return x, [5]float64{-z95, -z80, 0, z80, z95}
}

// upper is the chance that a standard normal value is above z.
func upper(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// Brier is the mean squared difference between chances and what came (Brier, 1950,
// "Verification of forecasts expressed in terms of probability"): 0 is best. NaN of none.
func Brier(chance []float64, came []bool) float64 {
	sum := 0.0
	for i, p := range chance {
		if came[i] {
			p--
		}
		sum += p * p
	}
	return sum / float64(len(chance))
}
