package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// shadowed hands over what a shadow has found since it was last told; nil when no
// strategy is in that stage.
func (w *world) shadowed() engine.Input {
	to, since, ok := w.follower.Shadowing()
	tally := w.shadow
	w.shadow = state.ShadowTally{}
	if !ok {
		return nil
	}
	return &engine.Shadowed{Strategy: to, Since: since, Tally: tally}
}

// stages is a world in which worst-fit is tried in the place of best-fit: 16 minutes in
// the shadow, 16 as a canary of half of the jobs, then on probation.
func stages(t *testing.T, set func(s *api.Stages)) *world {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.Register{Node: nodeOf("n1", 64_000)}, &engine.Register{Node: nodeOf("n2", 32_000)},
		&engine.PutSettings{Strategy: "best-fit"})
	in := trial("best-fit", "worst-fit")
	set(in.Stages)
	w.step(t, in)
	if a := w.answers[0]; a.Code != state.CodeOK {
		t.Fatalf("%+v", a)
	}
	return w
}

func trial(from, to string) *engine.PutSettings {
	return &engine.PutSettings{
		Strategy: to, Stages: &api.Stages{Shadow: 16 * api.Minute, Canary: 16 * api.Minute, Share: 50},
		Probation: &api.Probation{From: from, Window: 16 * api.Minute, Least: 5, Goals: []api.Goal{
			{Metric: api.CompletionMean, Before: 9 * api.Second, Limit: 10 * api.Second},
			{Metric: api.WaitP99, Before: 4 * api.Second, Limit: 5 * api.Second},
		}},
	}
}

// side says how long a job runs whose canary's side is known: it is asked of the state
// that holds it.
func (w *world) sided(t *testing.T, run func(side state.Side) api.Duration) {
	t.Helper()
	w.now = w.now.Add(api.Millisecond)
	id := w.engine.State().NextID
	spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", id), Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000}}}}
	spec.Normalize()
	w.step(t, &engine.Submit{Workload: spec})
	wl, task := w.engine.State().Task(api.TaskRef{Workload: id})
	at := api.Attempt{TaskRef: api.TaskRef{Workload: id}, Try: 1}
	d := run(w.engine.State().SideOf(wl))
	w.step(t, &engine.Reports{Node: task.Node, Reports: []api.Report{{Attempt: at, N: 1, Kind: api.ReportStarted}}})
	w.now = w.now.Add(d)
	w.step(t, &engine.Reports{Node: task.Node, Reports: []api.Report{{Attempt: at, N: 2, Kind: api.ReportEnded, Result: &api.Result{Wall: d}}}})
}

// jobs runs some jobs that all take as long.
func (w *world) jobs(t *testing.T, n int, d api.Duration) {
	t.Helper()
	for range n {
		w.sided(t, func(state.Side) api.Duration { return d })
	}
}

// rolled checks how a roll-out has ended.
func (w *world) rolled(t *testing.T, end state.RolloutEnd, stage state.Stage, reason, cell string) {
	t.Helper()
	r := w.engine.State().Rollout
	if r.Judged != end || r.Stage != stage || !strings.Contains(r.Reason, reason) || w.engine.State().Settings.Strategy != cell {
		t.Errorf("%v in the stage %v because %q, the strategy is %s", r.Judged, r.Stage, r.Reason, w.engine.State().Settings.Strategy)
	}
	w.rebuild(t)
	w.replay(t)
}

