package twin

import (
	"testing"

	"drover.dev/api"
)

// TestNodesSleep: of four nodes two are needed after two hours. Under consolidation the
// idle ones sleep until then; what waits for one waits as long as that takes to wake.
func TestNodesSleep(t *testing.T) {
	run := func(strategy string) Result {
		cfg := Config{Strategy: strategy, Check: true}
		for _, name := range []string{"a", "b", "c", "d"} {
			cfg.Nodes = append(cfg.Nodes, api.Node{
				Name: name, Site: "hall", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000,
				Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB}, Power: &api.PowerModel{Idle: 100_000, Full: 200_000},
				Sleep: &api.Sleep{Draw: 5000, Down: 10 * api.Second, Up: 40 * api.Second},
			})
		}
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		job := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "j", Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Count: 2, Resources: api.Resources{CPU: 4000},
		}}}
		job.Normalize()
		came := false
		r, err := w.Run(func() (Arrival, bool) {
			if came {
				return Arrival{}, false
			}
			came = true
			return Arrival{At: api.Time(2 * api.Hour), Workload: job, Truth: []Truth{{Run: 10 * api.Minute}}}, true
		}, nil)
		if err != nil || r.Workloads != 1 || r.Failed != 0 {
			t.Fatalf("%s: %+v, %v", strategy, r, err)
		}
		return r
	}
	on, off := run("greedy"), run("consolidation")
	if on.Wait.P99 != 0 || off.Wait.P99 != 40 {
		t.Errorf("tasks wait up to %v s, and %v s where nodes sleep; want 0 and 40", on.Wait.P99, off.Wait.P99)
	}
	if off.Joules > on.Joules/2 {
		t.Errorf("where nodes sleep %.0f kJ are drawn, %.0f kJ where they do not", off.Joules/1e3, on.Joules/1e3)
	}
	t.Logf("%.0f kJ of %.0f kJ", off.Joules/1e3, on.Joules/1e3)
}
