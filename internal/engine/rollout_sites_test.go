package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// atSites is a world with a canary of worst-fit at the sites plant and mine, for half of
// the jobs that best-fit sends there. Best-fit fills the smallest node, worst-fit takes
// the largest, which is at the site s1.
func atSites(t *testing.T, set func(s *api.Stages)) *world {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "best-fit"},
		&engine.Register{Node: nodeOf("n1", 64_000)}, &engine.Register{Node: nodeOf("n2", 32_000)})
	at := func(site string) func(*api.Node) { return func(n *api.Node) { n.Site = site } }
	w.step(t, &engine.Register{Node: nodeOf("p1", 16_000, at("plant"))}, &engine.Register{Node: nodeOf("p2", 24_000, at("plant"))},
		&engine.Register{Node: nodeOf("m1", 17_000, at("mine"))}, &engine.Register{Node: nodeOf("m2", 25_000, at("mine"))})
	in := trial("best-fit", "worst-fit")
	in.Stages.Shadow, in.Stages.Sites = 0, []string{"plant", "mine"}
	set(in.Stages)
	w.step(t, in)
	if a := w.answers[0]; a.Code != state.CodeOK {
		t.Fatalf("%+v", a)
	}
	w.rebuild(t) // an engine that was rebuilt before the first job came decides alike
	return w
}

// sent submits a job and gives where its elements went, by whom and under which stage.
func (w *world) sent(t *testing.T, spec *api.Workload) (under []string) {
	t.Helper()
	w.now = w.now.Add(api.Millisecond)
	id := w.engine.State().NextID
	spec.APIVersion, spec.Kind, spec.Name = api.Version, api.KindJob, fmt.Sprint("job-", id)
	for i := range spec.Tasks {
		spec.Tasks[i].Driver, spec.Tasks[i].Resources.CPU = api.DriverNoop, 100
	}
	spec.Normalize()
	w.step(t, &engine.Submit{Workload: spec})
	for _, g := range w.engine.State().Workloads[id].Groups {
		for _, task := range g.Tasks {
			under = append(under, task.Decision.Stage+" "+task.Decision.Strategy+" "+task.Node)
		}
	}
	for i, g := range w.engine.State().Workloads[id].Groups {
		for _, task := range g.Tasks {
			w.step(t, &engine.Reports{Node: task.Node, Reports: []api.Report{{Attempt: api.Attempt{TaskRef: task.Ref, Try: 1}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Wall: api.Duration(1 + i)}}}})
		}
	}
	return under
}

// TestACanaryOfSites: the present strategy chooses the site of every job, and at the
// sites of the canary the one that is tried chooses the node for half of them.
func TestACanaryOfSites(t *testing.T) {
	bound := func(site string) api.Requirements { return api.Requirements{Sites: []string{site}} }
	for _, tt := range []struct {
		name string
		job  func() *api.Workload
		want []string // all that there is, each more than a few times
	}{
		{"what may go anywhere goes to the site where best-fit sends it", func() *api.Workload { return &api.Workload{Tasks: []api.Task{{Name: "t"}}} }, []string{"canary worst-fit p2", "control best-fit p1"}},
		{"what is bound to another site of the canary", func() *api.Workload {
			return &api.Workload{Tasks: []api.Task{{Name: "t", Requires: bound("mine")}}}
		}, []string{"canary worst-fit m2", "control best-fit m1"}},
		{"what is bound elsewhere has no part", func() *api.Workload {
			return &api.Workload{Tasks: []api.Task{{Name: "t", Requires: bound("s1")}}}
		}, []string{" best-fit n2"}},
		{"who chose a strategy keeps it", func() *api.Workload {
			return &api.Workload{Strategy: "greedy", Tasks: []api.Task{{Name: "t", Requires: bound("mine")}}}
		}, []string{" greedy m1", " greedy m2"}},
		{"a gang has no part", func() *api.Workload {
			return &api.Workload{Gang: true, Tasks: []api.Task{{Name: "t", Count: 2, Requires: bound("mine")}}}
		}, []string{" best-fit m1"}},
		{"where the first element goes says to which group a job belongs", func() *api.Workload {
			return &api.Workload{Tasks: []api.Task{{Name: "a", Requires: bound("s1")}, {Name: "b", Requires: bound("mine")}}}
		}, []string{" best-fit n2", " best-fit m1"}},
		{"and what of it goes elsewhere goes as ever", func() *api.Workload {
			return &api.Workload{Tasks: []api.Task{{Name: "a", Requires: bound("mine")}, {Name: "b", Requires: bound("s1")}}}
		}, []string{"canary worst-fit m2", "control best-fit m1", " best-fit n2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := atSites(t, func(*api.Stages) {})
			got := map[string]int{}
			for range 40 {
				for _, under := range w.sent(t, tt.job()) {
					got[under]++
				}
			}
			for _, want := range tt.want {
				if got[want] < 10 {
					t.Errorf("decided %v, %q hardly ever", got, want)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("decided %v, not only %q", got, tt.want)
			}
			w.rebuild(t)
			w.replay(t)
			if n := len(w.engine.State().Rollout.Sited); n != 0 {
				t.Errorf("%d jobs that have ended are still known", n)
			}
		})
	}
}

// TestACanaryDidNotDecide: where the strategy that is tried finds no node at the site, and the
// present one has room made there, the decision is not the canary's (world.step looks).
func TestACanaryDidNotDecide(t *testing.T) {
	w := atSites(t, func(*api.Stages) {})
	submit := func(name string, priority, count int32, cpu api.Milli) {
		s := &api.Workload{APIVersion: api.Version, Name: name, Kind: api.KindJob, Priority: priority, Tasks: []api.Task{{
			Name: "t", Driver: api.DriverNoop, Count: count, Resources: api.Resources{CPU: cpu}, Requires: api.Requirements{Sites: []string{"mine"}},
		}}}
		s.Normalize()
		w.now = w.now.Add(api.Millisecond)
		w.step(t, &engine.Submit{Workload: s})
	}
	for i := range 21 {
		submit(fmt.Sprint("low-", i), 10, 2, 1000)
	}
	made, sides := 0, map[state.Side]bool{}
	for i := range 8 {
		submit(fmt.Sprint("high-", i), 90, 1, 3000)
		var ends []engine.Input
		for _, ev := range w.events {
			if s, ok := ev.(*state.TaskStop); ok {
				_, task := w.engine.State().Task(s.Ref)
				ends = append(ends, &engine.Reports{Node: task.Node, Reports: []api.Report{{
					Attempt: api.Attempt{TaskRef: s.Ref, Try: task.Try}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeStopped},
				}}})
			}
		}
		w.step(t, ends...)
		for _, ev := range w.events {
			if p, ok := ev.(*state.TaskPlaced); ok && p.Decision.Strategy == "best-fit" {
				made++
				sides[w.engine.State().SideOf(w.engine.State().Workloads[p.Ref.Workload])] = true
			}
		}
	}
	if made == 0 || !sides[state.SideTrial] {
		t.Errorf("the present strategy made room for %d, of groups %v", made, sides)
	}
}

