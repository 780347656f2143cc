package rehearse

import (
	"math"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/energy/account"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// TestOwnOf: the part of an attempt's energy that its site made itself.
func TestOwnOf(t *testing.T) {
	for _, tc := range []struct {
		f    api.Footprint
		want float64
	}{{api.Footprint{}, 0}, {api.Footprint{Energy: 8}, 0}, {api.Footprint{Energy: 8, Generated: 2}, 0.25}, {api.Footprint{Energy: 8, Generated: 8}, 1}} {
		if got := ownOf(&tc.f); got != tc.want {
			t.Errorf("%+v: %g, want %g", tc.f, got, tc.want)
		}
	}
}

// TestAbateOfAPast: a job of an hour that ran at 400 g/kWh, two hours before its deadline,
// could have run at 100 g/kWh; the recorded signals and the recorded energy say how much
// that is, and the rest is to be bought.
func TestAbateOfAPast(t *testing.T) {
	r := &recorder{t: t, e: engine.New(state.New())}
	node := api.Node{
		Name: "n1", Site: "a", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop},
		Capacity: api.Resources{CPU: 4000, Memory: api.GiB}, Power: &api.PowerModel{Idle: 100_000, Full: 300_000},
	}
	node.Normalize()
	start := api.Time(1e18) - api.Time(1e18)%api.Time(api.Day)
	carbon := &engine.PutSignal{Signal: api.Signal{
		Kind: api.SignalCarbon, Zone: "DE", Start: start, Step: api.Hour, Values: []int64{400_000, 400_000, 400_000, 100_000, 400_000}, Known: 5, Origin: "file", Issued: start,
	}}
	r.step(start, &engine.Lead{Epoch: 1, Server: "s"}, &engine.PutSite{Site: api.Site{Name: "a", Layer: api.LayerCloud, Zone: "DE", PUE: 1000}}, &engine.Register{Node: node}, carbon)
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "job", Deadline: 4 * api.Hour,
		Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 2000}}},
	}
	w.Normalize()
	out := r.step(start, &engine.Submit{Workload: w})
	for _, ev := range out.Events {
		if p, ok := ev.(*state.TaskPlaced); ok {
			r.step(start.Add(api.Hour), &engine.Reports{Node: "n1", Reports: []api.Report{{
				Attempt: api.Attempt{TaskRef: p.Ref, Try: p.Try}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: api.Hour},
			}}})
		}
	}
	entries := func(yield func(journal.Entry, error) bool) {
		for _, e := range r.entries {
			if !yield(e, nil) {
				return
			}
		}
	}
	got, err := Abate(t.Context(), state.New(), journal.Link{}, entries, 0, &api.Money{Micro: 50e6, Currency: "EUR"})
	if err != nil {
		t.Fatal(err)
	}
	// Half of the node draws 150 W: 60 g at 400 g/kWh, 15 g three hours later.
	if got.Attempts != 1 || got.Jobs != 1 || got.Gram != 60 || got.Currency != "EUR" || len(got.Measures) != 2 {
		t.Fatalf("%+v", got)
	}
	if m := got.Measures[0]; m.Name != account.MeasureShift || math.Abs(m.Gram-45) > 1e-6 || m.Delay != 3 || m.Cost != nil {
		t.Errorf("%+v", m)
	}
	if m := got.Measures[1]; m.Name != account.MeasureBuy || math.Abs(m.Gram-15) > 1e-6 || math.Abs(*m.Cost-15e-6*50) > 1e-9 {
		t.Errorf("%+v", m)
	}
	broken := func(yield func(journal.Entry, error) bool) { yield(r.entries[1], nil) }
	if _, err := Abate(t.Context(), state.New(), journal.Link{}, broken, 0, nil); err == nil {
		t.Error("records that do not follow are read")
	}
}
