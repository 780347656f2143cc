package forecast

import (
	"fmt"
	"math"
	"slices"
)

// estimate finds the coefficients.
func (f *arimaFit) estimate() {
	o := f.model.Order
	k := o.parameters()
	target := func(which kind) func([]float64) float64 {
		return func(u []float64) float64 {
			for _, v := range u {
				if math.Abs(v) > 9 { // a partial autocorrelation of 1 − 3e-8
					return math.Inf(1)
				}
			}
			return f.at(o.bounded(u), nil, which).err
		}
	}
	start, value := minimise(target(conditional), make([]float64, k), 100)
	if f.model.Method == CSS {
		start, _ = f.polish(target(conditional), start, value)
		f.best = o.bounded(start)
		return
	}
	best, bestValue := minimise(target(differenced), shrunk(start), 200)
	if f.model.rough {
		f.best = o.bounded(best)
		return
	}
	for _, first := range f.starts(k) {
		if x, v := minimise(target(differenced), first, 200); v < bestValue || math.IsNaN(bestValue) {
			best, bestValue = x, v
		}
	}
	best, _ = f.polish(target(differenced), best, bestValue)
	if f.long != nil {
		best, _ = minimise(target(diffuse), best, 50)
	}
	f.best = o.bounded(best)
}

// which is the likelihood that is reported.
func (f *arimaFit) which() kind {
	switch {
	case f.model.Method == CSS:
		return conditional
	case f.model.rough:
		return differenced
	}
	return diffuse
}

// shrunk keeps a start away from the flat ends of the parameter space.
func shrunk(u []float64) []float64 {
	out := make([]float64, len(u))
	for i, v := range u {
		out[i] = max(-2.5, min(2.5, v))
	}
	return out
}

// starts are further points to climb from: likelihoods of mixed models have
// several tops.
func (f *arimaFit) starts(k int) [][]float64 {
	out := [][]float64{make([]float64, k)}
	if cost := len(f.columns[0]) * k * (1 + f.longest()); cost > 400_000 {
		return out
	}
	for i := range 4 {
		u := make([]float64, k)
		for j := range u {
			u[j] = .6 * float64(1-2*((i>>(j%2))&1))
		}
		out = append(out, u)
	}
	return out
}

func (f *arimaFit) longest() int {
	o := f.model.Order
	return max(o.P+o.SP*o.Season, o.Q+o.SQ*o.Season)
}

// polish shakes an optimum with a simplex and climbs again.
func (f *arimaFit) polish(target func([]float64) float64, x []float64, v float64) ([]float64, float64) {
	if len(x) == 0 || len(f.columns[0])*f.longest() > 20_000 {
		return x, v
	}
	y, _ := simplex(target, x, .1, 1e-10, 150*len(x))
	if z, w := minimise(target, y, 100); w < v {
		return z, w
	}
	return x, v
}

// result makes the Fitted.
func (f *arimaFit) result() *fit {
	o := f.model.Order
	l := f.at(f.best, nil, f.which())
	sum := plain("arima", "ARIMA"+o.String())
	for _, n := range f.names {
		switch n {
		case "intercept":
			sum.Form += " with non-zero mean"
		case "drift":
			sum.Form += " with drift"
		default:
			sum.Form += " with " + n
		}
	}
	sum.Sigma2 = l.sigma2
	k := o.parameters() + len(f.names)
	if f.model.Method == CSS {
		sum.LogLik = l.value
	} else {
		sum.criteria(l.value, k+1, l.n)
	}
	if f.gaps > 0 {
		sum.note(fmt.Sprintf("%d missing values were integrated out", f.gaps))
	}
	values := slices.Concat(f.best, l.beta[f.gaps:])
	errs := f.standardErrors(values, l)
	for i, n := range append(o.names(), f.names...) {
		sum.Coefficients = append(sum.Coefficients, Coefficient{n, values[i], errs[i]})
	}
	return &fit{sum, f.body(l), l.n}
}

// standardErrors come from the observed information, by central differences of the
// objective per observation as in R's arima. NaN where it is not positive definite.
func (f *arimaFit) standardErrors(values []float64, l likelihood) []float64 {
	k := len(values)
	arma := f.model.Order.parameters()
	step := make([]float64, k)
	for i := range step {
		step[i] = 1e-3
		if i >= arma {
			step[i] = f.betaStep(i - arma)
		}
	}
	beta := slices.Clone(l.beta)
	at := func(v []float64) float64 {
		if k == arma {
			return f.at(v, nil, f.which()).err
		}
		copy(beta[f.gaps:], v[arma:])
		return f.at(v[:arma], beta, f.which()).err
	}
	nan := fill(k, math.NaN())
	hess := make([][]float64, k)
	v := slices.Clone(values)
	shifted := func(i, j int, a, b float64) float64 {
		v[i] += a * step[i]
		v[j] += b * step[j]
		r := at(v)
		v[i], v[j] = values[i], values[j]
		return r
	}
	for i := range hess {
		hess[i] = make([]float64, k)
		for j := range i + 1 {
			h := (shifted(i, j, 1, 1) - shifted(i, j, 1, -1) - shifted(i, j, -1, 1) + shifted(i, j, -1, -1)) / (4 * step[i] * step[j])
			if math.IsNaN(h) || math.IsInf(h, 0) {
				return nan
			}
			hess[i][j] = h
		}
	}
	if !cholesky(hess) {
		return nan
	}
	out := make([]float64, k)
	for i := range out {
		e := make([]float64, k)
		e[i] = 1
		cholSolve(hess, e)
		out[i] = math.Sqrt(e[i] / float64(l.n))
	}
	return out
}

// betaStep is a step for a regression coefficient: a hundredth of what moves the
// fit by one standard deviation.
func (f *arimaFit) betaStep(k int) float64 {
	if s := rms(f.columns[1+f.gaps+k]); s > 0 {
		return .01 * f.scale / s
	}
	return 1e-3
}
