package forecast

import (
	"fmt"
	"math"
	"slices"
)

// arimaFit is an ARIMA model on its way.
type arimaFit struct {
	model   ARIMA
	full    []float64   // the series, gaps filled by a guess
	raw     [][]float64 // regressors, those of the gaps first; inputs with their future
	names   []string    // of the regressors that are not gaps
	gaps    int
	offset  []float64   // ordinary least-squares coefficients, taken off before anything else
	scale   float64     // of the columns
	columns [][]float64 // differenced: the series, then the regressors
	long    [][]float64 // the same with the first values kept, then the presample; see diffuse
	best    []float64   // raw ARMA coefficients
}

func newARIMAFit(m ARIMA, s Series) *arimaFit {
	f := &arimaFit{model: m}
	f.full, _ = s.filled()
	n := len(f.full)
	for i, v := range s.Values {
		if math.IsNaN(v) {
			unit := make([]float64, n)
			unit[i] = 1
			f.raw = append(f.raw, unit)
			f.gaps++
		}
	}
	switch d := m.Order.D + m.Order.SD; {
	case m.Mean && d == 0:
		f.raw, f.names = append(f.raw, fill(n, 1)), append(f.names, "intercept")
	case m.Drift && d == 1:
		t := make([]float64, n)
		for i := range t {
			t[i] = float64(i + 1)
		}
		f.raw, f.names = append(f.raw, t), append(f.names, "drift")
	}
	for i, x := range s.Exog {
		f.raw, f.names = append(f.raw, x), append(f.names, fmt.Sprintf("x%d", i+1))
	}
	f.level()
	return f
}

// level takes the least-squares regression off, for the sake of rounding, and
// makes the columns.
func (f *arimaFit) level() {
	o, n := f.model.Order, len(f.full)
	f.columns = [][]float64{o.difference(f.full)}
	for _, c := range f.raw {
		f.columns = append(f.columns, o.difference(c[:n]))
	}
	f.offset = make([]float64, len(f.raw))
	base := slices.Clone(f.full)
	if b, _, ok := leastSquares(gram(f.columns, nil), 0); ok && len(f.columns[0]) > len(f.raw) {
		f.offset = b
		for k, c := range f.raw {
			for t := range base {
				base[t] -= b[k] * c[t]
			}
		}
		f.columns[0] = o.difference(base)
	}
	if f.scale = rms(f.columns[0]); !(f.scale > 0) {
		f.scale = 1
	}
	f.columns[0] = scaled(f.columns[0], 1/f.scale)
	f.presample(base)
}

// kappa is the prior variance of the values before the first one, over σ².
const kappa = 1e6

// presample prepares the likelihood that R and most software report for models
// with differences: the values before the first one have a prior N(0, κσ²), and
// the first values, which only tell of them, are not counted. Without it (many
// lags, early gaps, levels that would drown in rounding) the likelihood is the
// exact one of the differences, which it approaches as κ grows.
func (f *arimaFit) presample(base []float64) {
	o := f.model.Order
	k := o.lost()
	if k == 0 || k > 60 || len(base) < 2*k || math.Abs(mean(base)) > 1e5*f.scale {
		return
	}
	for _, c := range f.raw[:f.gaps] {
		if slices.Contains(c[:2*k], 1) {
			return
		}
	}
	poly := o.differencing()
	keep := func(x []float64, by float64) []float64 {
		out := make([]float64, len(base))
		for t := range out {
			out[t] = x[t] * by
			for i, c := range poly[:min(t, k)] {
				out[t] -= c * x[t-1-i] * by
			}
		}
		return out
	}
	f.long = [][]float64{keep(base, 1/f.scale)}
	for _, c := range f.raw {
		f.long = append(f.long, keep(c, 1))
	}
	for j := range k {
		unit := make([]float64, len(base))
		for t := range k - j {
			unit[t] = -poly[t+j]
		}
		f.long = append(f.long, unit)
	}
}

// likelihood is what one set of coefficients gives.
type likelihood struct {
	value  float64 // log-likelihood
	sigma2 float64
	beta   []float64 // of all regressors
	n      int       // observations that count
	err    float64   // the objective: ½·log σ² + ½·Σ log F / n; +Inf when impossible
}

// kind is which likelihood is meant.
type kind int

const (
	conditional kind = iota // sum of squares
	differenced             // exact, of the differences
	diffuse                 // exact, with the presample's prior where it was prepared
)

// at evaluates raw coefficients; beta nil means that regressors are profiled out
// by generalised least squares.
func (f *arimaFit) at(raw, beta []float64, k kind) likelihood {
	bad := likelihood{err: math.Inf(1), value: math.Inf(-1)}
	g, logDet, n, ok := f.moments(raw, k)
	n -= f.gaps
	if !ok || n < len(g)-f.gaps {
		return bad
	}
	l := likelihood{n: n}
	if beta != nil {
		for i := range beta {
			l.beta = append(l.beta, (beta[i]-f.offset[i])/f.scale)
		}
		g = given(g, f.gaps, l.beta[f.gaps:])
	}
	b, gapDet, ok := leastSquares(g, f.gaps)
	if !ok {
		return bad
	}
	ss := quadratic(g, b)
	logDet += gapDet
	if beta == nil {
		l.beta = b
	}
	l.sigma2 = ss / float64(n)
	m := float64(n)
	if k == conditional {
		m = float64(len(f.columns[0]) - f.gaps)
	}
	l.err = .5*math.Log(l.sigma2) + .5*logDet/m
	if !(ss > 0) || math.IsNaN(l.err) {
		return bad
	}
	l.sigma2 *= f.scale * f.scale
	l.value = -.5 * (m*math.Log(2*math.Pi*l.sigma2) + m + logDet)
	for i := range l.beta {
		l.beta[i] = f.offset[i] + l.beta[i]*f.scale
	}
	return l
}

