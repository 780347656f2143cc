package engine_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// rawText is any bytes in the place of a text.
func rawText(t *rapid.T, label string) string {
	b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, label)
	return strings.Repeat(string(b), rapid.SampledFrom([]int{1, 40}).Draw(t, label+" times"))
}

// TestReportsOfAnyBytes: whatever bytes an agent puts into the texts of a report,
// what the journal keeps of it can be read back.
func TestReportsOfAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(3000)
		w.step(t, &engine.Lead{Epoch: 1, Server: "a"})
		w.step(t, &engine.Register{Node: nodeOf("n1", 4000)}, submit(jobOf("job", 1, func(w *api.Workload) {
			w.Tasks[0].Outputs = []api.Output{{Name: "out", Path: "out"}}
		})))
		w.settle(t)
		placed := slices.Concat(w.placed...)
		if len(placed) != 1 {
			t.Fatalf("placed %v", w.placed)
		}
		id := placed[0].at
		in := &engine.Reports{Node: "n1", Reports: []api.Report{
			{Attempt: id, N: 1, Kind: api.ReportStarted, Detail: rawText(t, "started"), Ports: []api.Port{{Name: rawText(t, "port")}}},
			{Attempt: id, N: 2, Kind: api.ReportUnhealthy, Detail: rawText(t, "health")},
			{Attempt: id, N: 3, Kind: api.ReportEnded, Detail: rawText(t, "ended"), Result: &api.Result{
				Outcome: api.OutcomeFailed, Signal: rawText(t, "signal"), Reason: rawText(t, "reason"), Detail: rawText(t, "detail"),
				Outputs: []api.Value{{Name: "out", File: rawText(t, "file"), Digest: api.Digest(rawText(t, "digest"))}},
			}},
		}}
		if rapid.Bool().Draw(t, "cleaned") {
			in.Clean()
			w.step(t, in) // encodes the input and reads it back
		} else {
			out, err := w.engine.Step(w.now, []engine.Input{in})
			if err != nil {
				t.Fatal(err)
			}
			w.events = out.Events
			w.follow(t, eventBytes(t, out.Events))
		}
		ended := false
		for _, ev := range w.events {
			_, is := ev.(*state.TaskEnded)
			ended = ended || is
		}
		if !ended {
			t.Fatalf("the end is not recorded: %s", show(w.events))
		}
	})
}