// TestStages: a strategy that does no harm goes all the way, and each of its decisions
// says under which stage it was made.
func TestStages(t *testing.T) {
	w := stages(t, func(*api.Stages) {})
	w.jobs(t, 10, api.Second)
	if w.shadow.Decisions != 10 || w.shadow.Differ == 0 || w.shadow.Refused != 0 {
		t.Fatalf("in the shadow: %+v", w.shadow)
	}
	w.step(t, w.shadowed())
	w.past(t, 17*api.Minute)
	if r := w.engine.State().InRollout(); r == nil || r.Stage != state.StageCanary {
		t.Fatalf("the shadow became %+v", w.engine.State().Rollout)
	}
	w.rebuild(t)
	under := map[string]int{}
	for range 40 {
		id := w.engine.State().NextID
		w.sided(t, func(state.Side) api.Duration { return 5 * api.Second })
		_, task := w.engine.State().Task(api.TaskRef{Workload: id})
		under[task.Decision.Stage+" "+task.Decision.Strategy]++
	}
	if len(under) != 2 || under["canary worst-fit"] < 10 || under["control best-fit"] < 10 {
		t.Errorf("decided under %v", under)
	}
	if v := w.engine.ViewRollout(); v.Shadow.Decisions != 10 || v.Trial[0].Samples+v.Control[0].Samples != 40 || !v.Worse[0].Known || v.Worse[0].By != 0 || v.Status != api.RolloutOpen {
		t.Errorf("it is shown as %+v", v)
	}
	w.past(t, 20*api.Minute)
	w.rolled(t, state.RolloutPassed, state.StageAll, "on probation", "worst-fit")
	if p := w.engine.State().OnProbation(); p == nil || p.To != "worst-fit" || p.Asked.From != "best-fit" {
		t.Errorf("the probation is %+v", p)
	}
}

func TestEndsOfStages(t *testing.T) {
	alike := func(w *world) { w.jobs(t, 40, 5*api.Second) }
	slower := func(by api.Duration) func(w *world) {
		return func(w *world) {
			for i := range 60 {
				w.sided(t, func(s state.Side) api.Duration {
					d := 5*api.Second + api.Duration(i%7)*100*api.Millisecond
					if s == state.SideTrial {
						d += by
					}
					return d
				})
			}
		}
	}
	canary := func(s *api.Stages) { s.Shadow = 0 }
	tell := func(tally state.ShadowTally) func(w *world) {
		return func(w *world) {
			in := w.shadowed().(*engine.Shadowed)
			in.Tally = tally
			w.step(t, in)
		}
	}
	for _, tt := range []struct {
		name   string
		set    func(s *api.Stages)
		during func(w *world)
		end    state.RolloutEnd
		stage  state.Stage
		reason string
		cell   string
	}{
		{"a canary like the others", canary, alike, state.RolloutPassed, state.StageAll, "on probation", "worst-fit"},
		{"a canary that asks for no more", func(s *api.Stages) { s.Shadow, s.Stop = 0, true }, alike, state.RolloutPassed, state.StageCanary, "nothing spoke against it", "best-fit"},
		{"a canary that is slower, as is allowed", canary, slower(800 * api.Millisecond), state.RolloutPassed, state.StageAll, "on probation", "worst-fit"},
		{"a canary that is slower", canary, slower(3 * api.Second), state.RolloutRolled, state.StageCanary, "completionMean is 8", "best-fit"},
		{"a canary when everything is slower", canary, func(w *world) { w.jobs(t, 18, 50*api.Second) }, state.RolloutPassed, state.StageAll, "on probation", "worst-fit"},
		{"a canary without jobs", canary, func(*world) {}, state.RolloutUntested, state.StageCanary, "too few", "best-fit"},
		{"a canary of a tenant without jobs", func(s *api.Stages) { s.Shadow, s.Tenants = 0, []string{"other"} }, alike, state.RolloutUntested, state.StageCanary, "too few", "best-fit"},
		{"a shadow that finds no place", func(*api.Stages) {}, tell(state.ShadowTally{Decisions: 100, Refused: 20}), state.RolloutRefused, state.StageShadow, "20 of 100 tasks unplaced", "best-fit"},
		{"a shadow without decisions", func(*api.Stages) {}, func(*world) {}, state.RolloutUntested, state.StageShadow, "too few", "best-fit"},
		{"a shadow that tells what cannot be", func(*api.Stages) {}, tell(state.ShadowTally{Decisions: 100, Differ: 101}), state.RolloutUntested, state.StageShadow, "too few", "best-fit"},
		{"a shadow that is all", func(s *api.Stages) { s.Canary, s.Share, s.Stop = 0, 0, true }, tell(state.ShadowTally{Decisions: 100, Differ: 30}), state.RolloutPassed, state.StageShadow, "nothing spoke", "best-fit"},
		{"another strategy is set", canary, func(w *world) { w.step(t, &engine.PutSettings{Strategy: "greedy"}) }, state.RolloutReplaced, state.StageCanary, "set to greedy", "greedy"},
		{"the present strategy is set", canary, func(w *world) { w.step(t, &engine.PutSettings{Strategy: "best-fit"}) }, state.RolloutReplaced, state.StageCanary, "set to best-fit", "best-fit"},
		{"another setting is changed", canary, func(w *world) {
			w.step(t, &engine.PutSettings{RetainMax: 7000})
			alike(w)
		}, state.RolloutPassed, state.StageAll, "on probation", "worst-fit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := stages(t, tt.set)
			w.rebuild(t)
			tt.during(w)
			w.past(t, 75*api.Minute)
			w.rolled(t, tt.end, tt.stage, tt.reason, tt.cell)
		})
	}
}

