package bench

import (
	"context"
	"testing"

	"drover.dev/api"
)

// What is decided in hindsight is right by definition; the same seed gives the same figures; and
// a rehearsal is asked of jobs after the warm-up only.
func TestLine(t *testing.T) {
	o := LineOptions{Seeds: []uint64{1}, Warm: 2 * api.Minute, For: 30 * api.Second, Look: 30 * api.Second, Worlds: 1, Judged: 20}
	first, err := Line(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if first.Jobs < 5 || first.Bound.Judged == 0 || first.Bound.Right.Mean != 100 || first.Baseline.Gain.Mean != 0 {
		t.Errorf("%+v", first)
	}
	for name, f := range map[string]LineFigure{"without": first.Without, "with": first.With} {
		if f.Judged == 0 || f.Right.Mean < 0 || f.Right.Mean > 100 || f.Completion.Mean <= 0 || f.EnergyKWh.Mean <= 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	again, err := Line(context.Background(), o)
	if again.Seconds = first.Seconds; err != nil || again != first {
		t.Errorf("%+v, then %+v, %v", first, again, err)
	}
	o.Worlds = 0
	if _, err := Line(context.Background(), o); err == nil {
		t.Error("a rehearsal without a world was measured")
	}
}

// The whole way of choosing: of equal losses the strategy's own choice stays.
func TestLeast(t *testing.T) {
	for name, c := range map[string]struct {
		losses []float64
		want   int
	}{
		"the least":               {[]float64{5, 3, 4}, 1},
		"none is better":          {[]float64{3, 3, 4}, 0},
		"not by enough to matter": {[]float64{3.1, 3, 4}, 0},
		"the least of the others": {[]float64{9, 4, 3}, 2},
	} {
		if got := least(c.losses); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
}

// A choice that is better in the mean, by luck in one world, is not taken.
func TestSurest(t *testing.T) {
	for name, c := range map[string]struct {
		losses [][]float64
		want   int
	}{
		"better in all":           {[][]float64{{9, 9, 9, 9}, {5, 5, 5, 5}}, 1},
		"worse in one":            {[][]float64{{9, 9, 9, 9}, {5, 5, 5, 12}}, 1},
		"worse in half of them":   {[][]float64{{9, 9, 90, 90}, {12, 12, 20, 20}}, 0},
		"the second best is sure": {[][]float64{{9, 9, 90, 90}, {12, 12, 20, 20}, {8, 8, 60, 60}}, 2},
	} {
		if got := surest(c.losses); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
}
