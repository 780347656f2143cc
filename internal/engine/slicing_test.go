package engine_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// unbounded declares a strategy by which work is held still for as long as deadlines allow.
func unbounded() engine.Input {
	return &engine.PutStrategy{Strategy: api.Strategy{Name: "unbounded", Slice: true, Terms: []api.StrategyTerm{{Term: "carbon", Weight: 2}, {Term: "latency", Weight: 1}}}}
}

// TestLookIsSpread: news of a signal that holds many running elements of one job still
// does so in more Steps than one, of none of them twice, whoever was rebuilt in between.
func TestLookIsSpread(t *testing.T) {
	const count = 600
	w := newWorld(engine.MaxBatch)
	hours := func(values ...int64) engine.Input {
		return &engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: start - start%api.Time(api.Hour), Step: api.Hour, Values: values, Known: int32(len(values)), Origin: "feed"}}
	}
	w.step(t, unbounded(), &engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}}, hours(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
		&engine.Register{Node: api.Node{Name: "n1", Site: "bonn", Drivers: []string{api.DriverProcess}, Capacity: api.Resources{CPU: 1_000_000, Memory: api.GiB}}})
	spec := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "many", Strategy: "unbounded", Objective: api.ObjectiveCarbon, Deadline: 10 * api.Hour,
		Tasks: []api.Task{{Name: "t", Driver: api.DriverProcess, Command: []string{"x"}, Count: count, Duration: 2 * api.Hour, Resources: api.Resources{CPU: 1000}}},
	}
	spec.Normalize()
	id := w.engine.State().NextID
	w.step(t, &engine.Submit{Workload: spec})
	w.settle(t)
	var begun []api.Report
	for i := range uint32(count) {
		begun = append(begun, api.Report{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: id, Index: i}, Try: 1}, N: 1, Kind: api.ReportStarted})
	}
	w.step(t, &engine.Reports{Node: "n1", Reports: begun})
	w.settle(t)
	steps, sliced := 0, map[api.TaskRef]bool{}
	for w.step(t, hours(900, 900, 900, 1, 1, 1, 1, 1, 1, 1, 1, 1)); ; w.step(t) {
		for _, ev := range w.events {
			if s, ok := ev.(*state.TaskSliced); ok {
				if sliced[s.Ref] || !s.Slice.Pause {
					t.Fatalf("element %d is sliced twice, or goes on", s.Ref.Index)
				}
				sliced[s.Ref] = true
			}
		}
		if steps++; !w.more {
			break
		}
		w.rebuild(t)
	}
	if len(sliced) != count || steps < 3 || w.engine.State().Slicing.Looking() {
		t.Errorf("%d of %d elements stand still after %d Steps", len(sliced), count, steps)
	}
}

// TestSlowdown: of clean hours that come later those are waited for which the strategy's
// bound on how much later a job may end lets it reach, and the bound holds whatever the
// deadline says.
func TestSlowdown(t *testing.T) {
	noon := start - start%api.Time(api.Hour)
	for _, c := range []struct {
		name     string
		slowdown int32
		waits    api.Duration // since noon, for hours that are clean from 15:00 on, and cleaner from 18:00 on
	}{
		{"as the deadline allows", 0, 6 * api.Hour},
		{"by as much as it runs", 100, 4 * api.Hour},
		{"by three quarters", 75, 3*api.Hour + 10*api.Minute}, // it came at 12:13, and waits in whole pieces
		{"by too little to save anything", 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(engine.MaxBatch)
			values := []int64{900, 900, 900, 300, 300, 300, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
			w.step(t, &engine.PutStrategy{Strategy: api.Strategy{Name: "patient", Slice: true, Slowdown: c.slowdown, Terms: []api.StrategyTerm{{Term: "latency", Weight: 1}}}},
				&engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}},
				&engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: noon, Step: api.Hour, Values: values, Known: int32(len(values)), Origin: "feed"}},
				&engine.Register{Node: api.Node{Name: "n1", Site: "bonn", Drivers: []string{api.DriverProcess}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB}}})
			spec := &api.Workload{
				APIVersion: api.Version, Kind: api.KindJob, Name: "job", Strategy: "patient", Objective: api.ObjectiveCarbon, Deadline: 20 * api.Hour,
				Tasks: []api.Task{{Name: "t", Driver: api.DriverProcess, Command: []string{"x"}, Duration: 4 * api.Hour, Resources: api.Resources{CPU: 1000}}},
			}
			spec.Normalize()
			id := w.engine.State().NextID
			w.step(t, &engine.Submit{Workload: spec})
			w.settle(t)
			st := w.engine.State()
			waited := api.Duration(0)
			if d := st.Deferred(id, 0); d != nil {
				waited = d.Until.Sub(noon)
			}
			if waited != c.waits {
				t.Errorf("it waits %v, want %v", waited, c.waits)
			}
		})
	}
}