// TestACanaryLeavesChoicesAlone: who chose a strategy, for a job or a tenant, keeps it,
// and a tenant may do so while the canary goes on.
func TestACanaryLeavesChoicesAlone(t *testing.T) {
	w := stages(t, func(s *api.Stages) { s.Shadow, s.Share = 0, 90 })
	w.now = w.now.Add(api.Second)
	job := func(name, tenant, strategy string) *engine.Submit {
		spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tenant: tenant, Strategy: strategy, Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop, Count: 20, Resources: api.Resources{CPU: 40_000}}}}
		spec.Normalize()
		return &engine.Submit{Workload: spec}
	}
	for i := range 8 {
		w.step(t, job(fmt.Sprint("own-", i), "default", "greedy"), job(fmt.Sprint("any-", i), "red", ""))
	}
	sides := func() (trials int) {
		for _, wl := range w.engine.State().Workloads {
			if side := w.engine.State().SideOf(wl); wl.Spec.Strategy != "" && side != state.SideNone {
				t.Errorf("%s chose a strategy, and is on side %d", wl.Spec.Name, side)
			} else if side == state.SideTrial {
				trials++
			}
		}
		return trials
	}
	if n := sides(); n < 4 {
		t.Errorf("%d of 8 jobs are tried on", n)
	}
	w.step(t, &engine.PutTenant{Tenant: api.Tenant{Name: "red", Weight: 1, Strategy: "greedy"}})
	if n := sides(); n != 0 {
		t.Errorf("%d jobs are tried on although their tenant chose", n)
	}
	w.rebuild(t) // the queue knows it, too
}

