package forecast

import "math"

// STL is the seasonal-trend decomposition by loess (Cleveland, Cleveland, McRae and
// Terpenning, 1990, "STL: A Seasonal-Trend Decomposition Procedure Based on
// Loess"), not robust, two passes.
type STL struct{ Season, Trend, Rest []float64 }

// Decompose splits a gapless series with a season of m steps; window is the odd
// length of the seasonal smoother in seasons. At least two seasons are needed.
func Decompose(x []float64, m, window int) STL {
	n := len(x)
	d := STL{make([]float64, n), make([]float64, n), make([]float64, n)}
	tw := odd(math.Ceil(1.5 * float64(m) / (1 - 1.5/float64(window))))
	lw := odd(float64(m))
	work := make([]float64, n)
	for range 2 {
		for i, v := range x {
			work[i] = v - d.Trend[i]
		}
		cycle := cycles(work, m, window) // from −m to n+m
		low := loess(plainMean(plainMean(plainMean(cycle, m), m), 3), lw, 0, n)
		for i := range n {
			d.Season[i] = cycle[i+m] - low[i]
			work[i] = x[i] - d.Season[i]
		}
		copy(d.Trend, loess(work, tw, 0, n))
	}
	for i, v := range x {
		d.Rest[i] = v - d.Season[i] - d.Trend[i]
	}
	return d
}

func odd(v float64) int { return int(v) | 1 }

// cycles smooths each phase of the season on its own and extends it by one season
// at both ends.
func cycles(x []float64, m, window int) []float64 {
	out := make([]float64, len(x)+2*m)
	for p := range m {
		var sub []float64
		for i := p; i < len(x); i += m {
			sub = append(sub, x[i])
		}
		for k, v := range loess(sub, window, -1, len(sub)+1) {
			out[p+k*m] = v
		}
	}
	return out
}

// plainMean is the moving average over w values; the result is w−1 shorter.
func plainMean(x []float64, w int) []float64 {
	out := make([]float64, len(x)-w+1)
	s := 0.0
	for i, v := range x {
		s += v
		if i >= w {
			s -= x[i-w]
		}
		if i >= w-1 {
			out[i-w+1] = s / float64(w)
		}
	}
	return out
}

// loess smooths x by local lines with tricube weights over q neighbours and gives
// the values at from … to−1.
func loess(x []float64, q, from, to int) []float64 {
	out := make([]float64, 0, to-from)
	for t := from; t < to; t++ {
		out = append(out, loessAt(x, q, float64(t)))
	}
	return out
}

func loessAt(x []float64, q int, t float64) float64 {
	n := len(x)
	lo := max(0, min(int(math.Round(t))-q/2, n-q))
	hi := min(n, lo+q)
	h := max(t-float64(lo), float64(hi-1)-t)
	if q > n {
		h += float64((q - n) / 2)
	}
	var sw, swx, swd, swdd, swdx float64
	for i := lo; i < hi; i++ {
		d := float64(i) - t
		r := math.Abs(d)
		if r > .999*h {
			continue
		}
		w := 1.0
		if r > .001*h {
			c := r / h
			c = 1 - c*c*c
			w = c * c * c
		}
		sw += w
		swx += w * x[i]
		swd += w * d
		swdd += w * d * d
		swdx += w * d * x[i]
	}
	if sw <= 0 {
		return x[max(0, min(n-1, int(math.Round(t))))]
	}
	det := sw*swdd - swd*swd
	if det <= 1e-9*sw*sw*float64(n)*float64(n)*1e-6 {
		return swx / sw
	}
	return (swdd*swx - swd*swdx) / det
}

// strength is the share of the variance of the detrended series that its season
// explains, 0 to 1 (Wang, Smith and Hyndman, 2006, "Characteristic-Based Clustering
// for Time Series Data").
func (d STL) strength() float64 {
	both := make([]float64, len(d.Rest))
	for i, v := range d.Rest {
		both[i] = v + d.Season[i]
	}
	v := variance(both)
	if v <= 0 {
		return 0
	}
	return max(0, 1-variance(d.Rest)/v)
}
