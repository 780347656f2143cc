package twin

import (
	"math"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

// steps is a signal that has a value a minute, again and again.
func steps(t interface{ Fatal(args ...any) }, values ...float64) *Signal {
	points := make([]Point, len(values))
	for i, v := range values {
		points[i] = Point{At: api.Time(i) * api.Time(api.Minute), Value: v}
	}
	s, err := NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func close9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b), 1) }

// TestCooling: what a site takes besides its nodes follows the temperature outside where
// it declares a curve, and stays as declared where the temperature is not known.
func TestCooling(t *testing.T) {
	cfg := func() Config {
		c := plant()
		c.Sites[0].PUE = 1300
		c.Sites[0].Cooling = []api.CoolingPoint{{Celsius: 10_000, PUE: 1100}, {Celsius: 30_000, PUE: 1500}}
		c.Nodes[0].Power = &api.PowerModel{Idle: 1_000_000, Full: 5_000_000} // 2 kW with one of four cores
		return c
	}
	for _, tc := range []struct {
		name    string
		outside *Signal
		want    float64 // J
	}{
		{"not known", nil, 120 * 2000 * 1.3},
		{"20 °C, then 40", steps(t, 20, 40), 60*2000*1.3 + 60*2000*1.5},
		{"cold", steps(t, -5, 0), 120 * 2000 * 1.1},
	} {
		c := cfg()
		c.Signals = map[string]Signals{"plant": {Temperature: tc.outside, Carbon: steps(t, 100, 400)}}
		_, got := played(t, c, single("a", Truth{Run: 2 * api.Minute}))
		if !close9(got.Joules, tc.want) || !close9(got.Sites[0].Nodes, 240_000) {
			t.Errorf("%s: %g J of %g, want %g", tc.name, got.Joules, got.Sites[0].Nodes, tc.want)
		}
	}
}

// TestOwnGeneration: what a site makes itself is used first; the grid, its carbon and its
// price count for the rest alone.
func TestOwnGeneration(t *testing.T) {
	cfg := plant()
	cfg.OwnCarbon = 40
	cfg.Nodes[0].Power = &api.PowerModel{Idle: 1_000_000, Full: 5_000_000} // 2 kW with one of four cores
	cfg.Signals = map[string]Signals{"plant": {Carbon: steps(t, 300, 600), Price: steps(t, 0.2, 0.4), Generation: steps(t, 500, 9000)}}
	_, got := played(t, cfg, single("a", Truth{Run: 2 * api.Minute}))
	// A minute with 0.5 of 2 kW, and one with all of them and 7 kW to spare.
	want := Supply{
		Site: "plant", Nodes: 240_000, Joules: 240_000, Own: 150_000, Generated: 570_000,
		Carbon: 1.5/60*300 + 2.5/60*40, Cost: 1.5 / 60 * 0.2,
	}
	if s := got.Sites[0]; !close9(s.Joules, want.Joules) || !close9(s.Own, want.Own) || !close9(s.Generated, want.Generated) ||
		!close9(s.Carbon, want.Carbon) || !close9(s.Cost, want.Cost) || !close9(s.Nodes, want.Nodes) {
		t.Errorf("%+v, want %+v", s, want)
	}
	if got.Own != got.Sites[0].Own || got.Generated != got.Sites[0].Generated || got.Carbon != got.Sites[0].Carbon {
		t.Errorf("all sites took %+v", got)
	}
}

// TestAcceleratorsDraw: a GPU draws by the share of it that a task holds while it runs.
func TestAcceleratorsDraw(t *testing.T) {
	for _, tc := range []struct {
		name  string
		power *api.PowerModel
		want  float64 // W of the node with half a core and 1.5 devices in use
	}{
		{"usual", nil, 4*0.74 + 0.5*2.76 + 2*8.4 + 1.5*61.6}, // a T4: 70 W, idle 12 % of them
		{"in the machine's own figure", &api.PowerModel{Idle: 100_000, Full: 300_000}, 100 + 200*0.5/4},
		{"declared", &api.PowerModel{Idle: 100_000, Full: 300_000, Devices: []api.DevicePower{{Kind: "gpu", Idle: 10_000, Full: 90_000}}}, 125 + 20 + 120},
	} {
		nodes := fleet(t, "1x4,8Gi,2")
		nodes[0].Power = tc.power
		nodes[0].Capacity.Accelerators[0].Models = []string{"t4"}
		var jobs []Arrival
		for _, share := range []api.Milli{1000, 500} {
			spec := oneTask("j", 250)
			spec.Name = "j" + share.String()[:1]
			spec.Tasks[0].Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: share}}
			jobs = append(jobs, Arrival{Workload: spec, Truth: []Truth{{Run: 100 * api.Second}}})
		}
		_, got := played(t, Config{Nodes: nodes, Check: true}, jobs...)
		if !close9(got.Joules, 100*tc.want) {
			t.Errorf("%s: %g J, want %g", tc.name, got.Joules, 100*tc.want)
		}
	}
}

// A supply that is asked at odd moments has counted what a plain sum over seconds counts.
func TestSupplyIsASum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := func(name string, from, to int) []float64 {
			list := make([]float64, rapid.IntRange(2, 5).Draw(t, name+" steps"))
			for i := range list {
				list[i] = float64(rapid.IntRange(from, to).Draw(t, name))
			}
			return list
		}
		carbon, degrees, made := values("carbon", 0, 500), values("temperature", -10, 40), values("generation", -100, 3000)
		site := &api.Site{Name: "s", PUE: 1200, Cooling: []api.CoolingPoint{{Celsius: 0, PUE: 1100}, {Celsius: 20_000, PUE: 1700}}}
		s := newSupply(site, Signals{Carbon: steps(t, carbon...), Temperature: steps(t, degrees...), Generation: steps(t, made...)}, 30, nil, 0)
		m := &machine{node: &api.Node{Capacity: api.Resources{CPU: 4000}}}
		m.curve.Shape, m.curve.Idle, m.curve.Full = "linear", 500, 2500
		at := func(list []float64, second int) float64 { return list[second/60%len(list)] }
		var want Supply
		now := 0
		s.change(m, 0)
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			m.used.cpu = api.Milli(rapid.IntRange(0, 4000).Draw(t, "cpu"))
			next := now + rapid.IntRange(0, 400).Draw(t, "seconds")
			for ; now < next; now++ {
				watts := m.curve.At(float64(m.used.cpu)/4000) * float64(api.PUEAt(site.Cooling, int64(at(degrees, now)*1000))) / 1000
				own := min(watts, max(at(made, now), 0))
				want.Joules, want.Own, want.Generated = want.Joules+watts, want.Own+own, want.Generated+max(at(made, now), 0)
				want.Carbon += ((watts-own)*at(carbon, now) + own*30) / wattSeconds
			}
			s.change(m, api.Time(now)*api.Time(api.Second))
		}
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(math.Abs(b), 1) }
		if !near(s.Joules, want.Joules) || !near(s.Own, want.Own) || !near(s.Generated, want.Generated) || !near(s.Carbon, want.Carbon) {
			t.Fatalf("%+v, want %+v", s.Supply, want)
		}
	})
}
