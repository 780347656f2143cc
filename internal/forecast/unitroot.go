package forecast

import "math"

// kpss is the statistic of the test for level stationarity (Kwiatkowski, Phillips,
// Schmidt and Shin, 1992) with Bartlett weights over trunc(3·√n/13) lags.
func kpss(x []float64) float64 {
	n := len(x)
	m := mean(x)
	e := make([]float64, n)
	part, eta := 0.0, 0.0
	for i, v := range x {
		e[i] = v - m
		part += e[i]
		eta += part * part
	}
	lags := int(3 * math.Sqrt(float64(n)) / 13)
	s := dot(e, e)
	for l := 1; l <= lags; l++ {
		s += 2 * (1 - float64(l)/float64(lags+1)) * dot(e[l:], e[:n-l])
	}
	return eta / (float64(n) * s)
}

// kpss5 is the 5 % critical value of the test.
const kpss5 = .463

// differences is how many first differences make x stationary, at most 2.
func differences(x []float64) int {
	d := 0
	for ; d < 2; d++ {
		if len(x) < 6 || constant(x) || !(kpss(x) > kpss5) {
			break
		}
		x = diff(x, 1, 1)
	}
	return d
}

// strongSeason is the strength from which a season is differenced (the default of
// R's forecast::nsdiffs since 8.3).
const strongSeason = .64

// seasonalDifferences is 1 when the season is strong, else 0.
func seasonalDifferences(x []float64, m int) int {
	if m < 2 || len(x) < 2*m+1 || len(x) <= m+5 || constant(x) {
		return 0
	}
	if Decompose(x, m, 11).strength() > strongSeason {
		return 1
	}
	return 0
}
