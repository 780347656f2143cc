package sched_test

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// grids is an index of nodes at one site each, named like it, with its zone's carbon in
// mg/kWh and its price in micro-EUR/kWh; no value is no signal.
func grids(carbon, price map[string]int64, nodes ...api.Node) *sched.Index {
	x := index(nodes...)
	for i := range nodes {
		x.PutSite(api.Site{Name: nodes[i].Site, Layer: api.LayerCloud, Zone: nodes[i].Site})
	}
	for zone, v := range carbon {
		x.PutSignal(&api.Signal{Kind: api.SignalCarbon, Zone: zone, Usual: v})
	}
	for zone, v := range price {
		x.PutSignal(&api.Signal{Kind: api.SignalPrice, Zone: zone, Currency: "EUR", Usual: v})
	}
	return x
}

func at(site string, idle, full int64, speed api.Milli) api.Node {
	return node("on-"+site, func(n *api.Node) {
		n.Site, n.Speed = site, speed
		if full > 0 {
			n.Power = &api.PowerModel{Idle: idle, Full: full}
		}
	})
}

func TestByWhatATaskTakes(t *testing.T) {
	price := func(n api.Node, perHour int64) api.Node {
		n.Price = &api.Money{Micro: perHour, Currency: "EUR"}
		return n
	}
	for _, tc := range []struct {
		name, strategy string
		carbon, price  map[string]int64
		nodes          []api.Node
		want           string
	}{
		{"the cleaner grid", "renewable-first", map[string]int64{"a": 400_000, "b": 50_000}, nil, []api.Node{at("a", 0, 0, 1000), at("b", 0, 0, 1000)}, "on-b"},
		{"a dirty grid with a frugal node", "renewable-first", map[string]int64{"a": 100_000, "b": 50_000}, nil, []api.Node{at("a", 1000, 5000, 1000), at("b", 50_000, 300_000, 1000)}, "on-a"},
		{"an unknown grid is a usual one", "renewable-first", map[string]int64{"a": 700_000}, nil, []api.Node{at("a", 0, 0, 1000), at("b", 0, 0, 1000)}, "on-b"},
		{"the frugal node", "energy-aware", nil, nil, []api.Node{at("a", 10_000, 30_000, 1000), at("b", 40_000, 120_000, 1000)}, "on-a"},
		{"not if it is slow", "energy-aware", nil, nil, []api.Node{at("a", 10_000, 30_000, 900), at("b", 40_000, 120_000, 1000)}, "on-b"},
		{"a little slower is fine", "energy-aware", nil, nil, []api.Node{at("a", 10_000, 30_000, 960), at("b", 40_000, 120_000, 1000)}, "on-a"},
		{"cheap power", "time-of-use", nil, map[string]int64{"a": 300_000, "b": 50_000}, []api.Node{at("a", 0, 0, 1000), at("b", 0, 0, 1000)}, "on-b"},
		{"power that is paid for being used", "time-of-use", nil, map[string]int64{"a": 0, "b": -50_000}, []api.Node{at("a", 0, 0, 1000), at("b", 0, 0, 1000)}, "on-b"},
		{"a cheap node", "time-of-use", nil, nil, []api.Node{price(at("a", 0, 0, 1000), 200_000), price(at("b", 0, 0, 1000), 20_000)}, "on-b"},
		{"a fast node is held shorter", "time-of-use", nil, nil, []api.Node{price(at("a", 0, 0, 4000), 200_000), price(at("b", 0, 0, 1000), 100_000)}, "on-a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := grids(tc.carbon, tc.price, tc.nodes...)
			a := askOf(api.Task{Resources: api.Resources{CPU: 1000, Memory: api.GiB}})
			a.Strategy = tc.strategy
			a.Profile = &api.Profile{Run: 2 * api.Hour}
			if d := decide(x, a); d.Chosen == nil || d.Chosen.Node != tc.want {
				t.Errorf("%+v, want %s", d.Chosen, tc.want)
			}
		})
	}
}

