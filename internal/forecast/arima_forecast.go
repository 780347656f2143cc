package forecast

import (
	"math"
	"slices"
)

// integrated is a fitted ARIMA model: the state of its differences after the last value,
// and what undoes the differences.
type integrated struct {
	phi, theta []float64   // multiplied out; phi padded to the state
	state      []float64   // the mean of the next one
	rest       [][]float64 // its covariance over σ² but for the coming shock; nil when that is all
	poly       []float64   // of the differences; see differencing
	tail       []float64   // the last values less their regression, as many as poly has
	sigma2     float64
	widen      float64 // of the standard deviations; see adjust
	n          int     // values so far
	regressors []regressorOf
}

// regressorOf is one regressor of an ARIMA model.
type regressorOf struct {
	name   string
	beta   float64
	values []float64 // of an input: those to come as far as they are known, else the last one
}

// future is the value at a step ahead, the series having n values; inputs without a known
// future keep their last value.
func (r *regressorOf) future(n, ahead int) float64 {
	switch r.name {
	case "intercept":
		return 1
	case "drift":
		return float64(n + ahead + 1)
	}
	return r.values[min(ahead, len(r.values)-1)]
}

// body is the model after the last value.
func (f *arimaFit) body(l likelihood) *integrated {
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
	b := &integrated{
		phi: a.phi, theta: a.theta, state: end.states[0], rest: a.unsettled(end.cov), poly: o.differencing(), sigma2: l.sigma2, widen: 1, n: n,
	}
	b.tail = slices.Clone(noise[max(0, n-len(b.poly)):])
	for k, c := range f.raw[f.gaps:] {
		r := regressorOf{name: f.names[k], beta: l.beta[f.gaps+k]}
		if r.name != "intercept" && r.name != "drift" {
			r.values = slices.Clone(c[min(n, len(c)-1):])
		}
		b.regressors = append(b.regressors, r)
	}
	return b
}

// unsettled is the covariance of a predicted state without the shock of its first step;
// nil when nothing is left.
func (a *arma) unsettled(cov [][]float64) [][]float64 {
	r := len(a.gain)
	rest := make([][]float64, r)
	settled := 0.0
	for i := range rest {
		rest[i] = make([]float64, r)
		for j := range rest[i] {
			rest[i][j] = cov[i][j] - a.gain[i]*a.gain[j]
			settled = max(settled, math.Abs(rest[i][j]))
		}
	}
	if settled > 1e-12 {
		return rest
	}
	return nil
}

func (*integrated) kind() string { return "arima" }

// process is the model of the differences, without a first covariance.
func (b *integrated) process() *arma {
	a := &arma{phi: b.phi, theta: b.theta, gain: make([]float64, len(b.phi))}
	a.gain[0] = 1
	copy(a.gain[1:], b.theta)
	return a
}

func (b *integrated) regression(ahead int) (sum float64) {
	for k := range b.regressors {
		sum += b.regressors[k].beta * b.regressors[k].future(b.n, ahead)
	}
	return sum
}

func (b *integrated) mean(h int) []float64 {
	mu := integrate(carry(b.phi, b.state, h), b.tail, b.poly)
	for i := range mu {
		mu[i] += b.regression(i)
	}
	return mu
}

// predict leaves out that coefficients are estimates, as is usual.
func (b *integrated) predict(h int) Forecast {
	sd := b.spread(h)
	for i := range sd {
		sd[i] = b.widen * math.Sqrt(sd[i]*b.sigma2)
	}
	return normal(b.mean(h), sd)
}

// learn takes one step of the Kalman filter.
func (b *integrated) learn(v float64) {
	y := v - b.regression(0)
	b.tail = append(b.tail, y)
	w, last := y, len(b.tail)-1
	for i, c := range b.poly {
		w -= c * b.tail[last-1-i]
	}
	b.tail = b.tail[1:]
	a := b.process()
	p := outer(a.gain)
	for i, row := range b.rest {
		for j, q := range row {
			p[i][j] += q
		}
	}
	m := make([]float64, len(p))
	for i := range m {
		m[i] = p[i][0]
	}
	inv := 1 / m[0]
	a.move(b.state, m, w, inv)
	if b.rest != nil {
		a.advance(p, m, inv)
		b.rest = a.unsettled(p)
	}
	b.n++
	for k := range b.regressors {
		if r := &b.regressors[k]; len(r.values) > 1 {
			r.values = r.values[1:]
		}
	}
}

func outer(x []float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range out {
		out[i] = scaled(x, x[i])
	}
	return out
}

func (b *integrated) walk(c *codec) {
	c.some(&b.phi)
	c.floats(&b.theta)
	c.some(&b.state)
	c.rows(&b.rest)
	c.floats(&b.poly)
	c.floats(&b.tail)
	c.float(&b.sigma2)
	c.float(&b.widen)
	c.number(&b.n)
	list(c, &b.regressors, 10, func(r *regressorOf) {
		c.text(&r.name)
		c.float(&r.beta)
		c.floats(&r.values)
		c.require(len(r.values) > 0 || r.name == "intercept" || r.name == "drift")
	})
	r := len(b.phi)
	c.require(r <= maxState+1 && len(b.theta) < r && len(b.state) == r && len(b.tail) == len(b.poly))
	c.require(len(b.rest) == 0 || len(b.rest) == r)
	for _, row := range b.rest {
		c.require(len(row) == r)
	}
	if len(b.rest) == 0 {
		b.rest = nil
	}
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
func carry(phi, state []float64, h int) []float64 {
	s := slices.Clone(state)
	out := make([]float64, h)
	for i := range out {
		y := s[0]
		out[i] = y
		for j := range len(s) - 1 {
			s[j] = s[j+1] + phi[j]*y
		}
		s[len(s)-1] = phi[len(s)-1] * y
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

// spread returns the variances of the next h values over σ².
func (b *integrated) spread(h int) []float64 {
	full := product(b.phi, b.poly, 1, -1)
	weights := psi(full, b.theta, h)
	out := make([]float64, h)
	acc := 0.0
	for i := range out {
		acc += weights[i] * weights[i]
		out[i] = acc
	}
	if b.rest != nil {
		addStateSpread(b.phi, b.rest, b.poly, out)
	}
	return out
}

// addStateSpread adds v'·P·v, where v carries the uncertain state to each step: the
// first row of T^k, summed up by the differences.
func addStateSpread(phi []float64, p [][]float64, poly, out []float64) {
	r := len(phi)
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
		next[0] = dot(row, phi)
		copy(next[1:], row)
		row = next
	}
}
