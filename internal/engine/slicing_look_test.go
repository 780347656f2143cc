package engine_test

import (
	"fmt"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// perStep is how many waiting jobs of one task a Step plans anew at most: each counts, and
// so does its task.
const perStep = 256 / 2

// twoDays are intensities of which one hour is clean.
func twoDays(clean int) engine.Input {
	values := make([]int64, 48)
	for i := range values {
		if values[i] = 900_000; i == clean {
			values[i] = 1000
		}
	}
	return &engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: start - start%api.Time(api.Hour), Step: api.Hour, Values: values, Known: 48, Origin: "feed"}}
}

// waitingJobs are the events by which so many jobs came that wait until an hour. None of
// them fills more than a part of their site that counts for nothing.
func waitingJobs(n int, until api.Time) (events []state.Event) {
	spec := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "job", Strategy: "time-slicing", Objective: api.ObjectiveCarbon, Deadline: 40 * api.Hour,
		Tasks: []api.Task{{Name: "t", Driver: "noop", Duration: api.Hour, Resources: api.Resources{CPU: 1}}},
	}
	spec.Normalize()
	for id := uint64(1); id <= uint64(n); id++ {
		own := *spec
		own.Name = fmt.Sprint("job-", id)
		events = append(events, &state.WorkloadSubmitted{ID: id, Spec: &own, Profiles: []api.Profile{{Run: api.Hour, RunHigh: api.Hour, Samples: 9}}},
			&state.TasksDeferred{Workload: id, Wait: &api.Deferral{Site: "bonn", Until: until, Latest: until.Add(api.Hour), Since: start, Run: api.Hour, Part: 1}})
	}
	return events
}

// waitingWorld is a world in which so many jobs wait.
func waitingWorld(t fataler, n int) *world {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}}, twoDays(9),
		&engine.Register{Node: api.Node{Name: "n1", Site: "bonn", Drivers: []string{"noop"}, Capacity: api.Resources{CPU: 1_000_000_000, Memory: api.GiB}}})
	st := w.engine.State()
	for _, ev := range waitingJobs(n, start.Add(9*api.Hour)) {
		if err := st.Apply(w.now, ev); err != nil {
			t.Fatalf("%v", err)
		}
	}
	w.resume(t, st)
	return w
}

// TestNewsNeverStarves: however often signals change, each job that waits is planned anew
// by what is known within one round, and no Step looks at more than a part of them.
func TestNewsNeverStarves(t *testing.T) {
	const jobs, round = 450, 450/perStep + 2
	w := waitingWorld(t, jobs)
	seen := map[uint64]int{}
	for step := range 5 * round {
		w.step(t, twoDays(9+step%12))
		planned := 0
		for _, ev := range w.events {
			if d, ok := ev.(*state.TasksDeferred); ok {
				seen[d.Workload], planned = step, planned+1
			}
		}
		if planned > perStep {
			t.Fatalf("step %d plans %d jobs anew", step, planned)
		}
		for id := uint64(1); id <= jobs; id++ {
			if step-seen[id] > round {
				t.Fatalf("job %d was planned in step %d, and not by %d", id, seen[id], step)
			}
		}
		if step%7 == 3 {
			w.rebuild(t)
		}
	}
	steps := 0
	for ; w.more; steps++ { // no more news: once round, and it is over
		w.step(t)
	}
	if steps > round || w.engine.State().Slicing.Looking() {
		t.Errorf("%d steps later it still looks: %t", steps, w.engine.State().Slicing.Looking())
	}
}

// TestLookHoldsNothingUp: while all that waits is planned anew, what does not wait is placed
// as at any time.
func TestLookHoldsNothingUp(t *testing.T) {
	w := waitingWorld(t, 3*perStep)
	urgent := &api.Workload{Kind: api.KindJob, Name: "urgent", Tasks: []api.Task{{Name: "t", Driver: "noop", Resources: api.Resources{CPU: 1}}}}
	urgent.Normalize()
	w.step(t, twoDays(12), &engine.Submit{Workload: urgent})
	if !w.more || !w.engine.State().Slicing.Looking() {
		t.Fatal("the look is over in one Step")
	}
	w.rebuild(t)
	if placed := w.placed[len(w.placed)-1]; len(placed) != 1 {
		t.Errorf("%d are placed beside it", len(placed))
	}
	w.settle(t)
}

// BenchmarkLook is one round over 100,000 jobs that wait, when a signal has changed.
func BenchmarkLook(b *testing.B) {
	st, zone := state.New(), twoDays(9)
	e := engine.New(st)
	if _, err := e.Step(start, []engine.Input{&engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}}, zone, &engine.Register{Node: api.Node{
		Name: "n1", Site: "bonn", Drivers: []string{"noop"}, Capacity: api.Resources{CPU: 1_000_000_000, Memory: api.GiB},
	}}}); err != nil {
		b.Fatal(err)
	}
	for _, ev := range waitingJobs(100_000, start.Add(9*api.Hour)) {
		if err := st.Apply(start, ev); err != nil {
			b.Fatal(err)
		}
	}
	e = engine.New(st)
	b.ResetTimer()
	for n := range b.N {
		steps, longest, began := 0, time.Duration(0), time.Now()
		for in, more := []engine.Input{twoDays(10 + n%20)}, true; more; in = nil {
			at := time.Now()
			out, err := e.Step(start, in)
			if err != nil {
				b.Fatal(err)
			}
			steps, longest, more = steps+1, max(longest, time.Since(at)), out.More
		}
		b.ReportMetric(float64(steps), "steps/round")
		b.ReportMetric(time.Since(began).Seconds()*1000/float64(steps), "ms/step")
		b.ReportMetric(longest.Seconds()*1000, "ms/longest")
	}
}
