package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// estimate minimises the likelihood from several starts.
func (f *etsFit) estimate() {
	season := make([]float64, f.m)
	target := func(u []float64) float64 {
		for _, v := range u[:f.smoothing()] {
			if math.Abs(v) > 25 {
				return math.Inf(1)
			}
		}
		w, s := f.decode(u, season)
		return f.run(w, &s, nil)
	}
	f.value = math.Inf(1)
	for _, start := range f.starts() {
		u, v := minimise(target, start, 150)
		if len(start) <= 6 {
			if y, _ := simplex(target, u, .3, 1e-9, 60*len(u)); true {
				u, v = minimise(target, y, 60)
			}
		}
		if v < f.value || f.free == nil {
			f.free, f.value = u, v
		}
	}
	n, k := float64(len(f.x)), float64(f.parameters()+1)
	f.aicc = f.value + 2*k + 2*k*(k+1)/(n-k-1)
	w, s := f.decode(f.free, season)
	ss := 0.0
	f.run(w, &s, func(_ int, _, e float64) { ss += e * e })
	f.states = s
	f.sigma2 = ss / (n - k + 1)
}

// smoothing is the number of smoothing parameters.
func (f *etsFit) smoothing() int {
	k := 1
	if f.model.Trend != None {
		k++
	}
	if f.model.Trend == Damped {
		k++
	}
	if f.m > 1 {
		k++
	}
	return k
}

// starts returns first parameters: smooth, quick and in between, from a heuristic
// first state (section 2.6.1 of the book).
func (f *etsFit) starts() [][]float64 {
	s := f.firstState()
	var out [][]float64
	for _, w := range []etsWeights{{.1, .01, .01, .97}, {.5, .05, .1, .95}, {.9, .1, .03, .9}} {
		u := []float64{logit(w.alpha, 0, 1)}
		if f.model.Trend != None {
			u = append(u, logit(w.beta/w.alpha, 0, 1))
		}
		if f.m > 1 {
			u = append(u, logit(w.gamma/(1-w.alpha), 0, 1))
		}
		if f.model.Trend == Damped {
			u = append(u, logit(w.phi, .8, .98))
		}
		u = append(u, s.level/f.scale)
		if f.model.Trend != None {
			u = append(u, 10*s.trend/f.scale)
		}
		for i := range f.m - 1 {
			v := s.season[i]
			if f.model.Season == Additive {
				v /= f.scale
			}
			u = append(u, v)
		}
		out = append(out, u)
	}
	return out
}

func (f *etsFit) firstState() etsState {
	x := f.x
	s := etsState{season: make([]float64, f.m)}
	if f.m > 1 {
		ratio := f.model.Season == Multiplicative
		head := x[:min(len(x), max(4*f.m, 2*f.m+1))]
		s.season = classical(head, f.m, ratio)
		adj := make([]float64, len(x))
		for i, v := range x {
			if ratio {
				s.season[i%f.m] = max(.01, s.season[i%f.m])
				adj[i] = v / s.season[i%f.m]
			} else {
				adj[i] = v - s.season[i%f.m]
			}
		}
		x = adj
	}
	a, b := line(x[:min(len(x), max(10, 2*f.m))])
	if f.model.Trend == None {
		s.level = mean(x[:min(len(x), max(10, 2*f.m))])
		return s
	}
	s.level, s.trend = a-b, b
	if f.model.Error == Multiplicative && s.level+s.trend <= 0 {
		s.level, s.trend = x[0], 0
	}
	return s
}

// result makes the Fitted.
func (f *etsFit) result() *fit {
	sum := plain("ets", f.model.String())
	sum.criteria(-.5*f.value, f.parameters()+1, len(f.x))
	sum.Sigma2 = f.sigma2
	w, s := f.decode(f.free, make([]float64, f.m))
	add := func(name string, v float64) {
		sum.Coefficients = append(sum.Coefficients, Coefficient{name, v, math.NaN()})
	}
	add("alpha", w.alpha)
	if f.model.Trend != None {
		add("beta", w.beta)
	}
	if f.m > 1 {
		add("gamma", w.gamma)
	}
	if f.model.Trend == Damped {
		add("phi", w.phi)
	}
	add("l", s.level)
	if f.model.Trend != None {
		add("b", s.trend)
	}
	for i := range f.m * min(1, f.m-1) {
		add(fmt.Sprintf("s%d", i), s.season[f.m-1-i])
	}
	return &fit{summary: sum, predict: func(h int) Forecast { return f.forecast(w, h) }}
}

// etsPaths is how many futures stand behind the intervals of models whose variance
// has no simple form.
const etsPaths = 4000

// forecast gives means by carrying the states on. Additive models have an exact
// variance (table 6.2 of the book); multiplicative ones with an additive season or
// none have one by recursion (section 6.3); the rest is simulated with a fixed seed.
func (f *etsFit) forecast(w etsWeights, h int) Forecast {
	mu := f.means(w, h)
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
func (f *etsFit) weight(w etsWeights, j int) float64 {
	c := w.alpha
	if f.model.Trend != None {
		c += w.beta * dampSum(w.phi, j)
	}
	if f.m > 1 && j%f.m == 0 {
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

func (f *etsFit) means(w etsWeights, h int) []float64 {
	mu := make([]float64, h)
	for i := range mu {
		mu[i] = f.states.level + dampSum(w.phi, i+1)*f.states.trend
		if f.m > 1 {
			s := f.states.season[(len(f.x)+i)%f.m]
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
func (f *etsFit) relativeSpread(w etsWeights, mu []float64) []float64 {
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

func (f *etsFit) simulate(w etsWeights, mu []float64) Forecast {
	paths := max(200, min(etsPaths, 4_000_000/len(mu)))
	rng := rand.New(rand.NewPCG(1, uint64(len(f.x))))
	at := make([][]float64, len(mu))
	for i := range at {
		at[i] = make([]float64, paths)
	}
	sigma := math.Sqrt(f.sigma2)
	for p := range paths {
		s := f.states
		s.season = slices.Clone(s.season)
		for i := range mu {
			pos := (len(f.x) + i) % f.m
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
