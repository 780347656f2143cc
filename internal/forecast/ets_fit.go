package forecast

import (
	"fmt"
	"math"
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
	return &fit{summary: sum, body: f.body()}
}

// body is the model at the end of the series.
func (f *etsFit) body() *smoothing {
	w, _ := f.decode(f.free, make([]float64, f.m))
	return &smoothing{f.model, len(f.x), w, f.states, f.sigma2}
}
