package forecast

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// waves is a series with a season of 12, a trend and noise.
func waves(n int) []float64 {
	rng := rand.New(rand.NewPCG(5, uint64(n)))
	x := make([]float64, n)
	for i := range x {
		x[i] = 50 + .05*float64(i) + 8*math.Sin(2*math.Pi*float64(i)/12) + 2*rng.NormFloat64()
	}
	return x
}

func fitted(t testing.TB, m Model, s Series) Kept {
	t.Helper()
	f, err := m.Fit(s)
	if err != nil {
		t.Fatal(err)
	}
	return Keep(f, s.Values)
}

func again(t testing.TB, k Kept) Kept {
	t.Helper()
	data, err := k.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	out, err := Thaw(data)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same compares forecasts bit by bit.
func same(t testing.TB, want, got Kept, h int) {
	t.Helper()
	a, err := want.Fitted.Predict(h)
	if err != nil {
		t.Fatal(err)
	}
	b, err := got.Fitted.Predict(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2][]float64{{a.Mean, b.Mean}, {a.Lo80, b.Lo80}, {a.Hi80, b.Hi80}, {a.Lo95, b.Lo95}, {a.Hi95, b.Hi95}} {
		if !slices.EqualFunc(c[0], c[1], func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) }) {
			t.Fatalf("forecasts differ: %v and %v", c[0], c[1])
		}
	}
}

