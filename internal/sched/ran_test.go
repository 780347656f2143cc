package sched

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

// TestRanFor: of the time up to now an attempt ran in the last in which it did not stand still.
func TestRanFor(t *testing.T) {
	for _, tc := range []struct {
		name  string
		wall  api.Duration
		still []Stretch
		want  ran // it ends at 10
	}{
		{"never held still", 4, nil, ran{{6, 10}}},
		{"held once", 4, []Stretch{{5, 8}}, ran{{8, 10}, {3, 5}}},
		{"held twice", 4, []Stretch{{3, 5}, {6, 8}}, ran{{8, 10}, {5, 6}, {2, 3}}},
		{"held before it began to count", 2, []Stretch{{5, 8}}, ran{{8, 10}}},
		{"ended while it was held", 4, []Stretch{{7, 10}}, ran{{3, 7}}},
		{"held at once", 1, []Stretch{{4, 4}}, ran{{9, 10}}},
		{"times that overlap", 3, []Stretch{{5, 9}, {6, 8}}, ran{{8, 10}, {4, 5}}},
	} {
		if got := ranFor(tc.wall, 10, tc.still); !slices.Equal(got, tc.want) {
			t.Errorf("%s: it ran in %v, want %v", tc.name, got, tc.want)
		}
	}
}

// TestRanForAll: whenever it was held still, an attempt ran as long as it says, in none of
// that time, and what is the same all the time is its mean.
func TestRanForAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var still []Stretch
		at := api.Time(0)
		for range rapid.IntRange(0, 8).Draw(t, "holds") {
			from := at.Add(api.Duration(rapid.Int64Range(0, int64(api.Day)).Draw(t, "runs")))
			at = from.Add(api.Duration(rapid.Int64Range(1, int64(api.Day)).Draw(t, "stands")))
			still = append(still, Stretch{from, at})
		}
		now := at.Add(api.Duration(rapid.Int64Range(0, int64(api.Day)).Draw(t, "last")))
		wall := api.Duration(rapid.Int64Range(1, int64(20*api.Day)).Draw(t, "wall"))
		r := ranFor(wall, now, still)
		if r.lasts() != wall {
			t.Fatalf("it ran for %v in %v", wall, r)
		}
		for _, a := range r {
			for _, b := range still {
				if a.From < b.To && b.From < a.To {
					t.Fatalf("it ran in %v and stood still in %v", a, b)
				}
			}
		}
		if v, _ := r.mean(&api.Signal{Usual: 250_001}); v != 250_001 {
			t.Fatalf("the mean of 250001 is %d in %v", v, r)
		}
	})
}
