package engine_test

import (
	"fmt"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// sparse is a cell whose nodes each run one of many elements of a job; so many sites share
// them. Of those in the hall one can be emptied, of the others none where each has a site.
func sparse(t fataler, nodes, sites int) *state.State {
	st := state.New()
	apply := func(ev state.Event) {
		if err := st.Apply(start, ev); err != nil {
			t.Fatalf("%T: %v", ev, err)
		}
	}
	settings := st.Settings
	settings.Strategy = "consolidation"
	apply(&state.SettingsChanged{Settings: settings})
	spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "job", Tasks: []api.Task{{
		Name: "t", Driver: api.DriverNoop, Count: int32(nodes), Duration: 5 * api.Hour, Resources: api.Resources{CPU: 100},
	}}}
	spec.Normalize()
	apply(&state.WorkloadSubmitted{ID: 1, Spec: spec, Profiles: []api.Profile{{Run: 5 * api.Hour, RunHigh: 5 * api.Hour, Samples: 9}}})
	for i := range nodes {
		n := sleeper(fmt.Sprint("n", i))
		n.Site = fmt.Sprint("site-", i%sites)
		ref := api.TaskRef{Workload: 1, Index: uint32(i)}
		at := api.Attempt{TaskRef: ref, Try: 1}
		apply(&state.NodeRegistered{Node: n})
		apply(&state.TaskPlaced{Ref: ref, Try: 1, Node: n.Name, Decision: &api.Decision{Chosen: &api.Candidate{Node: n.Name}}})
		apply(&state.TaskStarted{Attempt: at, N: 1})
	}
	return st
}

// TestLookAtManyNodes: of many nodes that hold next to nothing and have nowhere to go, a Step
// looks at a part, and the next goes on, also of an engine that was rebuilt; those that hold
// more are looked at in the end, and one of them is emptied.
func TestLookAtManyNodes(t *testing.T) {
	const nodes = 1300
	w := newWorld(engine.MaxBatch)
	st := sparse(t, nodes, nodes)
	for i, cpu := range []api.Milli{500, 700} {
		n := sleeper(fmt.Sprint("hall-", i))
		n.Site = "hall"
		spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "on-" + n.Name, Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop, Duration: 5 * api.Hour, Resources: api.Resources{CPU: cpu}}}}
		spec.Normalize()
		ref := api.TaskRef{Workload: uint64(2 + i)}
		for _, ev := range []state.Event{
			&state.NodeRegistered{Node: n}, &state.WorkloadSubmitted{ID: ref.Workload, Spec: spec, Profiles: []api.Profile{{Run: 5 * api.Hour, RunHigh: 5 * api.Hour, Samples: 9}}},
			&state.TaskPlaced{Ref: ref, Try: 1, Node: n.Name, Decision: &api.Decision{Chosen: &api.Candidate{Node: n.Name}}}, &state.TaskStarted{Attempt: api.Attempt{TaskRef: ref, Try: 1}, N: 1},
		} {
			if err := st.Apply(start, ev); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.resume(t, st)
	w.now = w.now.Add(20 * api.Minute)
	steps, cleared := 0, []string{}
	for w.step(t); ; w.step(t) {
		for _, ev := range w.events {
			if c, ok := ev.(*state.NodeClearing); ok {
				cleared = append(cleared, c.Node)
			}
		}
		if steps++; !w.more {
			break
		}
		w.rebuild(t)
	}
	if steps < 3 || fmt.Sprint(cleared) != "[hall-0]" || w.engine.State().Consolidation.At != nil {
		t.Errorf("after %d Steps %v are emptied, and the look stands at %+v", steps, cleared, w.engine.State().Consolidation.At)
	}
	w.step(t)
	if len(w.events) != 0 {
		t.Errorf("it looks again at once: %s", show(w.events))
	}
}

// BenchmarkClear looks at 50,000 nodes, each with a task of its own: on one site, where
// they can be emptied, or each on its own, where none can.
func BenchmarkClear(b *testing.B) {
	const nodes = 50_000
	for _, sites := range []int{1, nodes} {
		b.Run(fmt.Sprint("sites=", sites), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				e, now := engine.New(sparse(b, nodes, sites)), start
				if _, err := e.Step(now, nil); err != nil {
					b.Fatal(err)
				}
				now = now.Add(20 * api.Minute)
				b.StartTimer()
				steps, longest := 0, time.Duration(0)
				for more := true; more; steps++ {
					at := time.Now()
					out, err := e.Step(now, nil)
					if err != nil {
						b.Fatal(err)
					}
					longest, more = max(longest, time.Since(at)), out.More
				}
				b.ReportMetric(float64(steps), "steps")
				b.ReportMetric(longest.Seconds()*1000, "ms/longest")
			}
		})
	}
}