// kinds are models of every kind, on series that suit them.
func kinds(t testing.TB) map[string]Kept {
	out := map[string]Kept{}
	s := Series{Values: waves(150), Periods: []int{12}}
	for _, name := range Names() {
		m, err := New(name, Options{Horizon: 12, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		switch name { // small ones of what takes long
		case "forest":
			m = RandomForest{Trees: 5}
		case "gbt":
			m = GradientBoosting{Trees: 10}
		case "lstm":
			m = LSTM{Hidden: 4, Epochs: 2}
		case "arima":
			m = AutoARIMA{MaxModels: 3}
		}
		out[name] = fitted(t, m, s)
	}
	gaps := slices.Clone(s.Values)
	gaps[40], gaps[77] = math.NaN(), math.NaN()
	inputs := Series{Values: s.Values, Periods: s.Periods, Exog: [][]float64{waves(170)}}
	out["arima with gaps"] = fitted(t, ARIMA{Order: Order{P: 1, Q: 2}, Mean: true}, Series{Values: gaps})
	out["arima with drift and inputs"] = fitted(t, ARIMA{Order: Order{P: 1, D: 1, SQ: 1, Season: 12}, Drift: true}, inputs)
	out["arima that has not settled"] = fitted(t, ARIMA{Order: Order{Q: 1, SQ: 1, SD: 1, Season: 12}}, Series{Values: s.Values[:40], Periods: s.Periods})
	out["regression with inputs"] = fitted(t, Regression{}, inputs)
	out["lstm with inputs"] = fitted(t, LSTM{Hidden: 4, Epochs: 2}, inputs)
	out["ets with relative errors"] = fitted(t, ETS{Multiplicative, Damped, Multiplicative}, s)
	out["auto with a week"] = fitted(t, Auto{Horizon: 24, Seed: 1}, Series{Values: waves(24 * 23), Periods: []int{24}})
	out["auto of four values"] = fitted(t, Auto{Horizon: 6}, Series{Values: []float64{1, 5, 2, 4}})
	out["auto of a constant"] = fitted(t, Auto{Horizon: 6}, Series{Values: fill(30, 7)})
	return out
}

func TestStoredModels(t *testing.T) {
	if testing.Short() {
		t.Skip("every model is fitted, by one goroutine")
	}
	all := kinds(t)
	t.Run("forecast the same", func(t *testing.T) { forecastTheSame(t, all) })
	t.Run("are refused when they are damaged", func(t *testing.T) { refusedWhenDamaged(t, all["auto"]) })
	t.Run("do no harm when they are forged", func(t *testing.T) { harmlessWhenForged(t, all) })
}

func forecastTheSame(t *testing.T, all map[string]Kept) {
	for name, k := range all {
		t.Run(name, func(t *testing.T) {
			got := again(t, k)
			same(t, k, got, 30)
			a, b := k.Fitted.Summary(), got.Fitted.Summary()
			if a.Model != b.Model || a.Form != b.Form || len(a.Coefficients) != len(b.Coefficients) || got.Seen != k.Seen {
				t.Errorf("summary %+v became %+v", a, b)
			}
			// And so they do after further values, whether stored before or after.
			more := []float64{52, 55, math.NaN(), 49, 51}
			first, err := k.Extend(more)
			if err != nil {
				t.Fatal(err)
			}
			second, err := got.Extend(more)
			if err != nil {
				t.Fatal(err)
			}
			same(t, first, again(t, second), 30)
			same(t, k, got, 30) // the models before stay as they were
		})
	}
}

// TestExtendedIsRefittedWhereNothingIsEstimated compares with a fit to the longer series.
func TestExtendedIsRefittedWhereNothingIsEstimated(t *testing.T) {
	x := waves(150)
	for _, name := range []string{"naive", "snaive", "drift", "average"} {
		m, _ := New(name, Options{})
		s := Series{Values: x, Periods: []int{12}}
		short, err := fitted(t, m, s.head(120)).Follow(x)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := short.Fitted.Predict(20)
		want, _ := fitted(t, m, s).Fitted.Predict(20)
		for i := range want.Mean {
			if math.Abs(got.Mean[i]-want.Mean[i]) > 1e-9 {
				t.Errorf("%s, %d ahead: %g, want %g", name, i+1, got.Mean[i], want.Mean[i])
			}
		}
	}
}

// TestExtendedStatesAreThoseOfTheFilter gives the longer series to the same coefficients.
func TestExtendedStatesAreThoseOfTheFilter(t *testing.T) {
	x := waves(100)
	near := func(t *testing.T, got, want []float64) {
		t.Helper()
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-9*math.Abs(want[i]) {
				t.Fatalf("%d ahead: %g, want %g", i+1, got[i], want[i])
			}
		}
	}
	t.Run("arima", func(t *testing.T) {
		m := ARIMA{Order: Order{P: 1, Q: 1, SD: 1, SQ: 1, Season: 12}, Method: CSSML}
		short := newARIMAFit(m, Series{Values: x[:30]})
		short.best = []float64{.6, .3, -.5}
		l := short.at(short.best, nil, differenced)
		got := short.body(l)
		long := newARIMAFit(m, Series{Values: x})
		long.best = short.best
		want := long.body(l)
		for _, v := range x[30:] {
			got.learn(v)
		}
		near(t, got.mean(24), want.mean(24))
		near(t, got.spread(24), want.spread(24))
	})
	for _, m := range []ETS{{Additive, Damped, Additive}, {Multiplicative, Additive, Multiplicative}, {Multiplicative, None, None}} {
		t.Run(m.String(), func(t *testing.T) {
			f := m.choose(x[:60], 12)
			got := f.body()
			for _, v := range x[60:] {
				got.learn(v)
			}
			w, s := f.decode(f.free, make([]float64, f.m))
			f.x = x
			f.run(w, &s, nil)
			f.states = s
			near(t, got.mean(24), f.body().mean(24))
		})
	}
}

func TestFollowWantsTheSameSeries(t *testing.T) {
	x := waves(60)
	k := fitted(t, Naive{}, Series{Values: x[:50]})
	if got, err := k.Follow(x); err != nil || got.Seen != 60 {
		t.Fatalf("seen %d, %v", got.Seen, err)
	}
	other := slices.Clone(x)
	other[3]++
	for name, values := range map[string][]float64{"shorter": x[:40], "another beginning": other} {
		if _, err := k.Follow(values); !errors.Is(err, ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Extend([]float64{math.Inf(1)}); err == nil {
		t.Error("an infinity was learnt")
	}
}

func refusedWhenDamaged(t *testing.T, k Kept) {
	data, err := k.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, len(frozenHead), len(frozenHead) + 40, len(data) - 1} {
		bad := slices.Clone(data)
		bad[at] ^= 1
		if _, err := Thaw(bad); !errors.Is(err, errFrozen) {
			t.Errorf("byte %d is another: %v", at, err)
		}
		if _, err := Thaw(data[:at]); !errors.Is(err, errFrozen) {
			t.Errorf("cut after %d: %v", at, err)
		}
	}
}

// use does with bytes whose sum is right all that is done with a model.
func use(data []byte) {
	k, err := thaw(data)
	if err != nil {
		return
	}
	_, _ = k.Fitted.Predict(7)
	if k, err = k.Extend([]float64{1, math.NaN(), -3}); err == nil {
		_, _ = k.Fitted.Predict(7)
	}
}

const afterSum = len(frozenHead) + 32

// harmlessWhenForged changes bytes of models and forges their sums.
func harmlessWhenForged(t *testing.T, all map[string]Kept) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, k := range all {
		data, err := k.Freeze()
		if err != nil {
			t.Fatal(name, err)
		}
		body := data[afterSum:]
		for range 60 {
			bad := slices.Clone(body)
			for range 1 + rng.IntN(3) {
				bad[rng.IntN(min(len(bad), 1+rng.IntN(len(bad))))] = byte(rng.Uint32())
			}
			use(bad[:len(bad)-rng.IntN(2)*rng.IntN(len(bad))])
		}
	}
}

// A forged mixture may lean on a base that reaches less far than what is asked for.
func TestForgedBaseThatReachesLess(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole model is fitted, by one goroutine")
	}
	k := fitted(t, Auto{Horizon: 4}, Series{Values: waves(60), Periods: []int{12}})
	m := k.Fitted.(*fit).body.(*mixture)
	near := across{layout: layout{horizon: 1, reach: 12}, reg: &linear{weights: make([]float64, 15)}}
	m.trust, m.base = .5, &boosted{near, unit{x: []float64{1, 2}, scale: 1}}
	if f, err := again(t, k).Fitted.Predict(7); err != nil || len(f.Mean) != 7 {
		t.Errorf("%d steps, %v", len(f.Mean), err)
	}
}

func FuzzThaw(f *testing.F) {
	if testing.Short() {
		f.Skip("six models are fitted, by one goroutine")
	}
	s := Series{Values: waves(60), Periods: []int{12}}
	for _, m := range []Model{SeasonalNaive{}, Theta{}, AutoARIMA{MaxModels: 3}, DecisionTree{}, LSTM{Hidden: 2, Epochs: 1}, Auto{Horizon: 4}} {
		data, err := fitted(f, m, s).Freeze()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[afterSum:])
	}
	f.Fuzz(func(_ *testing.T, data []byte) { use(data) })
}
