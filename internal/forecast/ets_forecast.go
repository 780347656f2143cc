package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
)

// smoothing is a fitted ETS model: its weights, and its states after the last value.
type smoothing struct {
	model   ETS
	n       int // values so far
	weights etsWeights
	states  etsState // one seasonal term when there is no season
	sigma2  float64
}

func (*smoothing) kind() string { return "smoothing" }

// learn moves the states by the error of the forecast of v.
func (f *smoothing) learn(v float64) {
	m, s := f.model, &f.states
	pos := f.n % len(s.season)
	base := s.level + f.weights.phi*s.trend
	e := v - f.mean(1)[0]
	if m.Error == Multiplicative {
		if fitted := v - e; fitted > 0 {
			e /= fitted
		} else {
			e = 0 // relative errors mean nothing there
		}
	}
	m.update(f.weights, s, pos, base, e)
	f.n++
}

func (f *smoothing) walk(c *codec) {
	c.letter(&f.model.Error)
	c.letter(&f.model.Trend)
	c.letter(&f.model.Season)
	c.require(f.model.check() == nil)
	c.number(&f.n)
	w, s := &f.weights, &f.states
	for _, v := range []*float64{&w.alpha, &w.beta, &w.gamma, &w.phi, &s.level, &s.trend, &f.sigma2} {
		c.float(v)
	}
	c.some(&s.season)
	c.require(len(s.season) == 1 || f.model.Season != None)
}

// etsPaths is how many futures stand behind the intervals of models whose variance
// has no simple form.
const etsPaths = 4000

// predict gives means by carrying the states on. Additive models have an exact
// variance (table 6.2 of the book); multiplicative ones with an additive season or
// none have one by recursion (section 6.3); the rest is simulated with a fixed seed.
func (f *smoothing) predict(h int) Forecast {
	w, mu := f.weights, f.mean(h)
	switch {
	case f.model.Season == Multiplicative:
		return f.simulate(w, mu)
	case f.model.Error == Multiplicative:
		return normal(mu, f.relativeSpread(w, mu))
	}
	sd := make([]float64, h)
	acc := 1.0
	for i := range sd {
		sd[i] = math.Sqrt(f.sigma2 * acc)
		c := f.weight(w, i+1)
		acc += c * c
	}
	return normal(mu, sd)
}

// weight is c_j: what an error adds to the value j steps later.
func (f *smoothing) weight(w etsWeights, j int) float64 {
	c := w.alpha
	if f.model.Trend != None {
		c += w.beta * dampSum(w.phi, j)
	}
	if len(f.states.season) > 1 && j%len(f.states.season) == 0 {
		c += w.gamma
	}
	return c
}

// dampSum is φ + φ² + … + φ^j; j when φ is 1.
func dampSum(phi float64, j int) float64 {
	if phi == 1 {
		return float64(j)
	}
	return phi * (1 - math.Pow(phi, float64(j))) / (1 - phi)
}

func (f *smoothing) mean(h int) []float64 {
	w, mu := f.weights, make([]float64, h)
	for i := range mu {
		mu[i] = f.states.level + dampSum(w.phi, i+1)*f.states.trend
		if len(f.states.season) > 1 {
			s := f.states.season[(f.n+i)%len(f.states.season)]
			if f.model.Season == Additive {
				mu[i] += s
			} else {
				mu[i] *= s
			}
		}
	}
	return mu
}

// relativeSpread is the standard deviation for errors relative to the value:
// θ_h = μ_h² + σ²·Σ c_j²·θ_{h−j}, v_h = (1+σ²)·θ_h − μ_h².
func (f *smoothing) relativeSpread(w etsWeights, mu []float64) []float64 {
	theta, sd := make([]float64, len(mu)), make([]float64, len(mu))
	c2 := make([]float64, len(mu))
	for j := range c2 {
		c := f.weight(w, j+1)
		c2[j] = c * c
	}
	for h, m := range mu {
		acc := 0.0
		for j := range min(h, 2000) {
			acc += c2[j] * theta[h-1-j]
		}
		theta[h] = m*m + f.sigma2*acc
		sd[h] = math.Sqrt(max(0, (1+f.sigma2)*theta[h]-m*m))
	}
	return sd
}

func (f *smoothing) simulate(w etsWeights, mu []float64) Forecast {
	paths := max(200, min(etsPaths, 4_000_000/len(mu)))
	rng := rand.New(rand.NewPCG(1, uint64(f.n)))
	at := make([][]float64, len(mu))
	for i := range at {
		at[i] = make([]float64, paths)
	}
	sigma := math.Sqrt(f.sigma2)
	for p := range paths {
		s := f.states
		s.season = slices.Clone(s.season)
		for i := range mu {
			pos := (f.n + i) % len(s.season)
			base := s.level + w.phi*s.trend
			e := sigma * rng.NormFloat64()
			at[i][p] = base * s.season[pos] * (1 + e)
			f.model.update(w, &s, pos, base, e)
		}
	}
	n := len(mu)
	out := Forecast{mu, make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i, v := range at {
		slices.Sort(v)
		out.Lo80[i], out.Hi80[i] = quantile(v, .1), quantile(v, .9)
		out.Lo95[i], out.Hi95[i] = quantile(v, .025), quantile(v, .975)
	}
	return out
}
