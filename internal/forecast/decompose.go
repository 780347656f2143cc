package forecast

import "math"

// significantSeason is the M4 competition's test: the autocorrelation at lag m
// against Bartlett's 90 % limit. Like its code it looks at most 10·log10(n) lags
// ahead and finds no season in fewer than three.
func significantSeason(x []float64, m int) bool {
	n := len(x)
	if m < 2 || n < 3*m || constant(x) || m > int(10*math.Log10(float64(n))) {
		return false
	}
	r := autocorrelation(x, m)
	sum := 1.0
	for _, v := range r[:m-1] {
		sum += 2 * v * v
	}
	return math.Abs(r[m-1]) > 1.645*math.Sqrt(sum/float64(n))
}

// movingMean is the centred moving average over m (2×m when m is even); NaN where
// the window does not fit.
func movingMean(x []float64, m int) []float64 {
	out := make([]float64, len(x))
	half := m / 2
	for i := range x {
		if i-half < 0 || i+half >= len(x) {
			out[i] = math.NaN()
			continue
		}
		s := 0.0
		for j := i - half; j <= i+half; j++ {
			w := 1.0
			if m%2 == 0 && (j == i-half || j == i+half) {
				w = .5
			}
			s += w * x[j]
		}
		out[i] = s / float64(m)
	}
	return out
}

// classical returns the m seasonal indices of the classical decomposition, by
// position in the series modulo m: ratios that average 1, or differences that
// average 0.
func classical(x []float64, m int, ratio bool) []float64 {
	trend := movingMean(x, m)
	index := make([]float64, m)
	count := make([]float64, m)
	for i, t := range trend {
		if math.IsNaN(t) {
			continue
		}
		v := x[i] - t
		if ratio {
			v = x[i] / t
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		index[i%m] += v
		count[i%m]++
	}
	for i := range index {
		index[i] /= max(count[i], 1)
	}
	c := mean(index)
	for i := range index {
		if ratio {
			index[i] /= c
		} else {
			index[i] -= c
		}
	}
	return index
}

// deseasonalise divides by multiplicative seasonal indices when the season is
// significant; index is nil when it is not.
func deseasonalise(x []float64, m int) (adjusted, index []float64) {
	if !significantSeason(x, m) {
		return x, nil
	}
	index = classical(x, m, true)
	adjusted = make([]float64, len(x))
	for i, v := range x {
		s := index[i%m]
		if !(s > 0) { // ratios of series around zero mean nothing
			return x, nil
		}
		adjusted[i] = v / s
	}
	return adjusted, index
}

// reseasonalised multiplies the forecasts of f, which was fitted to the n
// adjusted values, by the seasonal indices.
func reseasonalised(f *fit, index []float64, n int) Fitted {
	if index == nil {
		return f
	}
	return &fit{summary: f.summary, body: &seasonal{f.body, index, n % len(index)}}
}

// seasonal multiplies a model of the seasonally adjusted series by its indices.
type seasonal struct {
	rest  body
	index []float64 // positive
	at    int       // the index of the next step
}

func (*seasonal) kind() string { return "seasonal" }

func (b *seasonal) mean(h int) []float64 { return b.scale(b.rest.mean(h)) }

func (b *seasonal) scale(col []float64) []float64 {
	for i := range col {
		col[i] *= b.index[(b.at+i)%len(b.index)]
	}
	return col
}

func (b *seasonal) predict(h int) Forecast {
	out := b.rest.predict(h)
	for _, col := range [][]float64{out.Mean, out.Lo80, out.Hi80, out.Lo95, out.Hi95} {
		b.scale(col)
	}
	return out
}

func (b *seasonal) learn(v float64) {
	b.rest.learn(v / b.index[b.at])
	b.at = (b.at + 1) % len(b.index)
}

func (b *seasonal) walk(c *codec) {
	c.inner(&b.rest)
	c.some(&b.index)
	c.number(&b.at)
	c.require(b.at < len(b.index))
}
