package forecast

import "math"

// arma is a stationary process w_t = Σ φ_i w_{t−i} + ε_t + Σ θ_j ε_{t−j} with the
// seasonal factors multiplied out, in Harvey's state-space form (Harvey, 1989,
// "Forecasting, Structural Time Series Models and the Kalman Filter", section 3.3).
type arma struct {
	phi, theta []float64
	gain       []float64   // R = (1, θ_1, …, θ_{r−1})
	cov        [][]float64 // the covariance of the first state over σ²
}

// newARMA works out the first covariance; false when the process is not stationary.
func newARMA(phi, theta []float64) (*arma, bool) {
	r := max(len(phi), len(theta)+1)
	a := &arma{phi: padded(phi, r), theta: theta, gain: make([]float64, r)}
	a.gain[0] = 1
	copy(a.gain[1:], theta)
	ok := a.start()
	return a, ok
}

func padded(x []float64, n int) []float64 {
	out := make([]float64, n)
	copy(out, x)
	return out
}

// psi returns the first n weights of the moving-average form, ψ_0 = 1.
func psi(phi, theta []float64, n int) []float64 {
	out := make([]float64, n)
	for k := range out {
		if k == 0 {
			out[k] = 1
		} else if k <= len(theta) {
			out[k] = theta[k-1]
		}
		for i := 1; i <= min(k, len(phi)); i++ {
			out[k] += phi[i-1] * out[k-i]
		}
	}
	return out
}

// autocovariances solves the Yule–Walker equations for γ_0 … γ_r over σ²
// (Brockwell and Davis, 1991, "Time Series: Theory and Methods", section 3.3).
func (a *arma) autocovariances(ps []float64) ([]float64, bool) {
	r := len(a.gain)
	p := 0
	for i, v := range a.phi {
		if v != 0 {
			p = i + 1
		}
	}
	right := func(k int) float64 { // Σ_{j≥k} θ_j ψ_{j−k}
		s := 0.0
		for j := k; j < r; j++ {
			s += a.gain[j] * ps[j-k]
		}
		return s
	}
	m := make([][]float64, p+1)
	b := make([]float64, p+1)
	for k := range m {
		m[k] = make([]float64, p+1)
		m[k][k] += 1
		for i := 1; i <= p; i++ {
			m[k][abs(k-i)] -= a.phi[i-1]
		}
		b[k] = right(k)
	}
	x, ok := solve(m, b)
	if !ok || !(x[0] > 0) || x[0] > 1e14 {
		return nil, false
	}
	g := padded(x, max(r, p)+1)
	for k := p + 1; k < len(g); k++ {
		g[k] = right(k)
		for i := 1; i <= p; i++ {
			g[k] += a.phi[i-1] * g[k-i]
		}
	}
	return g, true
}

func abs(i int) int { return max(i, -i) }

// start fills cov: its first row from the autocovariances, the rest along the
// diagonals of P = T·P·T' + R·R'.
func (a *arma) start() bool {
	r := len(a.gain)
	ps := psi(a.phi, a.theta, r)
	g, ok := a.autocovariances(ps)
	if !ok {
		return false
	}
	first := make([]float64, r+1) // first[r] = 0
	first[0] = g[0]
	for j := 1; j < r; j++ {
		for k := j; k < r; k++ {
			first[j] += a.phi[k]*g[k+1-j] + a.gain[k]*ps[k-j]
		}
	}
	a.cov = make([][]float64, r)
	for i := range a.cov {
		a.cov[i] = make([]float64, r)
	}
	for i := r - 1; i >= 0; i-- {
		for j := i; j < r; j++ {
			v := a.phi[i]*first[j+1] + a.phi[j]*first[i+1] + a.phi[i]*a.phi[j]*g[0] + a.gain[i]*a.gain[j]
			if j+1 < r {
				v += a.cov[i+1][j+1]
			}
			a.cov[i][j], a.cov[j][i] = v, v
		}
	}
	return a.cov[0][0] > 0
}

// filtered is what the Kalman filter leaves.
type filtered struct {
	innovations [][]float64 // a column each, divided by their standard deviation over σ
	logDet      float64     // Σ log F_t
	logDetHead  []float64   // the same before each t
	states      [][]float64 // the state of each column after the last value
	cov         [][]float64 // its covariance over σ²
}

