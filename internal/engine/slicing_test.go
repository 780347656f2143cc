package engine_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestLookIsSpread: news of a signal that holds many running elements of one job still
// does so in more Steps than one, of none of them twice, whoever was rebuilt in between.
func TestLookIsSpread(t *testing.T) {
	const count = 600
	w := newWorld(engine.MaxBatch)
	hours := func(values ...int64) engine.Input {
		return &engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: start - start%api.Time(api.Hour), Step: api.Hour, Values: values, Known: int32(len(values)), Origin: "feed"}}
	}
	w.step(t, &engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}}, hours(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
		&engine.Register{Node: api.Node{Name: "n1", Site: "bonn", Drivers: []string{api.DriverProcess}, Capacity: api.Resources{CPU: 1_000_000, Memory: api.GiB}}})
	spec := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "many", Strategy: "time-slicing", Objective: api.ObjectiveCarbon, Deadline: 10 * api.Hour,
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
