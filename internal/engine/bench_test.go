package engine

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// BenchmarkStep takes separately named one-task jobs from submission to the end,
// in batches of 100, on a cell of 100 nodes. The bound is the allocation of the
// state that each task leaves behind.
func BenchmarkStep(b *testing.B) {
	const batch = 100
	e := New(state.New())
	now := api.Time(1e18)
	step := func(in ...Input) Output {
		now += api.Time(api.Millisecond)
		out, err := e.Step(now, in)
		if err != nil {
			b.Fatal(err)
		}
		return out
	}
	for i := range 100 {
		step(&Register{Node: api.Node{
			Name: fmt.Sprintf("node-%d", i), Layer: api.LayerCloud, Drivers: []string{"noop"},
			Capacity: api.Resources{CPU: 64000, Memory: 256 * api.GiB},
		}})
	}
	b.ReportAllocs()
	b.ResetTimer()
	done := 0
	for n := 0; n < b.N; n += batch {
		in := make([]Input, batch)
		for i := range in {
			w := &api.Workload{Kind: api.KindJob, Name: fmt.Sprintf("job-%d", n+i), Tasks: []api.Task{{
				Name: "main", Driver: "noop", Resources: api.Resources{CPU: 100, Memory: 64 * api.MiB},
			}}}
			w.Normalize()
			in[i] = &Submit{Workload: w}
		}
		out := step(in...)
		var reports []Input
		for _, ev := range out.Events {
			if p, ok := ev.(*state.TaskPlaced); ok {
				at := api.Attempt{TaskRef: p.Ref, Try: p.Try}
				reports = append(reports, &Reports{Node: p.Node, Reports: []api.Report{{
					Attempt: at, N: 1, Kind: api.ReportEnded, Result: &api.Result{Wall: 1000},
				}}})
			}
		}
		out = step(reports...)
		for _, ev := range out.Events {
			if _, ok := ev.(*state.WorkloadFinished); ok {
				done++
			}
		}
	}
	if done < b.N {
		b.Fatalf("%d of %d tasks finished", done, b.N)
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "tasks/s")
}