// TestFootprint follows one task of half a node by hand: (300 − 100) W · 0.5 · 2 h ·
// PUE 1.2 = 240 Wh, at 250 g/kWh and 0.20 EUR/kWh, with half of 0.30 EUR an hour.
func TestFootprint(t *testing.T) {
	x := grids(map[string]int64{"a": 250_000}, map[string]int64{"a": 200_000}, node("n", func(n *api.Node) {
		n.Site, n.Power, n.Price = "a", &api.PowerModel{Idle: 100_000, Full: 300_000}, &api.Money{Micro: 300_000, Currency: "EUR"}
	}))
	x.PutSite(api.Site{Name: "a", Layer: api.LayerCloud, Zone: "a", PUE: 1200})
	a := askOf(api.Task{Resources: api.Resources{CPU: 2000, Memory: api.GiB}})
	a.Profile = &api.Profile{Run: 2 * api.Hour}
	o, ok := x.Footprint("n", a, 0)
	if !ok || o.Energy != 864_000_000_000 || *o.Carbon != 60_000_000 || o.Cost.Micro != 48_000+300_000 || o.Basis != api.BasisModelled {
		t.Errorf("%+v, %v, %v", o, o.Carbon, o.Cost)
	}
	if _, ok := x.Footprint("nowhere", a, 0); ok {
		t.Error("a node that is not there takes something")
	}
}

// FuzzFootprint: whatever the figures are, amounts stay in range and terms in scale.
func FuzzFootprint(f *testing.F) {
	f.Add(int64(1)<<40, int64(1)<<50, int64(1)<<40, int64(-1)<<40, int64(1)<<60)
	f.Add(int64(0), int64(0), int64(0), int64(0), int64(0))
	f.Fuzz(func(t *testing.T, cpu, full, carbon, price, run int64) {
		x := grids(map[string]int64{"a": carbon}, map[string]int64{"a": price}, at("a", full/2, full, 1000))
		a := askOf(api.Task{Resources: api.Resources{CPU: api.Milli(max(cpu, 0) % 4000)}})
		a.Strategy, a.Profile = "balanced", &api.Profile{Run: api.Duration(run)}
		d := decide(x, a)
		if d.Chosen == nil {
			t.Fatal(fmt.Sprint(d.Reasons))
		}
		for _, v := range d.Chosen.Terms {
			if v.Value < -2000 || v.Value > 4000 {
				t.Errorf("%s is %d", v.Name, v.Value)
			}
		}
	})
}

// took is what an attempt took at a site that makes nothing itself.
func took(x *sched.Index, on string, t *api.Task, r *api.Result, now api.Time, still ...sched.Stretch) *api.Footprint {
	f, _ := x.Took(&sched.Ended{Node: on, Task: t, Result: r, Now: now, Still: still})
	return f
}

