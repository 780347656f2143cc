package forecast

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// wave is a series with a season of 12, a trend and noise that repeats.
func wave(n int) Series {
	rng := newRand(7, 7)
	s := Series{Periods: []int{12}}
	for i := range n {
		s.Values = append(s.Values, 50+.1*float64(i)+10*math.Sin(2*math.Pi*float64(i)/12)+rng.NormFloat64())
	}
	return s
}

func mustPredict(t testing.TB, m Model, s Series, h int) Forecast {
	t.Helper()
	f, err := m.Fit(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Predict(h)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryModelForecastsEverySeries(t *testing.T) {
	gaps := wave(120)
	gaps.Values[0], gaps.Values[30], gaps.Values[31], gaps.Values[119] = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	spike := wave(120)
	spike.Values[60] = 1e6
	for _, c := range []struct {
		name string
		s    Series
	}{
		{"wave", wave(120)},
		{"gaps", gaps},
		{"spike", spike},
		{"one value", Series{Values: []float64{3}}},
		{"two values", Series{Values: []float64{3, 4}, Periods: []int{24}}},
		{"constant", Series{Values: fill(60, 5), Periods: []int{12}}},
		{"zeros", Series{Values: fill(60, 0)}},
		{"negative", Series{Values: []float64{-1, -5, -2, -8, -3, -4, -9, -1, -2, -6, -3, -7}, Periods: []int{4}}},
		{"long season", Series{Values: wave(50).Values, Periods: []int{500}}},
	} {
		for _, name := range Names() {
			if testing.Short() && (name == "auto" || name == "arima") && len(c.s.Values) > 60 {
				continue // up to half a minute each with the race detector: left to the plain run
			}
			m, err := New(name, Options{Horizon: 12})
			if err != nil {
				t.Fatal(err)
			}
			p := mustPredict(t, m, c.s, 30)
			for i, v := range p.Mean {
				in := p.Lo95[i] <= p.Lo80[i] && p.Lo80[i] <= p.Hi80[i] && p.Hi80[i] <= p.Hi95[i]
				if math.IsNaN(v) || math.IsInf(v, 0) || !in {
					t.Errorf("%s on %s, step %d: %g, 80 %% [%g, %g], 95 %% [%g, %g]", name, c.name, i+1, v, p.Lo80[i], p.Hi80[i], p.Lo95[i], p.Hi95[i])
					break
				}
			}
		}
	}
}

// Forecasts are the same whether the work is done side by side or in turn.
func TestForecastsInParallelAreTheSame(t *testing.T) {
	var all []Series
	for i := range 2 {
		s := wave(260)
		s.Values = s.Values[10*i:]
		all = append(all, s)
	}
	for _, m := range []Model{Auto{Horizon: 6}, Regression{}} {
		alone, err := FitEach(m, all, Run{})
		if err != nil {
			t.Fatal(err)
		}
		together, err := FitEach(m, all, Run{Par: twoCores})
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			a, _ := alone[i].Predict(6)
			b, _ := together[i].Predict(6)
			if !slices.Equal(a.Mean, b.Mean) || !slices.Equal(a.Hi95, b.Hi95) {
				t.Errorf("%T, series %d: in turn %v, side by side %v", m, i+1, a.Mean, b.Mean)
			}
		}
	}
	one, err := Backtest(Theta{}, all[0], Rolling{Horizon: 6}, Run{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := Backtest(Theta{}, all[0], Rolling{Horizon: 6}, Run{Par: twoCores})
	if err != nil || !reflect.DeepEqual(one, two) {
		t.Errorf("a backtest in turn gives %+v, side by side %+v (%v)", one, two, err)
	}
	cols, trees := [][]float64{all[0].Values[12:], all[0].Values[:248]}, forest{trees: 7, leaves: 8, minLeaf: 2, share: 1}
	a, b := trees.learn(cols, all[0].Values[:248], 3, Run{}), trees.learn(cols, all[0].Values[:248], 3, Run{Par: twoCores})
	for _, row := range [][]float64{{40, 40}, {50, 60}, {60, 50}} {
		if a.at(row) != b.at(row) {
			t.Errorf("at %v a forest grown in turn says %g, side by side %g", row, a.at(row), b.at(row))
		}
	}
}

func TestBadSeries(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Series
		want string
	}{
		{"empty", Series{}, ErrEmpty.Error()},
		{"only gaps", Series{Values: []float64{math.NaN()}}, ErrEmpty.Error()},
		{"infinite", Series{Values: []float64{1, math.Inf(1)}}, "value 2 is +Inf"},
		{"season of one", Series{Values: []float64{1}, Periods: []int{1}}, "seasonal periods [1]"},
		{"seasons fall", Series{Values: []float64{1}, Periods: []int{24, 12}}, "seasonal periods [24 12]"},
		{"short input", Series{Values: []float64{1, 2}, Exog: [][]float64{{1}}}, "input 1 has 1 values"},
	} {
		for _, name := range Names() {
			m, _ := New(name, Options{})
			if _, err := m.Fit(c.s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s on %s: error %v, want %q", name, c.name, err, c.want)
			}
		}
	}
	f, err := Naive{}.Fit(wave(20))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []int{0, -1, MaxHorizon + 1} {
		if _, err := f.Predict(h); !errors.Is(err, ErrHorizon) {
			t.Errorf("horizon %d: %v", h, err)
		}
	}
}

// Models that promise it move and stretch with the series.
func TestForecastsMoveAndStretchWithTheSeries(t *testing.T) {
	base := wave(72)
	for _, name := range []string{"naive", "snaive", "drift", "average", "arima", "regression", "tree", "forest", "gbt"} {
		t.Run(name, func(t *testing.T) {
			o := Options{}
			if name == "arima" {
				o.Order = &Order{P: 1, Q: 1}
			}
			m, err := New(name, o)
			if err != nil {
				t.Fatal(err)
			}
			want := mustPredict(t, m, base, 6)
			for _, c := range []struct{ scale, shift float64 }{{1, 20}, {2, 0}, {64, -20}} {
				moved := Series{Values: slices.Clone(base.Values), Periods: base.Periods}
				for i, v := range moved.Values {
					moved.Values[i] = c.scale*v + c.shift
				}
				got := mustPredict(t, m, moved, 6)
				for i, v := range got.Mean {
					if w := c.scale*want.Mean[i] + c.shift; math.Abs(v-w) > 1e-3*c.scale {
						t.Fatalf("scaled by %g and shifted by %g, step %d: %g, want %g", c.scale, c.shift, i+1, v, w)
					}
				}
			}
		})
	}
}

func TestSameSeedSameForecast(t *testing.T) {
	s := Series{Values: wave(80).Values}
	for _, name := range []string{"forest", "gbt", "lstm", "auto"} {
		if testing.Short() && name == "auto" {
			continue // TestForecastsInParallelAreTheSame fits it twice, too
		}
		m, _ := New(name, Options{Seed: 5, Horizon: 12})
		a, b := mustPredict(t, m, s, 12), mustPredict(t, m, s, 12)
		if !slices.Equal(a.Mean, b.Mean) || !slices.Equal(a.Lo95, b.Lo95) {
			t.Errorf("%s: two fits differ", name)
		}
	}
}

func TestInputsHelp(t *testing.T) {
	rng := newRand(1, 2)
	s := Series{Exog: [][]float64{nil}}
	for i := range 232 {
		x := rng.NormFloat64()
		s.Exog[0] = append(s.Exog[0], x)
		if i < 220 {
			s.Values = append(s.Values, 5+3*x+.1*rng.NormFloat64())
		}
	}
	for _, m := range []Model{ARIMA{Mean: true}, Regression{}, Auto{Horizon: 12}} {
		p := mustPredict(t, m, s, 12)
		for i, v := range p.Mean {
			if d := math.Abs(v - 5 - 3*s.Exog[0][220+i]); d > 1.5 {
				t.Errorf("%T step %d is off by %g", m, i+1, d)
			}
		}
	}
}

func TestReadColumn(t *testing.T) {
	for _, c := range []struct{ name, text, column, want string }{
		{"by name", "time,a,b\n2024-01-01T00:00:00Z,1,2\n2024-01-01T01:00:00Z,3,4\n", "b", "[2 4]"},
		{"by number", "1,2\n3,4\n", "2", "[2 4]"},
		{"missing", "a\n1\nNA\nnan\n4\n", "a", "[1 NaN NaN 4]"},
		{"skipped steps", "t,a\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n2024-01-01 03:00,4\n", "a", "[1 2 NaN 4]"},
		{"text", "a\n1\nx\n", "a", `line 3: column "a": "x" is no number`},
		{"infinity", "a\n1\n-Inf\n", "a", `line 3: column "a": "-Inf" is infinite`},
		{"repeated time", "t,a\n2024-01-01,1\n2024-01-01,2\n", "a", "line 3: its time 2024-01-01T00:00:00Z repeats"},
		{"unsorted time", "t,a\n2024-01-02,1\n2024-01-01,2\n", "a", "line 3: its time 2024-01-01T00:00:00Z is before"},
		{"uneven time", "t,a\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n2024-01-01 02:30,2\n", "a", "resample"},
		{"no such column", "t,a\n1,2\n", "c", `no column "c"`},
		{"short line", "t,a\n1,2\n1\n", "a", "line 3: it has 1 columns"},
		{"nothing", "", "1", ErrEmpty.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _, err := ReadColumn(strings.NewReader(c.text), c.column)
			got := fmt.Sprint(v)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestBacktestSeesOnlyThePast(t *testing.T) {
	s := wave(200)
	r := Rolling{Horizon: 10, Step: 7, Origins: 5}
	var seen []int
	_, err := Backtest(spy{&seen}, s, r, Run{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{162, 169, 176, 183, 190}; !slices.Equal(seen, want) {
		t.Errorf("the model saw %v values, want %v", seen, want)
	}
	g, err := Backtest(SeasonalNaive{}, s, r, Run{})
	if err != nil || g.Origins != 5 || len(g.ByStep) != 10 || !(g.MAE > 0) || g.Coverage95 < .8 {
		t.Errorf("%+v, %v", g, err)
	}
}

// spy notes how much it is shown.
type spy struct{ seen *[]int }

func (s spy) Fit(x Series) (Fitted, error) {
	*s.seen = append(*s.seen, len(x.Values))
	return Naive{}.Fit(x)
}

// Missing values are integrated out: the likelihood of a random walk with gaps is
// that of its steps, the variance of a step growing with the gap.
func TestARIMAMissingValuesExactly(t *testing.T) {
	s := Series{Values: []float64{1, 2.5, math.NaN(), 3, 5, math.NaN(), math.NaN(), 4, 6, 7}}
	f, err := ARIMA{Order: Order{D: 1}}.Fit(s)
	if err != nil {
		t.Fatal(err)
	}
	var ss, logs, n float64
	last := 0
	for i, v := range s.Values {
		if i == 0 || math.IsNaN(v) {
			continue
		}
		d, gap := v-s.Values[last], float64(i-last)
		ss += d * d / gap
		logs += math.Log(gap)
		n++
		last = i
	}
	want := -.5 * (n*math.Log(2*math.Pi*ss/n) + n + logs)
	if got := f.Summary().LogLik; math.Abs(got-want) > 1e-4 {
		t.Errorf("log-likelihood %.8f, want %.8f", got, want)
	}
}
