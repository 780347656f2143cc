package forecast

import "math"

// SMAPE is the symmetric mean absolute percentage error of the M4 competition in
// percent, 0 to 200: the mean of 200·|y−f|/(|y|+|f|). Two zeros count as no error.
func SMAPE(actual, predicted []float64) float64 {
	s := 0.0
	for i, a := range actual {
		if d := math.Abs(a) + math.Abs(predicted[i]); d > 0 {
			s += 200 * math.Abs(a-predicted[i]) / d
		}
	}
	return s / float64(len(actual))
}

// MAE is the mean absolute error.
func MAE(actual, predicted []float64) float64 {
	s := 0.0
	for i, a := range actual {
		s += math.Abs(a - predicted[i])
	}
	return s / float64(len(actual))
}

// RMSE is the root mean squared error.
func RMSE(actual, predicted []float64) float64 {
	s := 0.0
	for i, a := range actual {
		s += (a - predicted[i]) * (a - predicted[i])
	}
	return math.Sqrt(s / float64(len(actual)))
}

// MASEScale is the mean absolute error of the seasonal naive forecast inside the
// training values, one step ahead with lag m (Hyndman and Koehler, 2006, "Another
// look at measures of forecast accuracy"). NaN when the series is shorter than a
// season; values that are missing are left out.
func MASEScale(train []float64, m int) float64 {
	s, n := 0.0, 0.0
	for i := m; i < len(train); i++ {
		if d := math.Abs(train[i] - train[i-m]); !math.IsNaN(d) {
			s += d
			n++
		}
	}
	return s / n
}

// MASE is the mean absolute error over [MASEScale].
func MASE(train, actual, predicted []float64, m int) float64 {
	return MAE(actual, predicted) / MASEScale(train, m)
}

// OWA is the M4 competition's overall weighted average: the mean of sMAPE and MASE,
// each relative to Naive2's over the same series.
func OWA(smape, mase, smapeNaive2, maseNaive2 float64) float64 {
	return (smape/smapeNaive2 + mase/maseNaive2) / 2
}

// Pinball is the mean quantile loss of predicted q-quantiles.
func Pinball(actual, predicted []float64, q float64) float64 {
	s := 0.0
	for i, a := range actual {
		d := a - predicted[i]
		s += max(q*d, (q-1)*d)
	}
	return s / float64(len(actual))
}

// Coverage is the share of actual values within [lo, hi].
func Coverage(actual, lo, hi []float64) float64 {
	n := 0
	for i, a := range actual {
		if a >= lo[i] && a <= hi[i] {
			n++
		}
	}
	return float64(n) / float64(len(actual))
}
