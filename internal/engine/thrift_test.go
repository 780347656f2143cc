package engine_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// judge is a test, or a case of a property.
type judge interface {
	Helper()
	Fatal(...any)
}

// grids is a cell with a site in each of two zones, whose intensities are by the hour
// from midnight on, and a budget of carbon by the day; 0 is none.
func grids(t judge, here, there []int64, budget api.Mass) *budgeted {
	b := &budgeted{nil, engine.New(state.New()), 1_772_323_200_000_000_000} // midnight
	power := &api.PowerModel{Idle: 40_000, Full: 440_000}
	in := []engine.Input{}
	for zone, hours := range [][]int64{here, there} {
		name := fmt.Sprint("zone-", zone)
		in = append(in, &engine.PutSite{Site: api.Site{Name: name, Layer: api.LayerCloud, Zone: name}},
			&engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: name, Start: b.now, Step: api.Hour, Values: hours, Known: int32(len(hours)), Origin: "feed"}},
			&engine.Register{Node: api.Node{Name: name, Site: name, Drivers: []string{"noop"}, Capacity: api.Resources{CPU: 64_000, Memory: api.GiB}, Power: power}})
	}
	tenant := api.Tenant{Name: "lab"}
	if budget > 0 {
		tenant.Budgets = []api.Budget{{Carbon: budget, Window: api.Day}}
	}
	tenant.Normalize()
	b.must(t, append(in, &engine.PutTenant{Tenant: tenant})...)
	return b
}

// must carries inputs out and checks what came of them, the budgets among it.
func (b *budgeted) must(t judge, in ...engine.Input) engine.Output {
	t.Helper()
	out, err := b.e.Step(b.now, in)
	if err == nil {
		err = engine.Check(b.e, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hourly asks for a job of one core and an hour.
func hourly(name, strategy string, deadline api.Duration) engine.Input {
	w := api.Workload{Kind: api.KindJob, Name: name, Tenant: "lab", Strategy: strategy, Deadline: deadline, Tasks: []api.Task{{
		Name: "t", Driver: "noop", Duration: api.Hour, Resources: api.Resources{CPU: 1000},
	}}}
	w.Normalize()
	return &engine.Submit{Workload: &w}
}

// day runs a day of jobs, some each hour, and returns with what score they began, by name.
func (b *budgeted) day(t judge, strategy string, jobs []int, slack api.Duration) map[string]string {
	on, running := map[string]string{}, []*state.TaskPlaced{}
	midnight := b.now
	for hour := range 24 {
		b.now = midnight.Add(api.Duration(hour) * api.Hour)
		var in []engine.Input
		for _, p := range running {
			a := api.Attempt{TaskRef: p.Ref, Try: p.Try}
			in = append(in, &engine.Reports{Node: p.Node, Reports: []api.Report{{
				Attempt: a, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: api.Hour},
			}}})
		}
		for i := range jobs[hour] {
			in = append(in, hourly(fmt.Sprintf("j-%d-%d", hour, i), strategy, slack))
		}
		running = nil
		for _, ev := range b.must(t, in...).Events {
			if p, ok := ev.(*state.TaskPlaced); ok {
				running = append(running, p)
				on[b.e.State().Workloads[p.Ref.Workload].Spec.Name] = fmt.Sprint(p.Decision.Chosen.Score)
			}
		}
	}
	return on
}

// TestThrift: with a budget of six tenths of what running at once takes, more jobs
// run within the day that wait by its price than that start as they come, until nothing
// is left.
func TestThrift(t *testing.T) {
	hours, jobs := make([]int64, 48), make([]int, 24)
	for i := range hours {
		if hours[i] = 400_000; i%24 >= 10 && i%24 < 16 {
			hours[i] = 100_000 // the sun shines
		}
	}
	for i := range jobs {
		jobs[i] = 4
	}
	const each = 2_750_000 // µg of an hour of a core, 6.25 Wh and the idle share of 0.625, at 400 g/kWh
	budget := api.Mass(96 * each * 6 / 10)
	greedy := grids(t, hours, hours, budget).day(t, "renewable-first", jobs, 12*api.Hour)
	thrifty := grids(t, hours, hours, budget).day(t, "carbon-budget", jobs, 12*api.Hour)
	free := grids(t, hours, hours, 0).day(t, "carbon-budget", jobs, 12*api.Hour)
	t.Logf("of 96 jobs %d start without a budget, %d as they come, %d by its price", len(free), len(greedy), len(thrifty))
	if len(free) != 96 || len(greedy) >= len(thrifty) {
		t.Errorf("waiting by the price helps nothing")
	}
}

// TestAmpleBudget: where the budget suffices, jobs go at once where renewable-first lets
// them go, or to a node that is as good by it, whatever the grids.
func TestAmpleBudget(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := func(label string) []int64 { return rapid.SliceOfN(rapid.Int64Range(0, 900_000), 48, 48).Draw(r, label) }
		here, there := draw("here"), draw("there")
		jobs := rapid.SliceOfN(rapid.IntRange(0, 3), 24, 24).Draw(r, "jobs")
		want := grids(r, here, there, 0).day(r, "renewable-first", jobs, 12*api.Hour)
		got := grids(r, here, there, 1_000_000_000_000).day(r, "carbon-budget", jobs, 12*api.Hour)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			r.Fatalf("%v, and renewable-first %v", got, want)
		}
	})
}

// TestBudgetHolds: whatever comes, what is spent and foreseen never exceeds a budget that
// stops (each Step is checked), and what runs as long as
// foreseen takes no more.
func TestBudgetHolds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		hours := rapid.SliceOfN(rapid.Int64Range(1_000, 900_000), 48, 48).Draw(r, "hours")
		jobs := rapid.SliceOfN(rapid.IntRange(0, 4), 24, 24).Draw(r, "jobs")
		b := grids(r, hours, hours, api.Mass(rapid.Int64Range(1, 200_000_000).Draw(r, "budget")))
		b.day(r, "carbon-budget", jobs, api.Duration(rapid.Int64Range(0, 20).Draw(r, "slack"))*api.Hour)
		if v := b.e.StandingOf("lab")[0]; v.Over > 0 {
			r.Fatalf("%+v", v)
		}
	})
}
