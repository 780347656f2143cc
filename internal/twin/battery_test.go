package twin

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"pgregory.net/rapid"
)

// begins is a whole hour at which worlds with prices begin.
const begins = api.Time(1_700_006_400_000_000_000)

// hourly is a signal that has a value an hour, again and again.
func hourly(t interface{ Fatal(args ...any) }, values ...float64) *Signal {
	points := make([]Point, len(values))
	for i, v := range values {
		points[i] = Point{At: begins.Add(api.Duration(i) * api.Hour), Value: v}
	}
	s, err := NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// powered is the plant with a battery, a price that the cell is told for two days, and a
// node that draws 1 kW idle and 5 kW with all of its four cores.
func powered(t interface{ Fatal(args ...any) }, b api.Battery, price ...float64) Config {
	cfg := plant()
	cfg.Check, cfg.Start = true, begins
	cfg.Strategy = "storage"
	cfg.Sites[0].Battery, cfg.Sites[0].Zone = &b, "DE"
	cfg.Nodes[0].Power = &api.PowerModel{Idle: 1_000_000, Full: 5_000_000}
	signal := api.Signal{Kind: api.SignalPrice, Zone: "DE", Currency: "EUR", Step: api.Hour, Start: begins, Origin: "test", Known: 48}
	for i := range 48 {
		signal.Values = append(signal.Values, int64(price[i%len(price)]*1e6))
	}
	cfg.News = Recorded([]News{{At: cfg.Start, Input: &engine.PutSignal{Signal: signal}}})
	cfg.Signals = map[string]Signals{"plant": {Price: hourly(t, price...), Carbon: Constant(100, begins)}}
	return cfg
}

func balanced(t interface {
	Errorf(format string, args ...any)
}, b *Battery,
) {
	if b.Bought+b.First != b.Given+b.Lost+b.Last {
		t.Errorf("%d bought and %d at first are not %d given, %d lost and %d at last", b.Bought, b.First, b.Given, b.Lost, b.Last)
	}
	if b.Last < 0 || b.Last > api.Microjoules(b.Spec.Capacity) || b.Lost < 0 {
		t.Errorf("%+v", b)
	}
}

// TestABatterySaves: an hour of 2 kW at 0.4 is drawn from what was bought at 0.1 before it,
// with what is lost on the way.
func TestABatterySaves(t *testing.T) {
	b := api.Battery{Capacity: 36e12, Charge: 10_000_000, Efficiency: 810} // 10 kWh, 10 kW
	_, got := played(t, powered(t, b, 0.1, 0.4), single("a", Truth{Run: 2 * api.Hour, CPU: 1000}))
	s := got.Sites[0]
	balanced(t, s.Battery)
	// 2 kWh are given in the dear hour, for which 2/0.81 are bought in the cheap one.
	if bought, given := float64(s.Battery.Bought)/3.6e12, float64(s.Battery.Given)/3.6e12; bought < 2.46 || bought > 2.48 || given < 1.99 || given > 2.001 {
		t.Errorf("%g kWh were bought and %g given", bought, given)
	}
	if want := 0.1 * (2 + 2/0.81); s.Cost < want-0.002 || s.Cost > want+0.006 {
		t.Errorf("it cost %g, want %g", s.Cost, want)
	}
	if s.Joules != got.Joules || !close9(s.Carbon, s.Joules/wattSeconds*100) {
		t.Errorf("%g J and %g g are not of what the grid gave", s.Joules, s.Carbon)
	}
}

// TestBatteriesBalance: whatever a battery is asked under whatever load, it keeps within
// its limits, gives no more than its site needs, and its energy balances to the microjoule.
func TestBatteriesBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := api.Battery{
			Capacity: api.Energy(rapid.Int64Range(3.6e9, 3.6e13).Draw(t, "capacity")), Charge: api.Power(rapid.Int64Range(1000, 2e7).Draw(t, "charge")),
			Discharge: api.Power(rapid.Int64Range(0, 2e7).Draw(t, "discharge")), Efficiency: api.Milli(rapid.Int64Range(100, 1000).Draw(t, "efficiency")),
			Reserve: api.Milli(rapid.Int64Range(0, 950).Draw(t, "reserve")),
		}
		s := newStore(&api.Site{Battery: &b}, Constant(0.1, 0), nil, 0)
		for range rapid.IntRange(1, 50).Draw(t, "stretches") {
			s.setpoint = api.Power(rapid.Int64Range(-3e7, 3e7).Draw(t, "setpoint"))
			d := api.Duration(rapid.Int64Range(1, int64(3*api.Hour)).Draw(t, "for"))
			needs := rapid.Float64Range(0, 2e4).Draw(t, "needs")
			bought, given := s.pass(d, needs)
			seconds := d.Std().Seconds()
			if given > needs*seconds+1e-6 || given > float64(b.MostDischarge())/1000*seconds+1e-6 || bought > float64(b.Charge)/1000*seconds+1e-6 || bought*given > 0 {
				t.Fatalf("%g J were bought and %g given in %v, with %g W needed", bought, given, d, needs)
			}
			if s.Last < b.Kept() {
				t.Fatalf("%d are left of a reserve of %d", s.Last, b.Kept())
			}
			balanced(t, &s.Battery)
		}
		if sent := float64(s.Given); sent*1000 > (float64(s.Bought)+float64(s.First))*float64(b.Efficiency)*1.00001+float64(s.First)*1000+1e3 {
			t.Fatalf("%d of %d came back at an efficiency of %v", s.Given, s.Bought, b.Efficiency)
		}
	})
}

// TestALoadThatIsLess: where tasks use less than they hold, the battery gives no more than
// is drawn, and the cell hears how full it really is.
func TestALoadThatIsLess(t *testing.T) {
	b := api.Battery{Capacity: 36e12, Charge: 10_000_000, Efficiency: 1000}
	cfg, heard := powered(t, b, 0.1, 0.4), 0
	cfg.Watch = func(_ api.Time, events []state.Event) {
		for _, ev := range events {
			if r, ok := ev.(*state.BatteryReported); ok && r.Told {
				heard++
			}
		}
	}
	_, got := played(t, cfg, single("a", Truth{Run: 8 * api.Hour, CPU: 1}))
	s := got.Sites[0]
	balanced(t, s.Battery)
	if s.Battery.Given == 0 || s.Cost >= 0.1*s.Joules/wattSeconds*1.05 {
		t.Errorf("it cost %g for %g kWh, %g of them given", s.Cost, s.Joules/wattSeconds, float64(s.Battery.Given)/3.6e12)
	}
	if heard == 0 {
		t.Error("the cell never heard of it")
	}
}
