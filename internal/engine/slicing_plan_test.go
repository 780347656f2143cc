package engine_test

import (
	"fmt"
	"reflect"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// heldCell is a follower of a cell of one site of so many nodes, on which 50 elements each run
// for three hours.
func heldCell(t fataler, nodes int) *engine.Engine {
	e, now := engine.New(state.New()), start-start%api.Time(api.Hour)
	in := []engine.Input{&engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}}, twoDays(9)}
	for i := range nodes {
		in = append(in, &engine.Register{Node: api.Node{Name: fmt.Sprint("n", i), Site: "bonn", Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 110_000, Memory: 64 * api.GiB}}})
	}
	for i := range max(nodes/200, 1) {
		w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("held-", i), Tasks: []api.Task{{
			Name: "t", Driver: api.DriverNoop, Count: int32(50 * min(nodes, 200)), Duration: 3 * api.Hour, Resources: api.Resources{CPU: 1000},
		}}}
		w.Normalize()
		in = append(in, &engine.Submit{Workload: w})
	}
	for more := true; more; in = nil {
		out, err := e.Step(now, in)
		if err != nil {
			t.Fatalf("%v", err)
		}
		more = out.More
	}
	b, err := journal.EncodeState(e.State())
	if err != nil {
		t.Fatalf("%v", err)
	}
	st, err := journal.DecodeState(b)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return engine.NewFollower(st)
}

// patient is a job of so many tasks that may wait for better hours.
func patient(tasks int) *api.Workload {
	w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "patient", Strategy: "time-slicing", Objective: api.ObjectiveCarbon, Deadline: 40 * api.Hour}
	for i := range tasks {
		w.Tasks = append(w.Tasks, api.Task{Name: fmt.Sprint("t", i), Driver: api.DriverNoop, Duration: api.Hour, Resources: api.Resources{CPU: 1000}})
	}
	w.Normalize()
	return w
}

// TestPlanOfManyTasks: what is worked out for the first task of a plan serves the others, and
// says of each what a plan of it alone says.
func TestPlanOfManyTasks(t *testing.T) {
	f := heldCell(t, 3)
	alone, err := f.Plan(patient(1), nil)
	if err != nil || alone[0].Deferral == nil {
		t.Fatalf("%+v, %v", alone, err)
	}
	all, err := f.Plan(patient(3), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if !reflect.DeepEqual(all[i].Deferral, alone[0].Deferral) {
			t.Errorf("task %d waits %+v, and alone %+v", i, all[i].Deferral, alone[0].Deferral)
		}
	}
}

// BenchmarkPlanBesideHeld is a plan of 100 tasks that may wait beside 50,000 elements.
func BenchmarkPlanBesideHeld(b *testing.B) {
	f, w := heldCell(b, 1000), patient(100)
	for b.Loop() {
		if _, err := f.Plan(w, nil); err != nil {
			b.Fatal(err)
		}
	}
}
