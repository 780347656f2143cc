package live

import (
	"path/filepath"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/outlook"
	"drover.dev/internal/series"
	"drover.dev/internal/state"
)

// A running cell has the next attempts ask for what the runs before used, says why, and
// gives a task more memory at once when a run was killed for it.
func TestTasksAreResized(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir})
	a := join(t, c, "n1")
	a.hello()
	spec := job("crunch", 1)
	spec.Tasks[0].Restart = &api.Restart{Policy: api.RestartOnFailure, Attempts: 3}
	spec.Tasks[0].Resources.CPU, spec.Tasks[0].Resources.Memory = 800, 64*api.MiB
	spec.Resize = &api.Resize{Mode: api.ResizeAuto}
	spec.Normalize()
	_, seq := do(t, c, submit(spec))
	view(t, c, seq, func(*state.State) {})
	crunch := func(st *state.State) *state.Workload { return st.Named("default", "crunch") }
	until(t, c, "a place", func(st *state.State) bool { return crunch(st).Counts.Placed == 1 })

	now := c.cfg.Wall()
	store, err := series.Open(filepath.Join(dir, "use"), series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for i := range 20 {
		at := now.Add(-api.Duration(20-i) * 20 * api.Minute)
		for name, v := range map[string]float64{"cpu/default/crunch.main": 200, "memory/default/crunch.main": float64(20 * api.MiB)} {
			if err := store.Add(name, series.Gauge, at, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	ahead, err := outlook.Open(outlook.Config{Series: store, Dir: filepath.Join(dir, "fitted"), Now: func() api.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.resizeTasks(t.Context(), ahead, now); err != nil {
		t.Fatal(err)
	}
	until(t, c, "another size", func(st *state.State) bool { return crunch(st).SizeNow(0) != nil })
	shown := func() (v api.WorkloadView) {
		t.Helper()
		if _, err := c.View(t.Context(), 0, func(e *engine.Engine) { v = e.Views().Workload(crunch(e.State()), false) }); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := shown().Sizes; len(v) != 1 || v[0].CPU != 230 || v[0].Memory != 23*api.MiB || v[0].Asked.CPU != 800 || v[0].N < 12 || v[0].Reason == "" {
		t.Errorf("what it asks for is shown as %+v", v)
	}

	// The attempt that runs was placed with what the file says, and is killed at that.
	a.pull()
	for id := range a.held {
		list := []api.Report{
			{Attempt: id, N: 1, Kind: api.ReportStarted},
			{Attempt: id, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeFailed, Reason: api.ReasonMemory}},
		}
		must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: list}))
	}
	until(t, c, "more memory", func(st *state.State) bool { return crunch(st).TaskNow(0).Resources.Memory > 64*api.MiB })
	if v := shown().Sizes; len(v) != 1 || v[0].Memory != 96*api.MiB || v[0].Killed != 64*api.MiB || v[0].CPU != 230 {
		t.Errorf("after a run was killed it is shown as %+v", v)
	}
	// What was used before does not lower it again.
	if err := c.resizeTasks(t.Context(), ahead, now.Add(2*api.Hour)); err != nil {
		t.Fatal(err)
	}
	if m := shown().Sizes[0].Memory; m < 64*api.MiB*115/100 {
		t.Errorf("memory fell to %v", m)
	}
	until(t, c, "a place for the next attempt", func(st *state.State) bool {
		return st.Nodes["n1"].Used.CPU == 230 && st.Nodes["n1"].Used.Memory == 96*api.MiB
	})
}