// TestTook follows attempts of an hour on half of a node of 100 to 300 W by hand, at
// 250 g/kWh: with a quarter of its CPU used, as asked for, by its meter, and on a node
// of which nothing is known.
func TestTook(t *testing.T) {
	x := grids(map[string]int64{"a": 250_000}, nil, node("n", func(n *api.Node) {
		n.Site, n.Power = "a", &api.PowerModel{Idle: 100_000, Full: 300_000}
	}), node("bare"))
	task := &api.Task{Resources: api.Resources{CPU: 2000}}
	const wattHour = 3_600_000_000
	for _, tc := range []struct {
		name, on string
		r        api.Result
		energy   api.Microjoules
		basis    string
	}{
		{"used", "n", api.Result{Wall: api.Hour, CPU: api.Hour}, (50 + 50) * wattHour, api.BasisModelled},
		{"use unknown", "n", api.Result{Wall: api.Hour}, (100 + 50) * wattHour, api.BasisModelled},
		{"metered", "n", api.Result{Wall: api.Hour, CPU: api.Hour, Energy: 7 * wattHour}, 7 * wattHour, api.BasisMeasured},
		{"as much as can be", "n", api.Result{Wall: api.Second, Energy: 2 * 4 * 300_000_000}, 2 * 4 * 300_000_000, api.BasisMeasured},
		{"a meter that lies", "n", api.Result{Wall: api.Second, Energy: 1 << 62}, 150_000_000, api.BasisModelled},
		{"a meter in mJ", "n", api.Result{Wall: api.Second, CPU: api.Second, Energy: 100_000_000_000}, 100_000_000, api.BasisModelled},
	} {
		f := took(x, tc.on, task, &tc.r, 1e18)
		if f == nil || f.Energy != tc.energy || f.Basis != tc.basis || f.Carbon == nil || *f.Carbon != api.Micrograms(int64(tc.energy)/perGram) {
			t.Errorf("%s: %+v, want %d", tc.name, f, tc.energy)
		}
	}
	if f := took(x, "bare", task, &api.Result{Wall: api.Hour}, 1e18); f != nil {
		t.Errorf("a node of which nothing is known took %+v", f)
	}
	if f := took(x, "n", task, &api.Result{Wall: -1 << 63}, 1e18); f != nil {
		t.Errorf("a negative time took %+v", f)
	}
}

// perGram is how many µJ make a µg at 250 g/kWh.
const perGram = 3_600_000_000_000 / 250_000_000

// TestTookBooksContractsAndMaking follows an hour on half of a node by hand: its site buys
// at 40 g/kWh where the grid is at 250, and 1200 kg over 1461 days are embodied in it.
func TestTookBooksContractsAndMaking(t *testing.T) {
	x := grids(map[string]int64{"a": 250_000}, nil, node("n", func(n *api.Node) {
		n.Site, n.Power = "a", &api.PowerModel{Idle: 100_000, Full: 300_000}
		n.Embodied = &api.Embodied{Carbon: 1_200_000_000_000, Lifetime: 1461 * api.Day}
	}))
	x.PutSite(api.Site{Name: "a", Zone: "a", PUE: 1000, Market: &api.Market{Factor: 40_000_000, Kind: api.MarketContract, Source: "PPA 7"}})
	f := took(x, "n", &api.Task{Resources: api.Resources{CPU: 2000}}, &api.Result{Wall: api.Hour, CPU: api.Hour}, 1e18)
	const wattHour = 3_600_000_000
	if f == nil || f.Energy != 100*wattHour || *f.Carbon != 25_000_000 || f.Market == nil || *f.Market != 4_000_000 {
		t.Fatalf("%+v: 0.1 kWh are 25 g by the grid and 4 g by the contract", f)
	}
	if hours := int64(1461 * 24); f.Embodied == nil || int64(*f.Embodied) != 600_000_000_000/hours {
		t.Errorf("%d µg are embodied; half of 1200 kg over %d hours is %d", *f.Embodied, hours, 600_000_000_000/hours)
	}
	if f.CarbonBasis != api.BasisAssumed { // grids knows yearly means only
		t.Errorf("carbon rests on %q", f.CarbonBasis)
	}
}

