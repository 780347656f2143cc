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

// onward forecasts h steps from step t, which follows on x, within four times the range
// of the series.
func (a *autoregression) onward(x []float64, t int, lo, hi float64, h int) []float64 {
	all := append(make([]float64, 0, len(x)+h), x...)
	room := 1.5 * (hi - lo)
	for i := range h {
		v := a.reg.intercept
		for k, l := range a.lags {
			v += a.reg.weights[k] * all[len(all)-l]
		}
		for k, e := range a.exog {
			v += a.reg.weights[len(a.lags)+k] * e[min(t+i, len(e)-1)]
		}
		all = append(all, max(lo-room, min(hi+room, v)))
	}
	return all[len(x):]
}

// lagging is an autoregression with the values that it looks back on.
type lagging struct {
	model  autoregression
	x      []float64 // the last values, as far as the longest lag
	t      int       // the number of the next step
	lo, hi float64   // the range of the series
}

func newLagging(a *autoregression, x []float64) *lagging {
	reach := a.lags[len(a.lags)-1]
	return &lagging{*a, slices.Clone(x[len(x)-reach:]), len(x), slices.Min(x), slices.Max(x)}
}

func (*lagging) kind() string           { return "lagging" }
func (b *lagging) mean(h int) []float64 { return b.model.onward(b.x, b.t, b.lo, b.hi, h) }

func (b *lagging) learn(v float64) {
	b.x = append(b.x[1:], v)
	b.lo, b.hi, b.t = min(b.lo, v), max(b.hi, v), b.t+1
}

func (b *lagging) walk(c *codec) {
	a := &b.model
	c.steps(&a.lags, MaxPoints)
	c.rows(&a.exog)
	c.require(len(a.lags) > 0 && len(a.lags) <= 1000)
	var reg regressor = a.reg
	c.regressor(&reg, len(a.lags)+len(a.exog))
	l, ok := reg.(*linear)
	c.require(ok)
	a.reg = l
	c.floats(&b.x)
	c.number(&b.t)
	c.float(&b.lo)
	c.float(&b.hi)
	c.require(c.err != nil || len(b.x) == a.lags[len(a.lags)-1])
}

// logarithmic is a model of the logarithms of a positive series.
type logarithmic struct {
	logs  lagging
	shift float64 // added first
}

func (*logarithmic) kind() string { return "logarithmic" }

func (b *logarithmic) mean(h int) []float64 {
	out := b.logs.mean(h)
	for i, v := range out {
		out[i] = math.Exp(v) - b.shift
	}
	return out
}

// learn takes a value below all that came before for the lowest of them.
func (b *logarithmic) learn(v float64) {
	b.logs.learn(max(b.logs.lo, math.Log(max(v+b.shift, 1e-300))))
}

func (b *logarithmic) walk(c *codec) {
	b.logs.walk(c)
	c.float(&b.shift)
}
