package rehearse

import (
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// outlying is a small node where the callers are and a large, fast one behind a thin
// link.
func outlying() Fleet {
	f := Fleet{
		Home: "here",
		Sites: []api.Site{
			{Name: "here", Layer: api.LayerCloud},
			{Name: "there", Layer: api.LayerEdge, Links: []api.Link{{To: "here", RTT: 10 * api.Millisecond, Bandwidth: 100_000_000}}},
		},
		Nodes: []api.Node{
			{Name: "n1", Site: "here", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 16_000, Memory: 16 * api.GiB}},
			{Name: "n2", Site: "there", Layer: api.LayerEdge, Drivers: []string{api.DriverNoop}, Speed: 4000, Capacity: api.Resources{CPU: 64_000, Memory: 64 * api.GiB}},
		},
	}
	for i := range f.Sites {
		f.Sites[i].Normalize()
	}
	return f
}

// leaving is jobs of ten seconds that leave so much behind.
func leaving(n int, out api.Bytes) (work Work) {
	for i := range n {
		w := &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", i),
			Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Duration: 10 * api.Second, Resources: api.Resources{CPU: 1000, Memory: api.MiB}}},
		}
		w.Normalize()
		work = append(work, twin.Arrival{At: api.Time(i+1) * api.Time(20*api.Second), Workload: w, Truth: []twin.Truth{{Run: 10 * api.Second, Out: out}}})
	}
	return work
}

// A canary finds out what the rehearsal could not know, before most jobs do: worst-fit
// sends them to the fast node behind the thin link, which is better until they begin to
// leave a lot behind. Then it is rolled back; where they do not, it becomes the cell's.
func TestACanaryThatIsWorseIsRolledBack(t *testing.T) {
	fleet, past := outlying(), &Past{}
	got, err := Compare(t.Context(), Comparison{
		Plan: Plan{Fleet: fleet}, Work: leaving(40, 0), Opening: past.Opening, Strategies: []string{"best-fit", "worst-fit"}, Seeds: 3, Jitter: 0.05, Workers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := Judge(got, Gate{Metric: "completionMean", By: 20, Guards: []Guard{{"waitP99", 5}}})
	if err != nil || !verdict.Passed {
		t.Fatalf("%v: %+v", err, verdict)
	}
	took := make([]Took, 40)
	for i := range took {
		took[i] = Took{Completion: 10 * api.Second, Waits: []api.Duration{10 * api.Millisecond}}
	}
	watched := verdict.Probation(took, api.Hour, 10)
	for _, tt := range []struct {
		name  string
		out   api.Bytes
		end   state.RolloutEnd
		cell  string
		least int // jobs that went to the slow place
		most  int
	}{
		{"worse", 300_000_000, state.RolloutRolled, "best-fit", 10, 60},
		{"as rehearsed", 0, state.RolloutPassed, "worst-fit", 100, 400},
	} {
		sent := 0
		world, err := twin.New(twin.Config{
			Nodes: fleet.Nodes, Sites: fleet.Sites, Home: fleet.Home, Check: true,
			Settings: []engine.Input{
				&engine.PutSettings{Strategy: "best-fit"},
				&engine.PutSettings{Strategy: "worst-fit", Probation: watched, Stages: &api.Stages{Canary: api.Hour, Share: 25}},
			},
			Watch: func(_ api.Time, events []state.Event) {
				for _, ev := range events {
					if p, ok := ev.(*state.TaskPlaced); ok && p.Node == "n2" {
						sent++
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := world.Run(leaving(400, tt.out).demand(0, "", 0, 1), nil); err != nil {
			t.Fatal(err)
		}
		if r := world.State().Rollout; r.Judged != tt.end || world.State().Settings.Strategy != tt.cell || sent < tt.least || sent > tt.most {
			t.Errorf("%s: %v because %s, the strategy is %s, and %d jobs went far", tt.name, r.Judged, r.Reason, world.State().Settings.Strategy, sent)
		} else if tt.end == state.RolloutRolled && !strings.Contains(r.Reason, "beside them") {
			t.Errorf("%s: %s", tt.name, r.Reason)
		}
	}
}

// A strategy that is only declared is rehearsed like a built-in one: this one is
// worst-fit by another name, and does the same.
func TestDeclaredStrategiesAreRehearsed(t *testing.T) {
	mine := api.Strategy{Name: "mine", Terms: []api.StrategyTerm{{Term: "fit", Weight: -1}}}
	mine.Normalize()
	got, err := Compare(t.Context(), Comparison{
		Plan: Plan{Fleet: outlying(), Declared: []api.Strategy{mine}}, Work: leaving(40, 0), Strategies: []string{"best-fit", "worst-fit", "mine"}, Seeds: 2, Jitter: 0.05, Workers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	mean := func(i int) float64 { return got.Strategies[i].Metrics["completionMean"].Mean }
	if mean(2) != mean(1) || mean(2) >= mean(0) {
		t.Errorf("completion is %v, %v and %v", mean(0), mean(1), mean(2))
	}
}
