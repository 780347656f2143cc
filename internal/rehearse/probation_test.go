package rehearse

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// pairs is long and short jobs by turns that one node runs one at a time. What they
// say of themselves is true, or the opposite of it.
func pairs(honest bool) (out Work) {
	for i := range 40 {
		run, said := 100*api.Second, 100*api.Second
		if i%2 == 1 {
			run, said = 10*api.Second, 10*api.Second
		}
		if !honest {
			said = 110*api.Second - said
		}
		w := &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", i),
			Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Duration: said, Resources: api.Resources{CPU: 1000}}},
		}
		w.Normalize()
		out = append(out, twin.Arrival{Workload: w, Truth: []twin.Truth{{Run: run}}})
	}
	return out
}

// A strategy that is better in rehearsal and worse live is rolled back: shortest-first
// is, when jobs begin to lie about how long they run. Where they do not, it is kept.
func TestWhatIsWorseLiveIsRolledBack(t *testing.T) {
	fleet, err := LoadFleet("1x1,4Gi")
	if err != nil {
		t.Fatal(err)
	}
	past := &Past{Work: pairs(true)}
	got, err := Compare(t.Context(), Comparison{
		Plan: Plan{Fleet: fleet}, Work: past.Work, Opening: past.Opening, Strategies: []string{"fifo", "shortest-first"}, Seeds: 3, Jitter: 0.05, Workers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := Judge(got, Gate{Metric: "completionMean", By: 20, Guards: []Guard{{"waitP99", 5}, {"makespan", 5}}})
	if err != nil || !verdict.Passed {
		t.Fatalf("%v: %+v", err, verdict)
	}
	took := make([]Took, 100)
	for i := range took {
		took[i] = Took{Completion: api.Duration(22*i) * api.Second, Waits: []api.Duration{api.Duration(22*i) * api.Second}}
	}
	watched := verdict.Probation(took, api.Hour, 20)
	if len(watched.Goals) != 2 || watched.Goals[0].Before != 1089*api.Second || watched.Goals[0].Limit != 1089*api.Second+grain ||
		watched.Goals[0].Expected > 900*api.Second || watched.Goals[1].Limit <= watched.Goals[1].Before {
		t.Fatalf("watched is %+v", watched)
	}
	for _, tt := range []struct {
		honest bool
		end    state.ProbationEnd
		cell   string
	}{
		{false, state.ProbationRolledBack, "fifo"},
		{true, state.ProbationKept, "shortest-first"},
	} {
		work := pairs(tt.honest)
		late := work[0]
		late.At = api.Time(2 * api.Hour) // by then it is judged
		world, err := twin.New(twin.Config{
			Nodes: fleet.Nodes, Check: true,
			Settings: []engine.Input{&engine.PutSettings{Strategy: "fifo"}, &engine.PutSettings{Strategy: "shortest-first", Probation: watched}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := world.Run(append(work, late).demand(0, "", 0, 1), nil); err != nil {
			t.Fatal(err)
		}
		if p := world.State().Probation; p.Judged != tt.end || world.State().Settings.Strategy != tt.cell {
			t.Errorf("honest %v: %v because %s, the strategy is %s", tt.honest, p.Judged, p.Reason, world.State().Settings.Strategy)
		}
	}
}

// What is not measured live is not watched.
func TestGatesWithoutLiveMetrics(t *testing.T) {
	v := &Verdict{Findings: []Finding{{Metric: "cost"}, {Metric: "unfinished", Guard: true}}}
	if p := v.Probation(nil, api.Hour, 20); p != nil {
		t.Errorf("watched is %+v", p)
	}
}
