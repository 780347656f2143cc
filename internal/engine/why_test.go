package engine_test

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

func TestPhrase(t *testing.T) {
	reasons := func(list ...api.ReasonCount) *api.Decision {
		d := &api.Decision{Reasons: list}
		for _, r := range list {
			d.Nodes += r.Nodes
		}
		return d
	}
	for name, c := range map[string]struct {
		d    *api.Decision
		pin  string
		want string
	}{
		"no nodes":   {d: reasons(), want: "there are no nodes"},
		"one reason": {d: reasons(api.ReasonCount{Reason: "driver wasm is missing", Nodes: 2}), want: "2 of 2 nodes: driver wasm is missing"},
		"two reasons": {
			d:    reasons(api.ReasonCount{Reason: "memory 4Gi is not free", Nodes: 3}, api.ReasonCount{Reason: "taint gpu:noSchedule", Nodes: 2}),
			want: "3 of 5 nodes: memory 4Gi is not free; 2: taint gpu:noSchedule",
		},
		"many reasons": {
			d: reasons(api.ReasonCount{Reason: "a", Nodes: 5}, api.ReasonCount{Reason: "b", Nodes: 4}, api.ReasonCount{Reason: "c", Nodes: 3},
				api.ReasonCount{Reason: "d", Nodes: 2}, api.ReasonCount{Reason: "e", Nodes: 1}),
			want: "5 of 15 nodes: a; 4: b; 3: c; and 2 more",
		},
		"of one node only": {
			d:   reasons(api.ReasonCount{Reason: "node is not n7", Nodes: 8}, api.ReasonCount{Reason: "cpu 1 is not free", Nodes: 1}),
			pin: "n7", want: "node n7: cpu 1 is not free",
		},
		"of a node that is silent": {
			d:   reasons(api.ReasonCount{Reason: "node is not n7", Nodes: 8}, api.ReasonCount{Reason: "node is silent", Nodes: 1}),
			pin: "n7", want: "node n7 is silent",
		},
		"of a node that is gone": {d: reasons(api.ReasonCount{Reason: "node is not n7", Nodes: 8}), pin: "n7", want: "node n7 is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := engine.Phrase(c.d, c.pin); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

// A task that waits is told when it is expected to start: when the one that runs is
// expected to end, which backfilling promises. Where no end is known, nothing is said.
func TestExpectedStart(t *testing.T) {
	for _, c := range []struct {
		name     string
		strategy string
		runs     api.Duration
		waits    api.Milli
		after    api.Duration // of the placement of the first
		promised bool
	}{
		{"without promises", "", 10 * api.Minute, 1000, 10 * api.Minute, false},
		{"with backfilling", "backfill", 10 * api.Minute, 1000, 10 * api.Minute, true},
		{"on no node ever", "", 10 * api.Minute, 2000, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBulk(t, nodeOf("n1", 1000))
			b.step(&engine.PutSettings{Strategy: c.strategy})
			b.step(submit(jobOf("runs", 1, func(w *api.Workload) {
				w.Tasks[0].Resources.CPU, w.Tasks[0].Duration = 1000, c.runs
			})))
			placed := b.now
			b.step(submit(jobOf("waits", 1, func(w *api.Workload) { w.Tasks[0].Resources.CPU = c.waits })))
			st := b.e.State()
			w := st.Workloads[2]
			got := b.e.Explain(w, w.Groups[0].Tasks[0]).ExpectedStart
			switch {
			case c.after == 0 && got != nil, c.after != 0 && got == nil:
				t.Errorf("it is expected to start at %+v", got)
			case got != nil && (got.At != placed.Add(c.after) || got.Promised != c.promised):
				t.Errorf("it is expected to start %s after, promised: %t; want %s, %t", got.At.Sub(placed), got.Promised, c.after, c.promised)
			}
		})
	}
}

// In a cell with more nodes than may be counted anew, the recorded counts stand.
func TestRecordedReasons(t *testing.T) {
	b := newBulk(t, nodeOf("n1", 1000))
	b.step(submit(jobOf("wide", 1, func(w *api.Workload) { w.Tasks[0].Resources.CPU = 2000 })))
	b.step(&engine.Register{Node: nodeOf("n2", 1000)})
	for budget, want := range map[int]string{
		2: "2 of 2 nodes: cpu 2 exceeds the whole node",
		1: "1 of 1 nodes: cpu 2 exceeds the whole node",
	} {
		views := b.e.Views()
		views.Recount(budget)
		if got := views.Workload(b.e.State().Workloads[1], false).Reason; got != want {
			t.Errorf("with a budget of %d nodes: %q, not %q", budget, got, want)
		}
	}
}

// Reasons are found by shape: 10,000 pending elements cost no more allocations
// than the same elements without a reason, but for a handful.
func TestReasonsCostByShape(t *testing.T) {
	const elements = 10_000
	view := func(refused bool) float64 {
		b := newBulk(t)
		if refused {
			b.step(&engine.Register{Node: nodeOf("n1", 1000)})
		}
		for i := range 2 {
			b.step(submit(jobOf(fmt.Sprint("array", i), elements/2, func(w *api.Workload) { w.Tasks[0].Resources.CPU = 2000 })))
		}
		if !refused {
			clear(b.e.State().Refusals)
		}
		return testing.AllocsPerRun(3, func() {
			views := b.e.Views()
			for _, id := range b.e.State().SortedWorkloads() {
				w := b.e.State().Workloads[id]
				for _, el := range w.Groups[0].Tasks {
					if v := views.Task(w, el, false); (v.Reason != "") != refused {
						t.Fatalf("%s has the reason %q", v.Name, v.Reason)
					}
				}
			}
		})
	}
	if without, with := view(false), view(true); with > without+200 {
		t.Errorf("%.0f allocations with reasons, %.0f without", with, without)
	}
}