// TestACanaryOfSitesIsJudged: jobs that go elsewhere count in neither group, so that only
// what the canary does ends it.
func TestACanaryOfSitesIsJudged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		slower api.Duration // the jobs of the canary
		other  api.Duration // what others take that are bound elsewhere
		end    state.RolloutEnd
		reason string
	}{
		{"it does no harm", 0, api.Second, state.RolloutPassed, "on probation"},
		{"jobs elsewhere take long", 0, 30 * api.Second, state.RolloutPassed, "on probation"},
		{"its jobs take longer", 3 * api.Second, api.Second, state.RolloutRolled, "completionMean is 8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := atSites(t, func(*api.Stages) {})
			for i := range 60 {
				w.sided(t, func(side state.Side) api.Duration {
					d := 5*api.Second + api.Duration(i%7)*100*api.Millisecond
					if side == state.SideTrial {
						d += tt.slower
					}
					return d
				})
				if i%4 == 0 {
					w.elsewhere(t, tt.other)
				}
			}
			if v := w.engine.ViewRollout(); tt.slower == 0 && v.Trial[0].Samples+v.Control[0].Samples != 60 {
				t.Errorf("it is shown as %+v", v)
			}
			w.past(t, 75*api.Minute)
			r := w.engine.State().Rollout
			if r.Judged != tt.end || len(r.Sited) != 0 {
				t.Errorf("%v because %q, and %d jobs are known", r.Judged, r.Reason, len(r.Sited))
			}
			w.rolled(t, tt.end, r.Stage, tt.reason, w.engine.State().Settings.Strategy)
		})
	}
}

// elsewhere runs a job at a site that is not the canary's.
func (w *world) elsewhere(t *testing.T, d api.Duration) {
	t.Helper()
	id := w.engine.State().NextID
	spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", id), Tasks: []api.Task{{
		Name: "t", Driver: api.DriverNoop, Resources: api.Resources{CPU: 100}, Requires: api.Requirements{Sites: []string{"s1"}},
	}}}
	spec.Normalize()
	w.step(t, &engine.Submit{Workload: spec})
	_, task := w.engine.State().Task(api.TaskRef{Workload: id})
	w.now = w.now.Add(d)
	w.step(t, &engine.Reports{Node: task.Node, Reports: []api.Report{{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: id}, Try: 1}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Wall: d}}}})
}

func TestSitesThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		from string
		set  func(s *api.Stages)
		code state.Code
		text string
	}{
		{"one where no node stands", "best-fit", func(s *api.Stages) { s.Sites = []string{"s2"} }, state.CodeInvalid, "no node stands at the site s2 of the canary: did you mean s1?"},
		{"one twice", "best-fit", func(s *api.Stages) { s.Sites = []string{"s1", "s1"} }, state.CodeInvalid, "sites[1]"},
		{"none of a canary", "best-fit", func(s *api.Stages) { s.Canary, s.Share, s.Sites = 0, 0, []string{"s1"} }, state.CodeInvalid, "canary: is missing"},
		{"where a planner chooses the nodes", "min-cost-assignment", func(s *api.Stages) { s.Sites = []string{"s1"} }, state.CodeConflict, "leave the sites out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(engine.MaxBatch)
			w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.Register{Node: nodeOf("n1", 64_000)}, &engine.PutSettings{Strategy: tt.from})
			in := trial(tt.from, "worst-fit")
			tt.set(in.Stages)
			w.step(t, in)
			if a := w.answers[0]; a.Code != tt.code || !strings.Contains(a.Message, tt.text) || w.engine.State().Rollout != nil {
				t.Errorf("%+v", a)
			}
		})
	}
}
