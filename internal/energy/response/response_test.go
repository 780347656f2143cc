package response_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/response"
)

func load(options ...response.Option) response.Load { return response.Load{Options: options} }

func TestRespond(t *testing.T) {
	stop := func(saves, penalty float64) response.Option {
		return response.Option{Saves: saves, Penalty: penalty}
	}
	for _, tc := range []struct {
		name   string
		loads  []response.Load
		event  response.Event
		choice []int
		short  float64
	}{
		{"nothing is asked for", []response.Load{load(stop(5, 1))}, response.Event{}, []int{-1}, 0},
		{"the cheapest that is enough", []response.Load{load(stop(100, 9)), load(stop(60, 2)), load(stop(50, 3))}, response.Event{Reduce: 100}, []int{-1, 0, 0}, 0},
		{"one alone may be cheaper than the cheapest for a W", []response.Load{load(stop(60, 1)), load(stop(100, 5)), load(stop(50, 6))}, response.Event{Reduce: 100}, []int{-1, 0, -1}, 0},
		{"slow one down rather than stop it", []response.Load{load(stop(40, 1), stop(100, 8)), load(stop(60, 3))}, response.Event{Reduce: 100}, []int{0, 0}, 0},
		{"what takes too long does not help", []response.Load{load(response.Option{Saves: 100, After: 90}), load(stop(100, 5))}, response.Event{Reduce: 100, Within: 60}, []int{-1, 0}, 0},
		{"what is protected is left alone", []response.Load{load(), load(stop(30, 5))}, response.Event{Reduce: 100}, []int{-1, 0}, 70},
		{"the most, if that is not enough", []response.Load{load(stop(10, 1), stop(20, 50))}, response.Event{Reduce: 25}, []int{1}, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := response.Respond(tc.loads, tc.event, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range tc.choice {
				if p.Choice[i] != want {
					t.Errorf("%v instead of %v", p.Choice, tc.choice)
				}
			}
			if math.Abs(p.Short-tc.short) > 1e-9 {
				t.Errorf("short of %g W instead of %g", p.Short, tc.short)
			}
		})
	}
}

func draw(t *rapid.T, most int) ([]response.Load, response.Event) {
	var loads []response.Load
	all := 0.0
	for range rapid.IntRange(0, most).Draw(t, "loads") {
		var l response.Load
		for range rapid.IntRange(0, 3).Draw(t, "options") {
			o := response.Option{
				Saves: float64(rapid.IntRange(0, 40).Draw(t, "saves")), Penalty: float64(rapid.IntRange(0, 30).Draw(t, "penalty")),
				After: float64(rapid.IntRange(0, 12).Draw(t, "after")),
			}
			l.Options = append(l.Options, o)
			all += o.Saves
		}
		loads = append(loads, l)
	}
	return loads, response.Event{Reduce: all * rapid.Float64Range(0, 0.8).Draw(t, "part"), Within: 10}
}

// least is the least penalty by trying all plans; infinite when none is enough.
func least(loads []response.Load, e response.Event) float64 {
	if len(loads) == 0 {
		if e.Reduce > 1e-9 {
			return math.Inf(1)
		}
		return 0
	}
	best := least(loads[1:], e)
	for _, o := range loads[0].Options {
		if o.After <= e.Within {
			best = min(best, o.Penalty+least(loads[1:], response.Event{Reduce: e.Reduce - o.Saves, Within: e.Within}))
		}
	}
	return best
}

// keeps fails a plan that does not do what it says.
func keeps(t *rapid.T, loads []response.Load, e response.Event, p response.Plan) {
	saves, penalty := 0.0, 0.0
	for i, c := range p.Choice {
		if c < 0 {
			continue
		}
		o := loads[i].Options[c]
		if o.After > e.Within {
			t.Fatalf("load %d takes %g s", i, o.After)
		}
		saves, penalty = saves+o.Saves, penalty+o.Penalty
	}
	if math.Abs(saves-p.Saves) > 1e-6 || math.Abs(penalty-p.Penalty) > 1e-6 || saves+p.Short < e.Reduce-1e-6 || p.Bound > p.Penalty+1e-6 {
		t.Fatalf("%+v saves %g at %g of %g", p, saves, penalty, e.Reduce)
	}
}

// TestSmallOnesAreExact against all plans there are.
func TestSmallOnesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loads, e := draw(t, 7)
		p, err := response.Respond(loads, e, nil)
		if err != nil {
			t.Fatal(err)
		}
		keeps(t, loads, e, p)
		want := least(loads, e)
		if math.IsInf(want, 1) != (p.Short > 1e-9) {
			t.Fatalf("%+v is short, the least is %g", p, want)
		}
		if p.Short == 0 && (!p.Exact || math.Abs(p.Penalty-want) > 1e-6 || p.Bound != p.Penalty) {
			t.Fatalf("%+v, the least is %g", p, want)
		}
	})
}

// TestStoppedEarly there is a plan, too, and a bound under it that holds.
func TestStoppedEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loads, e := draw(t, 60)
		early, err := response.Respond(loads, e, func() bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		keeps(t, loads, e, early)
		left := 200
		whole, err := response.Respond(loads, e, func() bool { left--; return left < 0 })
		if err != nil {
			t.Fatal(err)
		}
		keeps(t, loads, e, whole)
		if whole.Penalty > early.Penalty+1e-6 || early.Bound > whole.Penalty+1e-6 {
			t.Fatalf("early %+v, later %+v", early, whole)
		}
	})
}

// TestALargeOne is near its bound at once: a thousand loads.
func TestALargeOne(t *testing.T) {
	var loads []response.Load
	all := 0.0
	for i := range 1000 {
		saves := float64(50 + i*7919%200)
		loads = append(loads, load(response.Option{Saves: saves, Penalty: float64(1 + i*104729%977)}))
		all += saves
	}
	p, err := response.Respond(loads, response.Event{Reduce: all / 5}, nil)
	if err != nil || p.Short > 0 || p.Penalty > p.Bound*1.01 {
		t.Errorf("%g, bound %g, %v", p.Penalty, p.Bound, err)
	}
}

func TestWhatCannotBePlanned(t *testing.T) {
	for name, tc := range map[string]struct {
		load  response.Load
		event response.Event
	}{
		"NaN":              {load(response.Option{Saves: math.NaN()}), response.Event{}},
		"negative penalty": {load(response.Option{Saves: 1, Penalty: -1}), response.Event{}},
		"event":            {load(), response.Event{Reduce: -5}},
		"options":          {load(make([]response.Option, 17)...), response.Event{}},
	} {
		if _, err := response.Respond([]response.Load{tc.load}, tc.event, nil); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
