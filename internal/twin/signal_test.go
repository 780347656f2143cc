package twin

import (
	"math"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

// The integral of a signal is that of a plain sum over small steps, wherever it is
// asked, and over moments in any order.
func TestSignalIntegral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var points []Point
		at := api.Time(rapid.Int64Range(0, 50).Draw(t, "first")) * s
		for range rapid.IntRange(2, 6).Draw(t, "points") {
			points = append(points, Point{at, float64(rapid.IntRange(-5, 20).Draw(t, "value"))})
			at += api.Time(rapid.Int64Range(1, 9).Draw(t, "step")) * s
		}
		signal, err := NewSignal(points)
		if err != nil {
			t.Fatal(err)
		}
		last := len(points) - 1
		period := signal.period / api.Second
		if tail := points[last].At - points[last-1].At; period != api.Duration(points[last].At-points[0].At+tail)/api.Second {
			t.Fatalf("period %d", period)
		}
		value := func(second int64) float64 { // from this second on
			within := (second*int64(s) - int64(points[0].At)) % int64(signal.period)
			if within < 0 {
				within += int64(signal.period)
			}
			v := 0.0
			for _, p := range points {
				if int64(p.At-points[0].At) <= within {
					v = p.Value
				}
			}
			return v
		}
		c := cursor{Signal: signal}
		from, to := rapid.Int64Range(0, 200).Draw(t, "from"), rapid.Int64Range(0, 200).Draw(t, "to")
		if from > to {
			from, to = to, from
		}
		want := 0.0
		for second := from; second < to; second++ {
			want += value(second)
		}
		upTo := c.until(api.Time(to) * s)
		if got := upTo - c.until(api.Time(from)*s); math.Abs(got-want) > 1e-6 {
			t.Fatalf("from %d to %d s: %g, want %g", from, to, got, want)
		}
	})
}

func TestWhatIsNoSignal(t *testing.T) {
	for name, points := range map[string][]Point{
		"nothing": nil, "one point": {{0, 1}}, "a time twice": {{0, 1}, {0, 2}}, "backwards": {{2, 1}, {1, 2}}, "no number": {{0, 1}, {1, math.NaN()}},
	} {
		if _, err := NewSignal(points); err == nil {
			t.Errorf("%s is a signal", name)
		}
	}
}

// Energy is weighed with what the grid of each site is like while it is used.
func TestSignalsOfSites(t *testing.T) {
	step := func(first, then float64) *Signal {
		v, err := NewSignal([]Point{{0, first}, {10 * s, then}, {1000 * s, then}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	cfg := plant()
	cfg.Sites[0].PUE = 1500
	cfg.Nodes[0].Power = &api.PowerModel{Idle: 1_000_000, Full: 5_000_000} // 1 and 5 kW
	cfg.Signals = map[string]Signals{"plant": {Carbon: step(100, 400), Price: step(0.5, -0.1)}}
	_, got := played(t, cfg, single("a", Truth{Run: 30 * api.Second}))
	// One of four cores for 30 s: 2 kW, and half as much again for the site.
	want := Result{Joules: 90_000, Carbon: 3 * (10*100 + 20*400) / 3600., Cost: 3 * (10*0.5 - 20*0.1) / 3600}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9*math.Abs(b) }
	if !near(got.Joules, want.Joules) || !near(got.Carbon, want.Carbon) || !near(got.Cost, want.Cost) {
		t.Errorf("%g J, %g g, %g; want %g J, %g g, %g", got.Joules, got.Carbon, got.Cost, want.Joules, want.Carbon, want.Cost)
	}
}