// TestDevices: what GPUs draw counts by the part of them that a task asks for: as the
// node declares it, else by model, else in the machine's own figure.
func TestDevices(t *testing.T) {
	gpus := func(model string, p *api.PowerModel) api.Node {
		return node("n", func(n *api.Node) {
			n.Power, n.Capacity.Accelerators = p, []api.Accelerator{{Kind: "gpu", Models: []string{model}, Count: 4000}}
		})
	}
	const wattHour = 3_600_000_000
	for _, tc := range []struct {
		name string
		node api.Node
		gpu  api.Milli
		adds api.Microjoules // in an hour, with a core
		held api.Microjoules
	}{
		{"two GPUs by their model", gpus("NVIDIA-A100-80GB", nil), 2000, (2*352)*wattHour + 2_760*wattHour/1000, (2*400)*wattHour + 3_500*wattHour/1000},
		{"half a GPU", gpus("T4", nil), 500, 308*wattHour/10 + 2_760*wattHour/1000, 35*wattHour + 3_500*wattHour/1000},
		{"a model that is not known", gpus("G3", nil), 1000, 264*wattHour + 2_760*wattHour/1000, 300*wattHour + 3_500*wattHour/1000},
		{"an A10 is no A100", gpus("A10G", nil), 1000, 132*wattHour + 2_760*wattHour/1000, 150*wattHour + 3_500*wattHour/1000},
		{"declared", gpus("A100", &api.PowerModel{Idle: 40_000, Full: 80_000, Devices: []api.DevicePower{{Kind: "gpu", Model: "A100", Idle: 50_000, Full: 350_000}}}), 1000, (300 + 10) * wattHour, (350 + 20) * wattHour},
		{"in the machine's own figure", gpus("A100", &api.PowerModel{Idle: 40_000, Full: 80_000}), 1000, 10 * wattHour, 20 * wattHour},
		{"none asked for", gpus("A100", &api.PowerModel{Idle: 40_000, Full: 80_000}), 0, 10 * wattHour, 20 * wattHour},
	} {
		x := grids(map[string]int64{"a": 1}, nil, tc.node)
		x.PutSite(api.Site{Name: tc.node.Site, Layer: api.LayerCloud, Zone: "a"})
		task := api.Task{Resources: api.Resources{CPU: 1000}}
		if tc.gpu > 0 {
			task.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: tc.gpu}}
		}
		a := askOf(task)
		a.Profile = &api.Profile{Run: api.Hour}
		if o, _ := x.Footprint("n", a, 0); o.Energy != tc.adds {
			t.Errorf("%s: adds %d µJ, want %d", tc.name, o.Energy, tc.adds)
		}
		if f := took(x, "n", &task, &api.Result{Wall: api.Hour}, 1e18); f == nil || f.Energy != tc.held {
			t.Errorf("%s: took %+v, want %d", tc.name, f, tc.held)
		}
	}
}

// TestCooling: a site takes more when it is hot outside, and its constant where nobody
// knows how hot it is.
func TestCooling(t *testing.T) {
	x := grids(nil, nil, at("a", 0, 40_000, 1000))
	x.PutSite(api.Site{Name: "a", Layer: api.LayerCloud, Zone: "a", PUE: 1500, Cooling: []api.CoolingPoint{{Celsius: 10_000, PUE: 1100}, {Celsius: 30_000, PUE: 1300}}})
	a := askOf(api.Task{Resources: api.Resources{CPU: 1000}})
	a.Profile = &api.Profile{Run: api.Hour}
	for _, tc := range []struct {
		celsius int64
		want    api.Microjoules // 10 Wh times the PUE
	}{{0, 1500}, {-5000, 1100}, {10_000, 1100}, {15_000, 1150}, {30_000, 1300}, {45_000, 1300}} {
		if tc.celsius != 0 {
			x.PutSignal(&api.Signal{Kind: api.SignalTemperature, Zone: "a", Usual: tc.celsius})
		}
		if o, _ := x.Footprint("on-a", a, 0); o.Energy != tc.want*36_000_000 {
			t.Errorf("at %d: %d µJ, want %d", tc.celsius, o.Energy, tc.want*36_000_000)
		}
	}
}

