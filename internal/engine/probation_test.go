package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// trying is a world whose strategy is on probation for 16 minutes: completions of
// more than 10 s in the mean are not allowed, nor waits of which more than 1 in 100
// is longer than 5 s.
func trying(t *testing.T) *world {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.Register{Node: nodeOf("n1", 64_000)})
	w.step(t, &engine.PutSettings{Strategy: "best-fit", Probation: &api.Probation{
		From: "greedy", Window: 16 * api.Minute, Least: 5,
		Goals: []api.Goal{
			{Metric: api.CompletionMean, Before: 9 * api.Second, Expected: 8 * api.Second, Limit: 10 * api.Second},
			{Metric: api.WaitP99, Before: 4 * api.Second, Expected: 4 * api.Second, Limit: 5 * api.Second},
		},
	}})
	return w
}

// job runs a job that begins after a while and ends after another.
func (w *world) job(t *testing.T, wait, run api.Duration) {
	t.Helper()
	id := w.engine.State().NextID
	spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", id), Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop}}}
	spec.Normalize()
	w.step(t, &engine.Submit{Workload: spec})
	at := api.Attempt{TaskRef: api.TaskRef{Workload: id}, Try: 1}
	w.now = w.now.Add(wait)
	w.step(t, &engine.Reports{Node: "n1", Reports: []api.Report{{Attempt: at, N: 1, Kind: api.ReportStarted}}})
	w.now = w.now.Add(run)
	w.step(t, &engine.Reports{Node: "n1", Reports: []api.Report{{Attempt: at, N: 2, Kind: api.ReportEnded, Result: &api.Result{Wall: run}}}})
}

// past lets time pass, with a Step where the engine asks for one.
func (w *world) past(t *testing.T, d api.Duration) {
	t.Helper()
	for end := w.now.Add(d); w.now < end; w.step(t) {
		if w.now = end; w.wake != 0 && w.wake < end {
			w.now = w.wake
		}
	}
}

func TestProbations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		during func(w *world)
		end    state.ProbationEnd
		reason string
		cell   string
	}{
		{"kept", func(w *world) {
			for i := range 10 {
				w.job(t, api.Second, api.Duration(7+i%3)*api.Second)
			}
		}, state.ProbationKept, "nothing is surely worse", "best-fit"},
		{"longer in the mean", func(w *world) {
			for i := range 10 {
				w.job(t, api.Second, api.Duration(20+i%3)*api.Second)
			}
		}, state.ProbationRolledBack, "completionMean is 22", "greedy"},
		{"longer by chance", func(w *world) {
			for range 7 {
				w.job(t, api.Second, 2*api.Second)
			}
			w.job(t, api.Second, 70*api.Second)
		}, state.ProbationKept, "nothing", "best-fit"},
		{"waits beyond the guard", func(w *world) {
			for range 10 {
				w.job(t, 100*api.Millisecond, api.Second)
			}
			for range 3 {
				w.job(t, 6*api.Second, api.Second)
			}
		}, state.ProbationRolledBack, "waitP99: 3 of 13 took longer than 5s", "greedy"},
		{"jobs that do not end", func(w *world) {
			for i := range 6 {
				spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("open-", i), Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop, Resources: api.Resources{CPU: 64_000}}}}
				spec.Normalize()
				w.step(t, &engine.Submit{Workload: spec})
			}
		}, state.ProbationRolledBack, "completionMean is 1m", "greedy"},
		{"nobody comes", func(*world) {}, state.ProbationKept, "too few jobs", "best-fit"},
		{"another one is set", func(w *world) {
			w.step(t, &engine.PutSettings{Strategy: "worst-fit"})
		}, state.ProbationReplaced, "set to worst-fit", "worst-fit"},
		{"another setting is changed", func(w *world) {
			w.step(t, &engine.PutSettings{RetainMax: 7})
		}, state.ProbationKept, "too few", "best-fit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := trying(t)
			tt.during(w)
			w.rebuild(t)
			w.past(t, 70*api.Minute)
			p := w.engine.State().Probation
			if p.Judged != tt.end || !strings.Contains(p.Reason, tt.reason) || w.engine.State().Settings.Strategy != tt.cell {
				t.Errorf("%v because %q, the strategy is %s", p.Judged, p.Reason, w.engine.State().Settings.Strategy)
			}
			if v := w.engine.ViewProbation(); v.Status != tt.end.String() || len(v.Figures) != 2 || v.Until == 0 {
				t.Errorf("it is shown as %+v", v)
			}
			w.replay(t)
		})
	}
}

// Explain says of a decision that its strategy was on probation, and what came of it.
func TestDecisionsOnProbation(t *testing.T) {
	w := trying(t)
	explain := func(id uint64) *api.Trial {
		wl := w.engine.State().Workloads[id]
		return w.engine.Explain(wl, wl.Groups[0].Tasks[0]).Probation
	}
	first := w.engine.State().NextID
	for range 10 {
		w.job(t, api.Second, 22*api.Second)
	}
	if got := explain(first); got == nil || got.Strategy != "best-fit" || got.From != "greedy" || got.Since == 0 || got.Until <= got.Since {
		t.Fatalf("of a decision made meanwhile: %+v", got)
	}
	w.past(t, 16*api.Minute)
	if got := explain(first); got == nil || got.Status != api.ProbationRolledBack || got.Reason == "" {
		t.Errorf("when it has ended: %+v", got)
	}
	later := w.engine.State().NextID
	w.job(t, api.Second, api.Second)
	if got := explain(later); got != nil {
		t.Errorf("of a decision made after it: %+v", got)
	}
}

func TestProbationsThatAreRefused(t *testing.T) {
	goals := []api.Goal{{Metric: api.CompletionMean}}
	for _, tt := range []struct {
		name string
		in   engine.PutSettings
		code state.Code
		text string
	}{
		{"from another strategy", engine.PutSettings{Strategy: "worst-fit", Probation: &api.Probation{From: "greedy", Window: api.Hour, Least: 5, Goals: goals}}, state.CodeConflict, "best-fit, not greedy any more"},
		{"without a strategy", engine.PutSettings{Probation: &api.Probation{From: "best-fit", Window: api.Hour, Least: 5, Goals: goals}}, state.CodeInvalid, "name a strategy"},
		{"without a goal", engine.PutSettings{Strategy: "worst-fit", Probation: &api.Probation{From: "best-fit", Window: api.Hour, Least: 5}}, state.CodeInvalid, "goals"},
		{"of an unknown metric", engine.PutSettings{Strategy: "worst-fit", Probation: &api.Probation{From: "best-fit", Window: api.Hour, Least: 5, Goals: []api.Goal{{Metric: "speed"}}}}, state.CodeInvalid, "metric"},
		{"without time", engine.PutSettings{Strategy: "worst-fit", Probation: &api.Probation{From: "best-fit", Least: 5, Goals: goals}}, state.CodeInvalid, "window"},
	} {
		w := trying(t)
		w.step(t, &tt.in)
		if a := w.answers[0]; a.Code != tt.code || !strings.Contains(a.Message, tt.text) || w.engine.State().OnProbation() == nil || w.engine.State().Settings.Strategy != "best-fit" {
			t.Errorf("%s: %+v", tt.name, a)
		}
	}
}
