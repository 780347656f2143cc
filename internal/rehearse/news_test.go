package rehearse

import (
	"math"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// night is a signal of two months of days, which are low at night; from a moment on it is
// high.
func night(t *testing.T, start, high api.Time) *twin.Signal {
	t.Helper()
	var points []twin.Point
	for h := range api.Duration(60 * 24) {
		p := twin.Point{At: start.Add(h * api.Hour), Value: 0.3 + 0.2*math.Sin(2*math.Pi*float64(h%24)/24)}
		if p.At >= high {
			p.Value = 0.9
		}
		points = append(points, p)
	}
	s, err := twin.NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestHeraldsSeeOnlyThePast: what a cell is told of a file at a moment does not depend on
// what comes later, but for prices that are published.
func TestHeraldsSeeOnlyThePast(t *testing.T) {
	begin := api.Time(1_700_006_400e9) // midnight
	start, high := begin.Add(30*api.Day), begin.Add(33*api.Day)
	say := func(changed bool) twin.Herald {
		from := high
		if !changed {
			from = math.MaxInt64
		}
		p := Plan{Start: start, Fleet: Fleet{Sites: []api.Site{{Name: "a", Zone: "DE"}, {Name: "b", Zone: "DE"}, {Name: "c"}}}}
		p.Carbon = map[string]*twin.Signal{"DE": night(t, begin, from)}
		p.Prices = map[string]*twin.Signal{"": night(t, begin, from)}
		return p.heralds()
	}
	plain, other := say(false), say(true)
	differs := map[api.SignalKind]api.Time{}
	for range 2 * 4 * 24 { // two signals, four days
		a, _ := plain()
		b, _ := other()
		x, y := a.Input.(*engine.PutSignal).Signal, b.Input.(*engine.PutSignal).Signal
		if faults := x.Validate(); len(faults) > 0 || a.At != b.At || x.Issued != a.At || x.End() < a.At.Add(47*api.Hour) {
			t.Fatalf("%v: %+v", faults, x)
		}
		for i := range x.Values {
			if x.Values[i] != y.Values[i] && differs[x.Kind] == 0 {
				differs[x.Kind] = a.At
			}
		}
	}
	if differs[api.SignalCarbon] != high {
		t.Errorf("that the grid changes at %s is told at %s", high, differs[api.SignalCarbon])
	}
	if at := differs[api.SignalPrice]; at != high.Add(-12*api.Hour) { // 13:00 in Brussels of the day before
		t.Errorf("that prices change at %s is told at %s", high, at)
	}
	if (&Plan{Fleet: Fleet{Sites: []api.Site{{Name: "a"}}}, Carbon: map[string]*twin.Signal{"": night(t, begin, high)}}).heralds() != nil {
		t.Error("a site without a zone has no signal")
	}
}

// TestPastHearsItsSignals: a rehearsal of a past decides by the signals of that past, and
// counts carbon by what they turned out to be.
func TestPastHearsItsSignals(t *testing.T) {
	r := &recorder{t: t, e: engine.New(state.New())}
	start := api.Time(1_700_006_400e9)
	in := []engine.Input{&engine.Lead{Epoch: 1, Server: "s"}}
	for _, zone := range []string{"CLEAN", "DIRTY"} {
		in = append(in, &engine.PutSite{Site: api.Site{Name: "in-" + zone[:1], Layer: api.LayerCloud, Zone: zone}})
		n := api.Node{Name: "n" + zone, Site: "in-" + zone[:1], Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB}}
		n.Normalize()
		in = append(in, &engine.Register{Node: n})
	}
	r.step(start, in...)
	grid := func(zone string, values ...int64) *engine.PutSignal {
		return &engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: zone, Start: start, Step: api.Hour, Values: values, Known: int32(len(values)), Origin: "test"}}
	}
	r.step(start.Add(api.Second), grid("CLEAN", 10_000, 10_000, 900_000, 900_000), grid("DIRTY", 500_000, 500_000, 500_000, 500_000))
	w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "w", Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000}}}}
	w.Normalize()
	out := r.step(start.Add(2*api.Second), &engine.Submit{Workload: w})
	for _, ev := range out.Events {
		if p, ok := ev.(*state.TaskPlaced); ok {
			r.step(start.Add(30*api.Minute), &engine.Reports{Node: p.Node, Reports: []api.Report{{
				Attempt: api.Attempt{TaskRef: p.Ref, Try: p.Try}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Wall: 20 * api.Minute},
			}}})
		}
	}
	past, err := ReadPast(t.Context(), func(yield func(journal.Entry, error) bool) {
		for _, e := range r.entries {
			if !yield(e, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(past.News) != 2 || len(past.Work) != 1 {
		t.Fatalf("%+v", past)
	}
	plan := Plan{Fleet: past.Fleet}
	past.Replay(&plan)
	run := func() *Report {
		t.Helper()
		got, err := Compare(t.Context(), Comparison{Plan: plan, Work: past.Work, Strategies: []string{"renewable-first"}, Seeds: 1})
		if err != nil {
			t.Fatal(err)
		}
		return got.Strategies[0].Runs[0]
	}
	first := run()
	if g := 1000 * first.CarbonKg / first.EnergyKWh; g < 10 || g > 500 {
		t.Errorf("a kWh is %.0f g of carbon: between 10 and 500 by the zones", g)
	}
	on := func() string {
		t.Helper()
		node := ""
		c := Comparison{Plan: plan, Work: past.Work}
		cfg := c.config()
		cfg.Strategy, cfg.Observe = "renewable-first", func(e twin.Ended) { node = e.Node }
		w, err := twin.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Run(past.Work.demand(plan.Start, "renewable-first", 0, 1), nil); err != nil {
			t.Fatal(err)
		}
		return node
	}
	if node := on(); node != "nCLEAN" {
		t.Errorf("in its own time the job runs on %s", node)
	}
	plan.Start = start.Add(2 * api.Hour)
	if node := on(); node != "nDIRTY" {
		t.Errorf("two hours later on %s", node)
	}
}
