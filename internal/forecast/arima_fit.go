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
	return &fit{sum, f.predictor(l), l.n}
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

// predictor returns the forecast function: the mean and variance of the state
// after the last value, carried on and summed up to undo the differences. The
// variance leaves out that coefficients are estimates, as is usual.
func (f *arimaFit) predictor(l likelihood) func(h int) Forecast {
	o := f.model.Order
	n := len(f.full)
	noise := slices.Clone(f.full) // the series less its regression
	for k, c := range f.raw {
		for t := range noise {
			noise[t] -= l.beta[k] * c[t]
		}
	}
	phi, theta := o.expand(f.best)
	a, ok := newARMA(phi, theta)
	if !ok {
		a, _ = newARMA(nil, nil)
	}
	end := a.filter([][]float64{o.difference(noise)})
	poly := o.differencing()
	return func(h int) Forecast {
		mu := carry(a, end.states[0], h)
		mu = integrate(mu, noise, poly)
		for k, c := range f.raw[f.gaps:] {
			for i := range mu {
				mu[i] += l.beta[f.gaps+k] * f.future(f.names[k], c, n+i)
			}
		}
		sd := spread(a, end.cov, poly, h)
		for i := range sd {
			sd[i] = math.Sqrt(sd[i] * l.sigma2)
		}
		return normal(mu, sd)
	}
}

// future is the value of a regressor at step t; inputs without a known future keep
// their last value.
func (f *arimaFit) future(name string, c []float64, t int) float64 {
	switch name {
	case "intercept":
		return 1
	case "drift":
		return float64(t + 1)
	}
	return c[min(t, len(c)-1)]
}

// differencing returns the c_i of (1−B)^d (1−B^m)^D = 1 − Σ c_i B^i.
func (o Order) differencing() []float64 {
	var poly []float64
	for range o.SD {
		unit := make([]float64, o.Season)
		unit[o.Season-1] = 1
		poly = product(poly, unit, 1, -1)
	}
	for range o.D {
		poly = product(poly, []float64{1}, 1, -1)
	}
	return poly
}

// carry returns the means of the next h values from a predicted state.
func carry(a *arma, state []float64, h int) []float64 {
	s := slices.Clone(state)
	out := make([]float64, h)
	for i := range out {
		y := s[0]
		out[i] = y
		for j := range len(s) - 1 {
			s[j] = s[j+1] + a.phi[j]*y
		}
		s[len(s)-1] = a.phi[len(s)-1] * y
	}
	return out
}

// integrate undoes differences: y_t = w_t + Σ c_i y_{t−i}.
func integrate(w, past, poly []float64) []float64 {
	all := slices.Clone(past[max(0, len(past)-len(poly)):])
	for _, v := range w {
		for i, c := range poly {
			if c != 0 {
				v += c * all[len(all)-1-i]
			}
		}
		all = append(all, v)
	}
	return all[len(all)-len(w):]
}

// spread returns the variances of the next h integrated values over σ². The
// covariance is that of the predicted state, with the shock of the first step.
func spread(a *arma, cov [][]float64, poly []float64, h int) []float64 {
	full := product(a.phi, poly, 1, -1)
	weights := psi(full, a.theta, h)
	r := len(a.gain)
	rest := make([][]float64, r) // covariance of the state without the coming shock
	settled := 0.0
	for i := range rest {
		rest[i] = make([]float64, r)
		for j := range rest[i] {
			rest[i][j] = cov[i][j] - a.gain[i]*a.gain[j]
			settled = max(settled, math.Abs(rest[i][j]))
		}
	}
	out := make([]float64, h)
	acc := 0.0
	for i := range out {
		acc += weights[i] * weights[i]
		out[i] = acc
	}
	if settled > 1e-12 {
		addStateSpread(a, rest, poly, out)
	}
	return out
}

// addStateSpread adds v'·P·v, where v carries the uncertain state to each step: the
// first row of T^k, summed up by the differences.
func addStateSpread(a *arma, p [][]float64, poly, out []float64) {
	r := len(a.gain)
	row := make([]float64, r)
	row[0] = 1
	var past [][]float64 // the last v, as many as the differences reach
	for h := range out {
		v := slices.Clone(row)
		for i, c := range poly[:min(len(poly), len(past))] {
			if c != 0 {
				for j, u := range past[len(past)-1-i] {
					v[j] += c * u
				}
			}
		}
		for i := range v {
			if v[i] != 0 {
				out[h] += v[i] * dot(p[i], v)
			}
		}
		if past = append(past, v); len(past) > len(poly) {
			past = past[1:]
		}
		next := make([]float64, r)
		next[0] = dot(row, a.phi)
		copy(next[1:], row)
		row = next
	}
}
