package energy_test

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/energy"
)

const (
	hour     = api.Time(api.Hour)
	wattHour = api.Microjoules(3_600_000_000)
)

// TestMade follows a signal of half hours by hand: 100 W, 40 W, then forecasts of 60 ± 20 W
// and of 10 ± 30 W.
func TestMade(t *testing.T) {
	plain := api.Signal{Start: hour, Step: 30 * api.Minute, Values: []int64{100_000, 40_000, 60_000, 10_000}, Known: 2, Spread: []int64{20_000, 30_000}, Usual: 500_000}
	for _, tc := range []struct {
		name     string
		change   func(s *api.Signal)
		from, to api.Time
		want     api.Microjoules
		foreseen bool
	}{
		{"all that was published", nil, hour, 2 * hour, 70 * wattHour, false},
		{"a part of two values", nil, hour + hour/4, hour + 3*hour/4, 35 * wattHour, false},
		{"of a forecast its lower end", nil, 2 * hour, 2*hour + hour/2, 20 * wattHour, true},
		{"a forecast that may be nothing", nil, 2*hour + hour/2, 3 * hour, 0, false},
		{"both", nil, hour + hour/2, 2*hour + hour/2, 40 * wattHour, true},
		{"the usual level is none", nil, 0, hour, 0, false},
		{"nor is it behind the end", nil, 3 * hour, 4 * hour, 0, false},
		{"while it has a fault", func(s *api.Signal) { s.Fault = "down" }, hour, 2 * hour, 0, false},
		{"without values", func(s *api.Signal) { s.Values, s.Known, s.Spread = nil, 0, nil }, hour, 2 * hour, 0, false},
		{"a forecast without an interval", func(s *api.Signal) { s.Spread = nil }, 2 * hour, 3 * hour, 35 * wattHour, true},
		{"more than there is", func(s *api.Signal) { s.Values[0] = 1_000_000_000_000_000 }, hour, 2 * hour, 1<<61 - 1, false},
	} {
		s := plain
		s.Values = append([]int64(nil), plain.Values...)
		if tc.change != nil {
			tc.change(&s)
		}
		if got, foreseen := energy.Made(&s, tc.from, tc.to); got != tc.want || foreseen != tc.foreseen {
			t.Errorf("%s: %d µJ, %v; want %d, %v", tc.name, got, foreseen, tc.want, tc.foreseen)
		}
	}
	if got, _ := energy.Made(nil, 0, hour); got != 0 {
		t.Errorf("without a signal %d µJ are made", got)
	}
}

// TestMadeInParts: parts of a time come to no more than the whole, and to that but for a
// µJ for each of them.
func TestMadeInParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := api.Signal{Start: hour, Step: api.Duration(rapid.IntRange(1, 90).Draw(t, "step")) * api.Minute}
		for range rapid.IntRange(1, 12).Draw(t, "values") {
			s.Values = append(s.Values, rapid.Int64Range(0, 1e9).Draw(t, "value"))
		}
		s.Known = int32(rapid.IntRange(0, len(s.Values)).Draw(t, "known"))
		for range len(s.Values) - int(s.Known) {
			s.Spread = append(s.Spread, rapid.Int64Range(0, 1e9).Draw(t, "spread"))
		}
		at := api.Time(rapid.Int64Range(0, int64(4*hour)).Draw(t, "from"))
		from, sum, parts := at, api.Microjoules(0), rapid.IntRange(1, 9).Draw(t, "parts")
		for range parts {
			next := at.Add(api.Duration(rapid.Int64Range(0, int64(hour)).Draw(t, "part")))
			made, _ := energy.Made(&s, at, next)
			at, sum = next, sum+made
		}
		whole, _ := energy.Made(&s, from, at)
		if sum > whole || whole-sum > api.Microjoules(parts+len(s.Values)) {
			t.Fatalf("%d µJ in parts, %d as a whole", sum, whole)
		}
	})
}
