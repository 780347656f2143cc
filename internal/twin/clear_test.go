package twin

import (
	"fmt"
	"testing"

	"drover.dev/api"
)

// TestRunningWorkIsMovedTogether: jobs leave eight services behind, each alone on a node.
// Where running work is moved, all but as many nodes sleep as the services need; nobody
// waits for that, and no job runs longer.
func TestRunningWorkIsMovedTogether(t *testing.T) {
	still, moved := leftBehind(t, false), leftBehind(t, true)
	if still.Moves != 0 || moved.Moves == 0 || moved.Sleeps <= still.Sleeps {
		t.Errorf("%d moves and %d sleeps, with moves %d and %d", still.Moves, still.Sleeps, moved.Moves, moved.Sleeps)
	}
	if moved.Joules > still.Joules*0.8 || moved.Completion != still.Completion {
		t.Errorf("%.0f kJ and %+v, with moves %.0f kJ and %+v", still.Joules/1e3, still.Completion, moved.Joules/1e3, moved.Completion)
	}
	t.Logf("%.0f kJ, with moves %.0f kJ (%.1f %%), %d moves, %d sleeps", still.Joules/1e3, moved.Joules/1e3, 100*(moved.Joules/still.Joules-1), moved.Moves, moved.Sleeps)
}

// leftBehind is a day of eight nodes that each begin with a job and a service.
func leftBehind(t *testing.T, move bool) Result {
	t.Helper()
	reserve := api.Milli(100)
	cfg := Config{
		Strategy: "consolidation", Check: true, Start: api.Time(api.Day), Horizon: api.Day,
		Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Rest: &api.Rest{After: 10 * api.Minute, Reserve: &reserve, Move: move}}},
	}
	var list []Arrival
	for i := range 8 {
		name := fmt.Sprint("n", i)
		cfg.Nodes = append(cfg.Nodes, api.Node{
			Name: name, Site: "hall", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000,
			Capacity: api.Resources{CPU: 16_000, Memory: 64 * api.GiB}, Power: &api.PowerModel{Idle: 50_000, Full: 300_000},
			Sleep: &api.Sleep{Draw: 5000, Down: 30 * api.Second, Up: 2 * api.Minute},
		})
		job := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("j", i), Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 14_000},
		}}}
		job.Normalize()
		service := &api.Workload{APIVersion: api.Version, Kind: api.KindService, Name: fmt.Sprint("s", i), Replicas: 1, Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 2000},
		}}}
		service.Normalize()
		list = append(list, Arrival{At: cfg.Start, Workload: job, Truth: []Truth{{Run: 2 * api.Hour}}}, Arrival{At: cfg.Start, Workload: service, Truth: []Truth{{Run: 100 * api.Day}}})
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Run(func() (Arrival, bool) {
		if len(list) == 0 {
			return Arrival{}, false
		}
		a := list[0]
		list = list[1:]
		return a, true
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