// moments returns the cross products of the whitened columns, the log-determinant
// and how many values they sum over.
func (f *arimaFit) moments(raw []float64, k kind) (g [][]float64, logDet float64, n int, ok bool) {
	phi, theta := f.model.Order.expand(raw)
	if k == conditional {
		a := &arma{phi: phi, theta: theta}
		out := make([][]float64, len(f.columns))
		for i, c := range f.columns {
			out[i] = a.residuals(c, len(phi))
		}
		return gram(out, nil), 0, len(out[0]), true
	}
	a, ok := newARMA(phi, theta)
	if !ok {
		return nil, 0, 0, false
	}
	if k == differenced || f.long == nil {
		w := a.filter(f.columns)
		return gram(w.innovations, nil), w.logDet, len(w.innovations[0]), true
	}
	w := a.filter(f.long)
	return f.conditioned(w)
}

// conditioned is the cross product given the first values: that of all with the
// presample integrated out, less that of the first alone.
func (f *arimaFit) conditioned(w filtered) (g [][]float64, logDet float64, n int, ok bool) {
	c, k := len(f.columns), f.model.Order.lost()
	all, detAll, ok1 := marginal(w.innovations, c)
	first := make([][]float64, len(w.innovations))
	for i, x := range w.innovations {
		first[i] = x[:k]
	}
	part, detPart, ok2 := marginal(first, c)
	if !ok1 || !ok2 {
		return nil, 0, 0, false
	}
	for i := range all {
		for j := range all[i] {
			all[i][j] -= part[i][j]
		}
	}
	return all, w.logDet - w.logDetHead[k] + detAll - detPart, len(w.innovations[0]) - k, true
}

// marginal returns the cross products of the first c columns when the others carry
// coefficients with prior variance κ, and the log-determinant that this adds.
func marginal(cols [][]float64, c int) ([][]float64, float64, bool) {
	z := cols[c:]
	a := gram(z, nil)
	for i := range a {
		a[i][i] += 1 / kappa
	}
	if !cholesky(a) {
		return nil, 0, false
	}
	det := float64(len(z)) * math.Log(kappa)
	for i := range a {
		det += 2 * math.Log(a[i][i])
	}
	half := make([][]float64, c) // L⁻¹·Z'·column
	for i := range half {
		half[i] = make([]float64, len(z))
		for j := range z {
			half[i][j] = (dot(z[j], cols[i]) - dot(a[j][:j], half[i][:j])) / a[j][j]
		}
	}
	return gram(cols[:c], half), det, true
}

// gram returns the inner products of columns, less those of others.
func gram(x, less [][]float64) [][]float64 {
	g := make([][]float64, len(x))
	for i := range g {
		g[i] = make([]float64, len(x))
		for j := range i + 1 {
			v := dot(x[i], x[j])
			if less != nil {
				v -= dot(less[i], less[j])
			}
			g[i][j], g[j][i] = v, v
		}
	}
	return g
}

// given reduces cross products to those of column 0 less the regressors after the
// gaps times beta, and the gaps.
func given(g [][]float64, gaps int, beta []float64) [][]float64 {
	out := make([][]float64, 1+gaps)
	for i := range out {
		out[i] = slices.Clone(g[i][:1+gaps])
	}
	for k, b := range beta {
		x := 1 + gaps + k
		for i := 1; i <= gaps; i++ {
			out[i][0] -= b * g[i][x]
			out[0][i] -= b * g[i][x]
		}
		out[0][0] -= 2 * b * g[0][x]
		for m, c := range beta {
			out[0][0] += b * c * g[x][1+gaps+m]
		}
	}
	return out
}

// leastSquares solves the normal equations of column 0 on the others and returns
// the log-determinant of the first few of them: the gaps.
func leastSquares(g [][]float64, gaps int) ([]float64, float64, bool) {
	k := len(g) - 1
	a := make([][]float64, k)
	b := make([]float64, k)
	for i := range a {
		a[i] = slices.Clone(g[i+1][1:])
		b[i] = g[i+1][0]
	}
	if !cholesky(a) {
		return nil, 0, false
	}
	det := 0.0
	for i := range gaps {
		det += 2 * math.Log(a[i][i])
	}
	cholSolve(a, b)
	return b, det, true
}

// quadratic is the sum of squares of column 0 less the others times beta.
func quadratic(g [][]float64, beta []float64) float64 {
	s := g[0][0]
	for i, b := range beta {
		s -= 2 * b * g[i+1][0]
		for j, c := range beta {
			s += b * c * g[i+1][j+1]
		}
	}
	return s
}