// TestFollowingRenewables: power that is made on the site and left over comes first, then
// the grid; what the site's nodes draw already is not left over.
func TestFollowingRenewables(t *testing.T) {
	for _, tc := range []struct {
		name  string
		made  map[string]int64 // mW, by name of the site
		grid  map[string]int64 // mg/kWh
		held  string           // node that holds as much already
		want  string
		value int64
	}{
		{"the sun shines on b", map[string]int64{"b": 100_000}, map[string]int64{"a": 300_000, "b": 400_000}, "", "on-b", 1000},
		{"not enough for its nodes", map[string]int64{"b": 9_000}, map[string]int64{"a": 300_000, "b": 400_000}, "", "on-a", 0},
		{"a fifth is left by another task", map[string]int64{"b": 22_000}, map[string]int64{"a": 300_000, "b": 400_000}, "on-b", "on-b", 200},
		{"another task has it all", map[string]int64{"b": 20_000}, map[string]int64{"a": 100_000, "b": 400_000}, "on-b", "on-a", 0},
		{"half of what it adds", map[string]int64{"b": 20_000}, map[string]int64{"a": 400_000, "b": 400_000}, "", "on-b", 500},
		{"no sun: the cleaner grid", nil, map[string]int64{"a": 300_000, "b": 400_000}, "", "on-a", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := grids(tc.grid, nil, at("a", 10_000, 30_000, 1000), at("b", 10_000, 30_000, 1000))
			for site, v := range tc.made {
				x.PutSignal(&api.Signal{Kind: api.SignalGeneration, Zone: site, Usual: v})
			}
			a := askOf(api.Task{Resources: api.Resources{CPU: 2000, Memory: api.GiB}})
			a.Strategy, a.Profile = "renewable-following", &api.Profile{Run: api.Hour}
			if tc.held != "" {
				x.Hold(tc.held, api.TaskRef{Workload: 99}, a, nil)
			}
			d := decide(x, a)
			if d.Chosen == nil || d.Chosen.Node != tc.want {
				t.Fatalf("%+v, want %s", d.Chosen, tc.want)
			}
			for _, v := range d.Chosen.Terms {
				if v.Name == "generation" && v.Value != 8*tc.value {
					t.Errorf("%d thousandths are generated, want %d", v.Value/8, tc.value)
				}
			}
		})
	}
}

// TestTookByTheHours: carbon, price and cooling count in the hours in which an attempt ran,
// not in those in which it stood still; so does the time for which its part of the node is paid.
func TestTookByTheHours(t *testing.T) {
	x := grids(nil, nil, node("n", func(n *api.Node) {
		n.Site, n.Power = "a", &api.PowerModel{Idle: 100_000, Full: 300_000}
		n.Price = &api.Money{Micro: 1_000_000, Currency: "EUR"}
	}))
	x.PutSite(api.Site{Name: "a", Zone: "a", PUE: 1500, Cooling: []api.CoolingPoint{{Celsius: 10_000, PUE: 1000}, {Celsius: 30_000, PUE: 2000}}})
	hourly := func(k api.SignalKind, values ...int64) {
		x.PutSignal(&api.Signal{Kind: k, Zone: "a", Currency: "EUR", Step: api.Hour, Values: values, Known: 5})
	}
	hourly(api.SignalCarbon, 100_000, 900_000, 900_000, 900_000, 200_000)
	hourly(api.SignalPrice, 10_000, 90_000, 90_000, 90_000, -10_000)
	hourly(api.SignalTemperature, 10_000, 30_000, 30_000, 30_000, 10_000)
	now := api.Time(0).Add(5 * api.Hour)
	still := sched.Stretch{From: api.Time(0).Add(api.Hour), To: api.Time(0).Add(4 * api.Hour)}
	task, r := &api.Task{Resources: api.Resources{CPU: 2000}}, &api.Result{Wall: 2 * api.Hour, CPU: 2 * api.Hour}
	const wattHour = 3_600_000_000
	f := took(x, "n", task, r, now, still)
	if f == nil || f.Energy != 200*wattHour || *f.Carbon != 30_000_000 || f.Cost.Micro != 1_000_000 {
		t.Errorf("%+v: 0.2 kWh at 150 g/kWh are 30 g; at 0 EUR in the mean only the half node is paid, for two hours", f)
	}
	if f = took(x, "n", task, r, now); f == nil || *f.Carbon <= 30_000_000 {
		t.Errorf("%+v: had it run in the last two hours it had taken more", f)
	}
}
