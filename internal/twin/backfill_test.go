package twin

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"pgregory.net/rapid"
)

// promises remembers until when the engine promised tasks to begin.
type promises struct {
	t     *rapid.T
	until map[api.TaskRef]api.Time
	made  int
}

func (p *promises) watch(now api.Time, events []state.Event) {
	for _, ev := range events {
		switch ev := ev.(type) {
		case *state.ReservationMade:
			r := &ev.Reservation
			if old, known := p.until[*r.Task]; known && r.From > old {
				p.t.Fatalf("%s was promised to begin by %s, now it is %s", r.Owner, old, r.From)
			}
			p.until[*r.Task] = r.From
			p.made++
		case *state.TaskPlaced:
			if until, known := p.until[ev.Ref]; known && now > until {
				p.t.Fatalf("%+v was promised to begin by %s, and does so at %s", ev.Ref, until, now)
			}
		}
	}
}

// TestPromisesAreKept: when everybody runs as long as was said, nobody who was
// promised room begins later than promised, however many overtake: single tasks and
// gangs, on nodes of several sizes and speeds, with shares of accelerators.
func TestPromisesAreKept(t *testing.T) {
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		p := &promises{t: t, until: map[api.TaskRef]api.Time{}}
		w, err := New(Config{
			Nodes: drawNodes(t), Check: true, Watch: p.watch,
			Settings: []engine.Input{&engine.PutSettings{Strategy: rapid.SampledFrom([]string{"backfill", "conservative-backfill"}).Draw(t, "strategy")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.Run(drawJobs(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Unfinished > 0 {
			t.Fatalf("%d jobs never ran", r.Unfinished)
		}
		made += p.made
	})
	if made == 0 {
		t.Error("nobody was promised anything: the test shows nothing")
	}
}

func drawNodes(t *rapid.T) (nodes []api.Node) {
	for i := range rapid.IntRange(2, 6).Draw(t, "nodes") {
		n := api.Node{
			Name: fmt.Sprint("n", i), Layer: api.LayerCloud, Drivers: []string{api.DriverNoop},
			Speed:    rapid.SampledFrom([]api.Milli{500, 1000, 1000, 2000}).Draw(t, "speed"),
			Capacity: api.Resources{CPU: rapid.SampledFrom([]api.Milli{4000, 8000}).Draw(t, "cpu"), Memory: 16 * api.GiB},
		}
		if rapid.Bool().Draw(t, "gpu") || i == 0 {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: 2000}}
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// drawJobs says of every job exactly how long it runs.
func drawJobs(t *rapid.T) Demand {
	left, at := rapid.IntRange(1, 40).Draw(t, "jobs"), api.Time(0)
	return func() (Arrival, bool) {
		if left == 0 {
			return Arrival{}, false
		}
		left--
		at = at.Add(api.Duration(rapid.IntRange(0, 200).Draw(t, "pause")) * api.Second)
		run := api.Duration(rapid.IntRange(1, 4000).Draw(t, "run")) * api.Second
		task := api.Task{Name: "main", Driver: api.DriverNoop, Duration: run, Resources: api.Resources{
			CPU: api.Milli(rapid.IntRange(1, 8).Draw(t, "cpu")) * 500, Memory: api.Bytes(rapid.IntRange(0, 8).Draw(t, "memory")) * api.GiB,
		}}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0, 1:
			task.Count = 2
		case 2:
			task.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: rapid.SampledFrom([]api.Milli{250, 500, 1000, 2000}).Draw(t, "share")}}
		}
		w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", left), Gang: task.Count > 1, Tasks: []api.Task{task}}
		w.Normalize()
		return Arrival{At: at, Workload: w, Truth: []Truth{{Run: run}}}, true
	}
}
