package storage_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/storage"
)

func hours(load float64, prices ...float64) []storage.Step {
	var list []storage.Step
	for _, p := range prices {
		list = append(list, storage.Step{Hours: 1, Price: p, Load: load})
	}
	return list
}

func TestOptimal(t *testing.T) {
	plain := storage.Battery{Capacity: 10, Power: 5, Efficiency: 1}
	lossy := storage.Battery{Capacity: 10, Power: 5, Efficiency: 0.81}
	for _, tc := range []struct {
		name  string
		b     storage.Battery
		steps []storage.Step
		with  float64
	}{
		{"a flat price leaves nothing to gain", plain, hours(5, 1, 1, 1), 15},
		{"buy cheap, use dear", plain, hours(5, 1, 3), 10},
		{"the load limits what can be used", plain, hours(2, 1, 3), 4},
		{"what is lost on the way is bought, too", lossy, hours(4.05, 1, 3), 4.05 + 5},
		{"a difference smaller than the loss is left alone", lossy, hours(4, 1, 1.2), 8.8},
		{"ageing can cost more than the difference", storage.Battery{Capacity: 10, Power: 5, Efficiency: 1, Ageing: 2.5}, hours(5, 1, 3), 20},
		{"the capacity limits", storage.Battery{Capacity: 3, Power: 5, Efficiency: 1}, hours(5, 1, 3), 14},
		{"a high price can come first", plain, hours(5, 3, 1), 20},
		{"a negative price pays for losses: the hour is divided", storage.Battery{Capacity: 10, Power: 5, Efficiency: 0.25}, hours(5, -1), -5 - 5*0.75*(10./12.5)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, err := storage.Optimal(tc.b, tc.steps)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(o.With-tc.with) > 1e-9 {
				t.Errorf("it costs %g instead of %g; levels %v", o.With, tc.with, o.Levels)
			}
		})
	}
}

func TestWhatIsNoBattery(t *testing.T) {
	good := storage.Battery{Capacity: 10, Power: 5, Efficiency: 0.9}
	for _, b := range []storage.Battery{
		{Capacity: 0, Power: 5, Efficiency: 0.9},
		{Capacity: 10, Power: math.NaN(), Efficiency: 0.9},
		{Capacity: 10, Power: 5, Efficiency: 1.1},
		{Capacity: 10, Power: 5, Efficiency: 0},
		{Capacity: 10, Power: 5, Efficiency: 0.9, Ageing: -1},
		{Capacity: math.Inf(1), Power: 5, Efficiency: 0.9},
	} {
		if _, err := storage.Optimal(b, hours(1, 1)); err == nil {
			t.Errorf("%+v passes", b)
		}
	}
	for _, steps := range [][]storage.Step{nil, hours(1, math.NaN()), hours(-1, 1), {{Hours: 0, Price: 1, Load: 1}}} {
		if _, err := storage.Optimal(good, steps); err == nil {
			t.Errorf("%+v passes", steps)
		}
	}
}

// onGrid draws a battery and steps whose exact optimum lies on whole levels: with an
// efficiency of a quarter, half of what is bought arrives and half of that is used.
func onGrid(t *rapid.T) (storage.Battery, []storage.Step) {
	b := storage.Battery{
		Capacity:   float64(rapid.IntRange(1, 12).Draw(t, "capacity")),
		Power:      float64(2 * rapid.IntRange(1, 4).Draw(t, "power")),
		Efficiency: rapid.SampledFrom([]float64{0.25, 1}).Draw(t, "efficiency"),
		Ageing:     float64(rapid.IntRange(0, 2).Draw(t, "ageing")),
	}
	var steps []storage.Step
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		steps = append(steps, storage.Step{
			Hours: 1, Price: float64(rapid.IntRange(-10, 30).Draw(t, "price")), Load: float64(2 * rapid.IntRange(0, 4).Draw(t, "load")),
		})
	}
	return b, steps
}

// onLevels is the least bill by brute force over whole levels.
func onLevels(b storage.Battery, steps []storage.Step) float64 {
	r := math.Sqrt(b.Efficiency)
	rest := make([]float64, int(b.Capacity)+1)
	for i := range rest[1:] {
		rest[i+1] = math.Inf(1)
	}
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		in, out := r*b.Power, min(b.Power, s.Load)/r
		now := make([]float64, len(rest))
		for from := range now {
			now[from] = math.Inf(1)
			for to := range rest {
				change := float64(to - from)
				if change > in || -change > out {
					continue
				}
				cost := max(change, 0)*s.Price/r - max(-change, 0)*(s.Price*r-b.Ageing)
				if in+out > 0 { // a part of the hour in, the rest out
					share := (change + out) / (in + out)
					cost = min(cost, share*in*s.Price/r-(1-share)*out*(s.Price*r-b.Ageing))
				}
				now[from] = min(now[from], cost+rest[to]+s.Price*s.Load)
			}
		}
		rest = now
	}
	return rest[0]
}

func TestOptimalIsTheOptimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, steps := onGrid(t)
		o, err := storage.Optimal(b, steps)
		if err != nil {
			t.Fatal(err)
		}
		if want := onLevels(b, steps); math.Abs(o.With-want) > 1e-6 {
			t.Fatalf("it costs %g instead of %g; levels %v", o.With, want, o.Levels)
		}
	})
}

func anything(t *rapid.T) (storage.Battery, []storage.Step) {
	b := storage.Battery{
		Capacity:   rapid.Float64Range(0.1, 100).Draw(t, "capacity"),
		Power:      rapid.Float64Range(0.1, 100).Draw(t, "power"),
		Efficiency: rapid.Float64Range(0.1, 1).Draw(t, "efficiency"),
		Ageing:     rapid.Float64Range(0, 10).Draw(t, "ageing"),
	}
	var steps []storage.Step
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		steps = append(steps, storage.Step{
			Hours: rapid.SampledFrom([]float64{0.25, 1, 2}).Draw(t, "hours"),
			Price: rapid.Float64Range(-50, 300).Draw(t, "price"), Load: rapid.Float64Range(0, 50).Draw(t, "load"),
		})
	}
	return b, steps
}

func feasible(b storage.Battery, steps []storage.Step, o storage.Outcome) error {
	level, r := 0.0, math.Sqrt(b.Efficiency)
	for i, next := range o.Levels {
		s := steps[i]
		if next < -1e-9 || next > b.Capacity*(1+1e-9) || next-level > r*b.Power*s.Hours+1e-9 || level-next > min(b.Power, s.Load)*s.Hours/r+1e-9 {
			return fmt.Errorf("step %d goes from %g to %g kWh", i, level, next)
		}
		level = next
	}
	if math.Abs(level) > 1e-6 {
		return fmt.Errorf("%g kWh are left", level)
	}
	return nil
}

// TestPlansHold: every plan can be carried out, costs no more than no battery, no
// less than the optimum, and scales with money and with size.
func TestPlansHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, steps := anything(t)
		o, err := storage.Optimal(b, steps)
		if err != nil {
			t.Fatal(err)
		}
		if err := feasible(b, steps, o); err != nil {
			t.Fatal(err)
		}
		tolerance := 1e-7 * (1 + math.Abs(o.Without))
		if o.With > o.Without+tolerance {
			t.Fatalf("the battery costs %g where none costs %g", o.With, o.Without)
		}
		rolled, err := storage.Roll(b, steps, window(steps, rapid.IntRange(1, 30).Draw(t, "known"), rapid.IntRange(0, 30).Draw(t, "ahead")))
		if err != nil {
			t.Fatal(err)
		}
		if err := feasible(b, steps, rolled); err != nil {
			t.Fatal(err)
		}
		if rolled.With < o.With-tolerance {
			t.Fatalf("knowing less costs %g, knowing all %g", rolled.With, o.With)
		}
		scaled, larger := make([]storage.Step, len(steps)), b
		larger.Capacity, larger.Power, larger.Ageing = 3*b.Capacity, 3*b.Power, 2*b.Ageing
		for i, s := range steps {
			scaled[i] = storage.Step{Hours: s.Hours, Price: 2 * s.Price, Load: 3 * s.Load}
		}
		if six, err := storage.Optimal(larger, scaled); err != nil || math.Abs(six.With-6*o.With) > 10*tolerance {
			t.Fatalf("three times the size at twice the price costs %g, not 6 × %g (%v)", six.With, o.With, err)
		}
	})
}

// window knows so many steps, and predicts 40 behind them.
func window(steps []storage.Step, known, ahead int) storage.Forecasts {
	f := storage.Forecasts{Ahead: ahead, Predict: func(from, to int) []float64 {
		list := make([]float64, to-from)
		for i := range list {
			list[i] = 40
		}
		return list
	}}
	for i := range steps {
		f.Known = append(f.Known, i+known)
	}
	return f
}

func TestKnowingAllIsTheOptimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, steps := anything(t)
		o, err := storage.Optimal(b, steps)
		if err != nil {
			t.Fatal(err)
		}
		rolled, err := storage.Roll(b, steps, window(steps, len(steps), 0))
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(rolled.With-o.With) > 1e-9*(1+math.Abs(o.With)) {
			t.Fatalf("%g instead of %g", rolled.With, o.With)
		}
	})
}

func TestPredictionsAreLookedAt(t *testing.T) {
	b := storage.Battery{Capacity: 10, Power: 5, Efficiency: 1}
	steps := hours(5, 1, 3)
	f := window(steps, 1, 1)
	for name, predict := range map[string]func(from, to int) []float64{
		"too few": func(int, int) []float64 { return nil },
		"NaN":     func(int, int) []float64 { return []float64{math.NaN()} },
	} {
		f.Predict = predict
		if _, err := storage.Roll(b, steps, f); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := storage.Roll(b, steps, storage.Forecasts{}); err == nil {
		t.Error("nothing is known and it passes")
	}
}
