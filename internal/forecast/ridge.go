package forecast

import "math"

// ridge is linear regression with a penalty on standardised coefficients (Hoerl and
// Kennard, 1970, "Ridge Regression"). With rounds above 0 it is reweighted that many
// times towards the least absolute error (Schlossmacher, 1973, "An Iterative
// Technique for Absolute Deviations Curve Fitting").
type ridge struct {
	lambda float64 // relative to the number of rows
	rounds int
}

// linear is intercept + Σ weight·feature.
type linear struct {
	intercept float64
	weights   []float64
}

func (l *linear) at(x []float64) float64 { return l.intercept + dot(l.weights, x) }

func (r ridge) learn(cols [][]float64, y []float64, _ uint64, run Run) regressor {
	w := fill(len(y), 1)
	best := &linear{intercept: mean(y), weights: make([]float64, len(cols))}
	for round := range r.rounds + 1 {
		next := r.solve(cols, y, w, run)
		if next == nil {
			break
		}
		best = next
		if round == r.rounds || run.stopped() {
			break
		}
		reweigh(best, cols, y, w)
	}
	return best
}

// reweigh gives each row one over its absolute error, within limits.
func reweigh(l *linear, cols [][]float64, y, w []float64) {
	rest := make([]float64, len(y))
	for i := range rest {
		rest[i] = y[i] - l.intercept
	}
	for c, b := range l.weights {
		for i, v := range cols[c] {
			rest[i] -= b * v
		}
	}
	floor := 0.0
	for _, v := range rest {
		floor += math.Abs(v)
	}
	floor = .1*floor/float64(len(rest)) + 1e-12
	sum := 0.0
	for i, v := range rest {
		w[i] = 1 / max(math.Abs(v), floor)
		sum += w[i]
	}
	for i := range w {
		w[i] *= float64(len(w)) / sum
	}
}

func (r ridge) solve(cols [][]float64, y, w []float64, run Run) *linear {
	k, n := len(cols), float64(len(y))
	mu, sd := make([]float64, k), make([]float64, k)
	centred := make([][]float64, k) // times √w
	root := make([]float64, len(w))
	for i, v := range w {
		root[i] = math.Sqrt(v)
	}
	my := dot(w, y) / n
	run.par(k, func(c int) {
		mu[c] = dot(w, cols[c]) / n
		z := make([]float64, len(y))
		for i, v := range cols[c] {
			z[i] = (v - mu[c]) * root[i]
		}
		sd[c] = rms(z)
		centred[c] = z
	})
	yc := make([]float64, len(y))
	for i, v := range y {
		yc[i] = (v - my) * root[i]
	}
	a, b := make([][]float64, k), make([]float64, k)
	run.par(k, func(i int) {
		a[i] = make([]float64, k)
		for j := range i + 1 {
			a[i][j] = dot(centred[i], centred[j])
		}
		a[i][i] += (r.lambda*sd[i]*sd[i] + 1e-10*sd[i]*sd[i]) * n
		if sd[i] <= 1e-12*math.Abs(mu[i]) {
			a[i][i] += n
		}
		b[i] = dot(centred[i], yc)
	})
	if !cholesky(a) {
		return nil
	}
	cholSolve(a, b)
	return &linear{my - dot(b, mu), b}
}
