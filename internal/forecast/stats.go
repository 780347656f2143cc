package forecast

import (
	"math"
	"slices"
)

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// variance returns the sample variance (divisor n−1), 0 below two values.
func variance(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	m, s := mean(x), 0.0
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return s / float64(len(x)-1)
}

func rms(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v * v
	}
	if len(x) == 0 {
		return 0
	}
	return math.Sqrt(s / float64(len(x)))
}

// quantile returns the p-quantile of sorted values, linear between order
// statistics (Hyndman and Fan, 1996, type 7).
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[j]-sorted[i])
}

func median(x []float64) float64 {
	y := slices.Clone(x)
	slices.Sort(y)
	return quantile(y, .5)
}

// diff returns the series differenced d times at a lag; NaN spreads.
func diff(x []float64, lag, d int) []float64 {
	for range d {
		if len(x) <= lag {
			return nil
		}
		y := make([]float64, len(x)-lag)
		for i := range y {
			y[i] = x[i+lag] - x[i]
		}
		x = y
	}
	return x
}

// line returns intercept and slope of the least-squares line over 0, 1, 2, ….
func line(x []float64) (a, b float64) {
	n := float64(len(x))
	if len(x) < 2 {
		return mean(x), 0
	}
	mt, mx := (n-1)/2, mean(x)
	num, den := 0.0, 0.0
	for i, v := range x {
		d := float64(i) - mt
		num += d * (v - mx)
		den += d * d
	}
	b = num / den
	return mx - b*mt, b
}

// constant says whether all values are the same to rounding.
func constant(x []float64) bool {
	lo, hi := slices.Min(x), slices.Max(x)
	return hi-lo <= 1e-12*max(math.Abs(lo), math.Abs(hi))
}

// autocorrelation at lags 1 … maxLag.
func autocorrelation(x []float64, maxLag int) []float64 {
	m, n := mean(x), len(x)
	c0 := 0.0
	for _, v := range x {
		c0 += (v - m) * (v - m)
	}
	r := make([]float64, maxLag)
	for k := 1; k <= maxLag && k < n; k++ {
		s := 0.0
		for i := k; i < n; i++ {
			s += (x[i] - m) * (x[i-k] - m)
		}
		r[k-1] = s / c0
	}
	return r
}
