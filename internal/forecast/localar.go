package forecast

import (
	"math"
	"slices"
)

// autoregression is a linear regression on lags, iterated to the horizon.
type autoregression struct {
	lags []int       // ascending
	exog [][]float64 // inputs at the step itself
	reg  *linear
}

// seasonLags are the lags near the present and around whole seasons.
func seasonLags(periods []int, n int) []int {
	near := 12
	if len(periods) > 0 {
		near = min(periods[0]+2, 26)
	}
	var out []int
	for l := 1; l <= near; l++ {
		out = append(out, l)
	}
	for i, m := range periods {
		for k := 1; k <= 7; k++ {
			if i+1 < len(periods) && k*m >= periods[i+1] || i > 0 && k > 2 {
				break
			}
			out = append(out, k*m-1, k*m, k*m+1)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	for len(out) > 1 && (out[len(out)-1] > n/2 || len(out) > (n-out[len(out)-1])/2) {
		out = out[:len(out)-1]
	}
	return out
}

// newAutoregression fits lags by ridge; nil when the series is too short.
func newAutoregression(x []float64, exog [][]float64, lags []int, how ridge) *autoregression {
	reach := lags[len(lags)-1]
	if len(x)-reach < len(lags)+len(exog)+3 {
		return nil
	}
	cols := make([][]float64, len(lags), len(lags)+len(exog))
	for i, l := range lags {
		cols[i] = x[reach-l : len(x)-l]
	}
	for _, e := range exog {
		cols = append(cols, e[reach:len(x)])
	}
	return &autoregression{lags, exog, how.learn(cols, x[reach:], 0, Run{}).(*linear)}
}

// iterate forecasts h steps, within four times the range of the series.
func (a *autoregression) iterate(x []float64, h int) []float64 {
	all := slices.Clone(x)
	lo, hi := slices.Min(x), slices.Max(x)
	room := 1.5 * (hi - lo)
	for range h {
		v := a.reg.intercept
		for i, l := range a.lags {
			v += a.reg.weights[i] * all[len(all)-l]
		}
		for i, e := range a.exog {
			v += a.reg.weights[len(a.lags)+i] * e[min(len(all), len(e)-1)]
		}
		all = append(all, max(lo-room, min(hi+room, v)))
	}
	return all[len(x):]
}

// decomposed takes the seasons off by STL, the shortest first, forecasts the rest
// with a damped trend and adds the last season of each again.
func decomposed(x []float64, periods []int, h int) []float64 {
	adjusted := slices.Clone(x)
	out := make([]float64, h)
	for _, m := range periods {
		if len(x) < 2*m+2 {
			continue
		}
		d := Decompose(adjusted, m, 11)
		for i, s := range d.Season {
			adjusted[i] -= s
		}
		for i := range out {
			out[i] += d.Season[len(x)-m+i%m]
		}
	}
	tail := adjusted[max(0, len(adjusted)-400):]
	var f *etsFit
	if len(tail) > 8 && !constant(tail) {
		f = simpleSmoothing.choose(tail, 1)
	}
	for i := range out {
		if f != nil {
			out[i] += f.states.level
		} else {
			out[i] += adjusted[len(adjusted)-1]
		}
	}
	if math.IsNaN(out[0]) {
		return fill(h, x[len(x)-1])
	}
	return out
}