// filter runs the exact filter over columns of equal length without gaps; every
// column has the same gains. After an exact observation the first state is known,
// so the covariance of the next one is a shift of the rest plus R·R'; once that
// rest has died out the filter is in its steady state.
func (a *arma) filter(cols [][]float64) filtered {
	r, n := len(a.gain), len(cols[0])
	out := filtered{innovations: make([][]float64, len(cols)), states: make([][]float64, len(cols)), cov: a.cov}
	for c := range cols {
		out.innovations[c] = make([]float64, n)
		out.states[c] = make([]float64, r)
	}
	steady := false
	m := make([]float64, r)
	p := a.cov // ours: start made it for this filter alone
	for i := range m {
		m[i] = p[i][0]
	}
	out.logDetHead = make([]float64, n)
	for t := range n {
		out.logDetHead[t] = out.logDet
		f := m[0]
		inv, root := 1/f, math.Sqrt(f)
		for c, col := range cols {
			s := out.states[c]
			v := col[t] - s[0]
			out.innovations[c][t] = v / root
			a.move(s, m, col[t], inv)
		}
		if steady {
			continue
		}
		out.logDet += math.Log(f)
		steady = a.advance(p, m, inv)
	}
	out.cov = p
	return out
}

// move takes a value into a predicted state; m is the first column of its covariance and
// inv one over its first entry.
func (a *arma) move(s, m []float64, y, inv float64) {
	v := (y - s[0]) * inv
	r := len(s)
	for i := range r - 1 {
		s[i] = s[i+1] + m[i+1]*v + a.phi[i]*y
	}
	s[r-1] = a.phi[r-1] * y
}

// advance moves the covariance one step on and m to its first column; true when
// nothing but R·R' is left.
func (a *arma) advance(p [][]float64, m []float64, inv float64) bool {
	r := len(m)
	rest := 0.0
	for i := range r {
		gi := a.gain[i]
		row := p[i]
		if i == r-1 {
			for j := range row {
				row[j] = gi * a.gain[j]
			}
			break
		}
		next, c := p[i+1], m[i+1]*inv
		for j := range r - 1 {
			row[j] = next[j+1] - c*m[j+1]
		}
		row[r-1] = 0
		rest = max(rest, math.Abs(row[i]))
		for j := range row {
			row[j] += gi * a.gain[j]
		}
	}
	for i := range m {
		m[i] = p[i][0]
	}
	if rest > 1e-13 {
		return false
	}
	copy(m, a.gain)
	return true
}

// residuals are the conditional ones: the first skip values and the shocks before
// them count as zero (Box and Jenkins, 1970, "Time Series Analysis").
func (a *arma) residuals(w []float64, skip int) []float64 {
	e := make([]float64, len(w))
	for t := skip; t < len(w); t++ {
		v := w[t]
		for i, c := range a.phi {
			if c != 0 && t-1-i >= 0 {
				v -= c * w[t-1-i]
			}
		}
		for j, c := range a.theta {
			if c != 0 && t-1-j >= skip {
				v -= c * e[t-1-j]
			}
		}
		e[t] = v
	}
	return e[min(skip, len(e)):]
}

// stationary maps unbounded numbers to the coefficients of a stationary
// autoregression by way of its partial autocorrelations (Monahan, 1984, "A note on
// enforcing stationarity in autoregressive-moving average models").
func stationary(u []float64) []float64 {
	phi := make([]float64, len(u))
	work := make([]float64, len(u))
	for k, v := range u {
		pac := math.Tanh(v)
		copy(work, phi)
		phi[k] = pac
		for i := range k {
			phi[i] = work[i] - pac*work[k-1-i]
		}
	}
	return phi
}

// unbounded inverts stationary; false when phi is not stationary.
func unbounded(phi []float64) ([]float64, bool) {
	work := padded(phi, len(phi))
	u := make([]float64, len(phi))
	for k := len(phi) - 1; k >= 0; k-- {
		pac := work[k]
		if !(math.Abs(pac) < 1) {
			return nil, false
		}
		u[k] = math.Atanh(pac)
		prev := padded(work[:k], k)
		for i := range k {
			work[i] = (prev[i] + pac*prev[k-1-i]) / (1 - pac*pac)
		}
	}
	return u, true
}

// farFromUnit says whether all roots of 1 − Σ φ_i z^i lie outside the circle of a radius.
func farFromUnit(phi []float64, radius float64) bool {
	s := make([]float64, len(phi))
	k := 1.0
	for i, v := range phi {
		k *= radius
		s[i] = v * k
	}
	_, ok := unbounded(s)
	return ok
}
