package api_test

import (
	"testing"

	"drover.dev/api"
)

// TestStretchOfAStrategy: the bound on standing still is a per cent of the run, and goes with
// what holds tasks still only.
func TestStretchOfAStrategy(t *testing.T) {
	for _, tc := range []struct {
		slice, thrift bool
		stretch       int32
		want          []string
	}{
		{true, false, 15, []string{}},
		{true, false, api.MaxSlowdown + 1, []string{"stretch: 10001 is above the limit of 10000"}},
		{true, false, -1, []string{"stretch: -1 is negative"}},
		{false, false, 15, []string{"stretch: bounds how long running work is held still, which is done only with slice"}},
		{false, true, 15, []string{"stretch: bounds how long running work is held still, which is done only with slice"}},
	} {
		s := api.Strategy{Name: "s", Slice: tc.slice, Thrift: tc.thrift, Stretch: tc.stretch, Terms: []api.StrategyTerm{{Term: "latency", Weight: 1}}}
		s.Normalize()
		compare(t, s.Validate(), tc.want)
	}
}

// TestSlowdownOfAStrategy: the bound on waiting is a per cent of the run, and goes with
// waiting only.
func TestSlowdownOfAStrategy(t *testing.T) {
	for _, tc := range []struct {
		slice    bool
		slowdown int32
		want     []string
	}{
		{true, 0, []string{}},
		{true, 15, []string{}},
		{true, api.MaxSlowdown + 1, []string{"slowdown: 10001 is above the limit of 10000"}},
		{true, -1, []string{"slowdown: -1 is negative"}},
		{false, 15, []string{"slowdown: bounds how long work waits for better hours, which it does only with slice or thrift"}},
	} {
		s := api.Strategy{Name: "s", Slice: tc.slice, Slowdown: tc.slowdown, Terms: []api.StrategyTerm{{Term: "latency", Weight: 1}}}
		s.Normalize()
		compare(t, s.Validate(), tc.want)
	}
}