// TestTheShadowSeesWhatTheLeaderSaw: a strategy that weighs twice as much of the same
// decides the same, on every state that a busy cell goes through.
func TestTheShadowSeesWhatTheLeaderSaw(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"})
	for i := range 9 {
		w.step(t, &engine.Register{Node: nodeOf(fmt.Sprint("n", i), api.Milli(4000+1000*(i%3)))})
	}
	terms := func(times int32) []api.StrategyTerm {
		return []api.StrategyTerm{{Term: "latency", Weight: 4 * times}, {Term: "packing", Weight: 8 * times}}
	}
	for i, name := range []string{"once", "twice"} {
		s := api.Strategy{Name: name, Terms: terms(int32(i + 1))}
		s.Normalize()
		w.step(t, &engine.PutStrategy{Strategy: s})
	}
	w.step(t, &engine.PutSettings{Strategy: "once"})
	w.step(t, trial("once", "twice"))
	if a := w.answers[0]; a.Code != state.CodeOK {
		t.Fatal(a)
	}
	for i := range 100 {
		id := w.engine.State().NextID
		spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", id), Gang: i%5 == 0, Tasks: []api.Task{{
			Name: "t", Driver: api.DriverNoop, Count: int32(1 + i%4), Resources: api.Resources{CPU: api.Milli(300 + 100*(i%7)), Memory: api.GiB / 4},
		}}}
		spec.Normalize()
		w.step(t, &engine.Submit{Workload: spec})
		if i%3 == 2 { // some end, so that there is room
			for _, n := range w.engine.State().SortedNodes() {
				for _, held := range w.engine.State().Nodes[n].SortedHeld()[:min(2, len(w.engine.State().Nodes[n].Held))] {
					w.step(t, &engine.Reports{Node: n, Reports: []api.Report{{Attempt: api.Attempt{TaskRef: held.Ref, Try: held.Try}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Wall: api.Second}}}})
				}
			}
		}
	}
	if s := w.shadow; s.Decisions < 150 || s.Differ+s.Refused+s.Faster+s.Slower != 0 || s.Present != s.Candidate {
		t.Errorf("%+v", s)
	}
}

func TestStagesThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(in *engine.PutSettings)
		code state.Code
		text string
	}{
		{"without a probation", func(in *engine.PutSettings) { in.Probation = nil }, state.CodeInvalid, "by which probation"},
		{"without a stage", func(in *engine.PutSettings) { in.Stages = &api.Stages{} }, state.CodeInvalid, "names no stage"},
		{"for all jobs", func(in *engine.PutSettings) { in.Stages.Share = 100 }, state.CodeInvalid, "share"},
		{"a share without a canary", func(in *engine.PutSettings) { in.Stages.Canary = 0 }, state.CodeInvalid, "canary: is missing"},
		{"tenants twice", func(in *engine.PutSettings) { in.Stages.Tenants = []string{"a", "a"} }, state.CodeInvalid, "tenants[1]"},
		{"from another strategy", func(in *engine.PutSettings) { in.Probation.From = "greedy" }, state.CodeConflict, "not greedy any more"},
		{"in its own place", func(in *engine.PutSettings) { in.Strategy = "best-fit" }, state.CodeConflict, "already"},
		{"of nothing that is known", func(in *engine.PutSettings) { in.Strategy = "wurst-fit" }, state.CodeInvalid, "did you mean worst-fit"},
	} {
		w := newWorld(engine.MaxBatch)
		w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "best-fit"})
		in := trial("best-fit", "worst-fit")
		tt.set(in)
		w.step(t, in)
		if a := w.answers[0]; a.Code != tt.code || !strings.Contains(a.Message, tt.text) || w.engine.State().Rollout != nil || w.engine.State().Settings.Strategy != "best-fit" {
			t.Errorf("%s: %+v", tt.name, a)
		}
	}
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "fifo"})
	w.step(t, trial("fifo", "shortest-first"))
	if a := w.answers[0]; a.Code != state.CodeConflict || !strings.Contains(a.Message, "place alike") {
		t.Errorf("strategies that differ in their order alone: %+v", a)
	}
	w.step(t, trial("fifo", "best-fit"))
	w.step(t, trial("fifo", "worst-fit"))
	if a := w.answers[0]; a.Code != state.CodeConflict || !strings.Contains(a.Message, "best-fit is being tried") {
		t.Errorf("a second one: %+v", a)
	}
	w.step(t, &engine.PutSettings{Strategy: "best-fit", Probation: trial("fifo", "best-fit").Probation})
	w.step(t, trial("best-fit", "worst-fit"))
	if a := w.answers[0]; a.Code != state.CodeConflict || !strings.Contains(a.Message, "on probation") {
		t.Errorf("during a probation: %+v", a)
	}
}
