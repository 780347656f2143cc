package forecast

import "math"

// Theta is the theta method (Assimakopoulos and Nikolopoulos, 2000, "The theta
// model: a decomposition approach to forecasting") on the seasonally adjusted
// series: simple exponential smoothing with half the slope of the line as drift
// (Hyndman and Billah, 2003, "Unmasking the Theta method"). Classic combines theta
// lines 0 and 2 as the benchmark of the M4 competition does.
type Theta struct{ Classic bool }

// SES is simple exponential smoothing of the seasonally adjusted series, the
// benchmark of the M4 competition.
type SES struct{}

var (
	_ Model = Theta{}
	_ Model = SES{}
)

var simpleSmoothing = ETS{Additive, None, None}

// smooth fits simple exponential smoothing; nil when the series is too short or
// constant for it.
func smooth(x []float64) *etsFit {
	if len(x) < 5 || constant(x) {
		return nil
	}
	return simpleSmoothing.choose(x, 1)
}

// Fit implements Model.
func (SES) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	adjusted, index := deseasonalise(x, s.Period())
	f := smooth(adjusted)
	if f == nil {
		return seasonalNaive("naive", x, 1, append(notes, "too short or constant: naive instead of smoothing")), nil
	}
	out := f.result()
	out.summary.Model, out.summary.Notes = "ses", notes
	return reseasonalised(out, index, len(x)), nil
}

// Fit implements Model.
func (m Theta) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	adjusted, index := deseasonalise(x, s.Period())
	a, b := line(adjusted)
	smoothed := adjusted
	if m.Classic {
		smoothed = make([]float64, len(x))
		for i, v := range adjusted {
			smoothed[i] = 2*v - (a + b*float64(i))
		}
	}
	f := smooth(smoothed)
	if f == nil {
		return seasonalNaive("naive", x, 1, append(notes, "too short or constant: naive instead of theta")), nil
	}
	out := f.result()
	out.summary.Model, out.summary.Form, out.summary.Notes = "theta", "theta lines 0 and 2", notes
	out.predict = m.predictor(f, a, b, len(x))
	return reseasonalised(out, index, len(x)), nil
}

func (m Theta) predictor(f *etsFit, a, b float64, n int) func(h int) Forecast {
	w, _ := f.decode(f.free, nil)
	lag := (1 - math.Pow(1-w.alpha, float64(n))) / w.alpha
	return func(h int) Forecast {
		mu, sd := f.means(w, h), make([]float64, h)
		sigma2 := f.sigma2
		if m.Classic { // line 2 has twice the noise of the series
			sigma2 /= 4
		}
		for i := range mu {
			if m.Classic {
				mu[i] = max(0, .5*mu[i]+.5*(a+b*float64(n+i)))
			} else {
				mu[i] += b / 2 * (float64(i) + lag)
			}
			sd[i] = math.Sqrt(sigma2 * (1 + w.alpha*w.alpha*float64(i)))
		}
		return normal(mu, sd)
	}
}
