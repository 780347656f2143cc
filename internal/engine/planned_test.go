package engine_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// The leader that follows answers what the one before was asked.
func TestAnOpenPlanOutlivesItsLeader(t *testing.T) {
	st := state.New()
	if err := st.Apply(1, &state.PlanAsked{N: 1}); err != nil {
		t.Fatal(err)
	}
	e := engine.New(st)
	q := e.Question()
	if q == nil || q.N != 1 {
		t.Fatalf("the question is %+v", q)
	}
	out, err := e.Step(2, q.Answer(1, func() bool { return false }))
	if err != nil || len(out.Events) != 1 || e.State().Planning.Open {
		t.Fatalf("%d events, %v", len(out.Events), err)
	}
}

// A plan of many tasks comes in parts, each within what one record holds.
func TestPlansComeInParts(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "min-cost-assignment"})
	n := nodeOf("n1", 1_000_000)
	w.step(t, &engine.Register{Node: n})
	job := &api.Workload{APIVersion: api.Version, Name: "many", Kind: api.KindJob, Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop, Count: 600}}}
	job.Normalize()
	w.step(t, &engine.Submit{Workload: job})
	parts := w.follower.Question().Answer(3, func() bool { return false })
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for _, in := range parts {
		w.step(t, in)
	}
	if c := w.engine.State().Workloads[1].Counts; c.Placed != 600 || w.engine.State().Planning.Open {
		t.Errorf("%+v, %+v", c, w.engine.State().Planning)
	}
}

// A Step from which nothing follows leaves no record. Whoever replays the records asks
// for the same plans all the same, and so does an engine made from a snapshot.
func TestPlansAreAskedForWhateverLeftNoRecord(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "dynamic"})
	w.step(t, &engine.Register{Node: nodeOf("n1", 4000)})
	job := &api.Workload{APIVersion: api.Version, Name: "slow-start", Kind: api.KindJob, Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop}}}
	job.Normalize()
	w.step(t, &engine.Submit{Workload: job})
	w.answerPlan(t)
	w.now = w.now.Add(2 * api.Minute)
	if out, err := w.engine.Step(w.now, nil); err != nil || len(out.Events) > 0 {
		t.Fatalf("%d events, %v: nothing runs yet that could move", len(out.Events), err)
	}
	w.rebuild(t)
	w.now = w.now.Add(api.Second)
	w.step(t, &engine.Reports{Node: "n1", Reports: []api.Report{{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}, N: 1, Kind: api.ReportStarted}}})
	if p := w.engine.State().Planning; !p.Open || p.N != 2 {
		t.Errorf("the task runs, and the last plan is old: %+v", p)
	}
	w.replay(t)
}

// Those who run as a gang are left where they are, by an engine made from a snapshot, too.
func TestGangsAreNotMoved(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "dynamic"})
	slow, quick := nodeOf("slow", 4000), nodeOf("quick", 4000)
	slow.Speed, quick.Speed = 500, 4000
	w.step(t, &engine.Register{Node: slow})
	for _, job := range []*api.Workload{
		{Name: "gang", Gang: true, Tasks: []api.Task{{Name: "t", Count: 2, Duration: api.Hour}}},
		{Name: "alone", Tasks: []api.Task{{Name: "t", Duration: api.Hour}}},
	} {
		job.APIVersion, job.Kind, job.Tasks[0].Driver = api.Version, api.KindJob, api.DriverNoop
		job.Normalize()
		w.step(t, &engine.Submit{Workload: job})
	}
	w.answerPlan(t)
	start := func(workload uint64, index uint32) api.Report {
		return api.Report{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: workload, Index: index}, Try: 1}, N: 1, Kind: api.ReportStarted}
	}
	w.step(t, &engine.Reports{Node: "slow", Reports: []api.Report{start(1, 0), start(1, 1), start(2, 0)}})
	w.step(t, &engine.Register{Node: quick})
	w.rebuild(t)
	w.now = w.now.Add(2 * api.Minute)
	w.step(t)
	w.answerPlan(t)
	stops := map[uint64]state.StopFor{}
	for id, v := range w.engine.State().Workloads {
		stops[id] = v.Groups[0].Tasks[0].Stop
	}
	if stops[1] != state.StopNothing || stops[2] != state.StopMove {
		t.Errorf("the gang is to stop for %v, the job that stands for itself for %v", stops[1], stops[2])
	}
}

// answerPlan hands the plan over that is waited for.
func (w *world) answerPlan(t fataler) {
	t.Helper()
	for _, in := range w.follower.Question().Answer(1, func() bool { return false }) {
		w.step(t, in)
	}
}

// A plan puts nobody on room that came in the same Step before somebody of a higher priority
// who waits for it: the plan knows nothing of those that wait for no plan.
func TestAPlanOvertakesNobody(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"})
	small := nodeOf("n1", 500)
	w.step(t, &engine.Register{Node: small})
	for i, name := range []string{"high", "low"} {
		job := &api.Workload{APIVersion: api.Version, Name: name, Kind: api.KindJob, Priority: int32(2 - i), Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop}}}
		job.Tasks[0].Resources.CPU = api.Milli(2000 / (i + 1) / (i + 1)) // 2 cores, and half a core
		if name == "low" {
			job.Strategy = "dynamic"
		}
		job.Normalize()
		w.step(t, &engine.Submit{Workload: job})
	}
	if p := w.engine.State().Planning; p == nil || !p.Open {
		t.Fatalf("no plan is asked for: %+v", p)
	}
	in := []engine.Input{&engine.Register{Node: nodeOf("n1", 2000)}}
	w.step(t, append(in, w.follower.Question().Answer(3, func() bool { return false })...)...)
	for id, want := range map[uint64]api.TaskStatus{1: api.TaskPlaced, 2: api.TaskPending} {
		if got := w.engine.State().Workloads[id].Groups[0].Tasks[0].Status; got != want {
			t.Errorf("workload %d is %s, want %s", id, got, want)
		}
	}
	w.replay(t)
}
