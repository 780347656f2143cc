package trace_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/trace"
)

func samples(step api.Duration, values ...float64) []trace.Sample {
	var list []trace.Sample
	for i, v := range values {
		list = append(list, trace.Sample{At: api.Time(int64(i) * int64(step)), Value: v})
	}
	return list
}

func TestOnGrid(t *testing.T) {
	hour := api.Time(api.Hour)
	for _, tc := range []struct {
		name    string
		samples []trace.Sample
		want    []float64
		held    int
	}{
		{"hours stay hours", samples(api.Hour, 1, 2, 3), []float64{1, 2, 3}, 0},
		{"half hours are averaged", samples(api.Hour/2, 1, 3, 5, 7), []float64{2, 6}, 0},
		{"two hours are repeated", samples(2*api.Hour, 1, 3), []float64{1, 1, 3, 3}, 2},
		{"a gap holds the value before", []trace.Sample{{At: 0, Value: 1}, {At: hour, Value: 2}, {At: 3 * hour, Value: 4}, {At: 4 * hour, Value: 5}}, []float64{1, 2, 2, 4, 5}, 1},
		{"a first hour that is not whole is its own mean", []trace.Sample{{At: hour / 2, Value: 4}, {At: hour, Value: 2}, {At: 2 * hour, Value: 3}, {At: 3 * hour, Value: 3}}, []float64{4, 2, 3, 3}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := trace.OnGrid(tc.samples, api.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if len(g.Values) != len(tc.want) || g.Held != tc.held {
				t.Fatalf("%v with %d held, not %v with %d", g.Values, g.Held, tc.want, tc.held)
			}
			for i, v := range tc.want {
				if math.Abs(g.Values[i]-v) > 1e-9 {
					t.Errorf("%v, not %v", g.Values, tc.want)
					break
				}
			}
		})
	}
	if _, err := trace.OnGrid(samples(api.Hour, 1), api.Hour); err == nil {
		t.Error("one value passes")
	}
	if _, err := trace.OnGrid(samples(2_000_000*api.Hour, 1, 2), api.Minute); err == nil {
		t.Error("centuries of minutes pass")
	}
}

// TestOnGridKeepsTheSum: steps that divide the samples' keep what they add up to.
func TestOnGridKeepsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-100, 100), 24, 96).Draw(t, "values")
		values = values[:len(values)/4*4]
		g, err := trace.OnGrid(samples(api.Hour/4, values...), api.Hour)
		if err != nil {
			t.Fatal(err)
		}
		sum, want := 0.0, 0.0
		for _, v := range g.Values {
			sum += v
		}
		for _, v := range values {
			want += v / 4
		}
		if math.Abs(sum-want) > 1e-6 {
			t.Fatalf("the hours sum up to %g, the quarters to %g", sum, want)
		}
	})
}

func TestCut(t *testing.T) {
	g, err := trace.OnGrid(samples(api.Hour, 1, 2, 3, 4), api.Hour)
	if err != nil {
		t.Fatal(err)
	}
	hour := api.Time(api.Hour)
	if c := g.Cut(hour, 3*hour); len(c.Values) != 2 || c.Values[0] != 2 || c.From != hour || c.End() != 3*hour {
		t.Errorf("%+v", c)
	}
	if c := g.Cut(9*hour, 12*hour); len(c.Values) != 0 {
		t.Errorf("%+v", c)
	}
}
