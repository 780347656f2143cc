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
	out.body = &thetaLines{m.Classic, *out.body.(*smoothing), a, b}
	return reseasonalised(out, index, len(x)), nil
}

// thetaLines is the line over time with the smoothing of its rest.
type thetaLines struct {
	classic bool
	smooth  smoothing
	a, b    float64 // the line's intercept and slope
}

func (*thetaLines) kind() string { return "theta" }

func (t *thetaLines) mean(h int) []float64 {
	w, n := t.smooth.weights, t.smooth.n
	lag := (1 - math.Pow(1-w.alpha, float64(n))) / w.alpha
	mu := t.smooth.mean(h)
	for i := range mu {
		if t.classic {
			mu[i] = max(0, .5*mu[i]+.5*(t.a+t.b*float64(n+i)))
		} else {
			mu[i] += t.b / 2 * (float64(i) + lag)
		}
	}
	return mu
}

func (t *thetaLines) predict(h int) Forecast {
	sd := make([]float64, h)
	sigma2 := t.smooth.sigma2
	if t.classic { // line 2 has twice the noise of the series
		sigma2 /= 4
	}
	for i := range sd {
		sd[i] = math.Sqrt(sigma2 * (1 + t.smooth.weights.alpha*t.smooth.weights.alpha*float64(i)))
	}
	return normal(t.mean(h), sd)
}

func (t *thetaLines) learn(v float64) {
	if t.classic {
		v = 2*v - (t.a + t.b*float64(t.smooth.n))
	}
	t.smooth.learn(v)
}

func (t *thetaLines) walk(c *codec) {
	c.flag(&t.classic)
	t.smooth.walk(c)
	c.float(&t.a)
	c.float(&t.b)
}
