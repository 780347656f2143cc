package state_test

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// cell folds events and fails the test when one does not fit.
type cell struct {
	t  *testing.T
	st *state.State
}

func newCell(t *testing.T) *cell { return &cell{t, state.New()} }

func (c *cell) apply(events ...state.Event) {
	c.t.Helper()
	for _, ev := range events {
		if err := c.st.Apply(c.st.Now+1, ev); err != nil {
			c.t.Fatal(err)
		}
	}
}

func register(name string) *state.NodeRegistered {
	return &state.NodeRegistered{Node: api.Node{Name: name, Capacity: api.Resources{CPU: 4000, Memory: api.GiB}}}
}

func job(id uint64, name string, count int32) *state.WorkloadSubmitted {
	return &state.WorkloadSubmitted{ID: id, Spec: &api.Workload{
		Kind: api.KindJob, Name: name, Tenant: "t", Tasks: []api.Task{{Name: "main", Count: count, Resources: api.Resources{CPU: 1000}}},
	}}
}

func service(id uint64, version string) *state.WorkloadSubmitted {
	return &state.WorkloadSubmitted{ID: id, Spec: serviceSpec(version)}
}

func serviceSpec(version string) *api.Workload {
	return &api.Workload{
		Kind: api.KindService, Name: "web", Tenant: "t", Replicas: 2, Update: &api.Update{},
		Tasks: []api.Task{{Name: "main", Env: map[string]string{"V": version}, Resources: api.Resources{CPU: 1000}}},
	}
}

func place(ref api.TaskRef, try uint32, node string) *state.TaskPlaced {
	return &state.TaskPlaced{Ref: ref, Try: try, Node: node}
}

func ref(w uint64, index uint32) api.TaskRef { return api.TaskRef{Workload: w, Index: index} }

func attempt(r api.TaskRef, try uint32) api.Attempt { return api.Attempt{TaskRef: r, Try: try} }

// TestEventsThatDoNotFit: a journal that this state did not come from is found
// out.
func TestEventsThatDoNotFit(t *testing.T) {
	for name, ev := range map[string]state.Event{
		"unknown node":          &state.NodeSilent{Node: "n9"},
		"number out of order":   job(7, "b", 1),
		"no specification":      &state.WorkloadSubmitted{ID: 2},
		"unknown workload":      &state.WorkloadFinished{ID: 9},
		"unknown task":          &state.TaskStarted{Attempt: attempt(ref(1, 9), 1)},
		"unknown group":         &state.TasksReady{Workload: 1, Task: 3, To: 1},
		"placed twice":          place(ref(1, 0), 2, "n1"),
		"skipped attempt":       place(ref(1, 1), 2, "n1"),
		"placed nowhere":        place(ref(1, 1), 1, "n9"),
		"lost unknown":          &state.TasksLost{Node: "n1", Refs: []api.TaskRef{ref(1, 9)}},
		"node that holds tasks": &state.NodeRemoved{Node: "n1"},
		"replicas with a gap":   &state.ReplicasAdded{ID: 1, First: 9, Count: 1},
		"pins that do not fit":  &state.ReplicasAdded{ID: 1, First: 2, Count: 2, Pins: []string{"n1"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCell(t)
			c.apply(register("n1"), job(1, "a", 2), place(ref(1, 0), 1, "n1"))
			if err := c.st.Apply(c.st.Now, ev); err == nil {
				t.Fatal("it was folded in")
			}
		})
	}
}

// TestEveryKindHasAnEvent keeps the two tables of events together.
func TestEveryKindHasAnEvent(t *testing.T) {
	byThemselves := []state.Kind{state.KindDemandForeseen, state.KindSuspensionPut, state.KindNodeStrained, state.KindNodeEased}
	known := 0
	for k := range state.Kind(100) {
		ev := state.NewEvent(k)
		if ev == nil {
			continue
		}
		known++
		if ev.Kind() != k {
			t.Errorf("NewEvent(%d) is of kind %d", k, ev.Kind())
		}
	}
	if known != int(state.KindBatteryForgotten)+len(byThemselves) {
		t.Errorf("%d kinds are known", known)
	}
}

// TestRoom follows what a node holds through an attempt's life.
func TestRoom(t *testing.T) {
	c := newCell(t)
	c.apply(register("n1"), job(1, "a", 2))
	n := c.st.Nodes["n1"]
	version := n.Version
	holds := func(tasks int, cpu api.Milli) {
		t.Helper()
		if len(n.Held) != tasks || n.Used.CPU != cpu || n.Version <= version {
			t.Fatalf("holds %d tasks and %v cpu at version %d", len(n.Held), n.Used.CPU, n.Version)
		}
		version = n.Version
	}
	c.apply(place(ref(1, 0), 1, "n1"))
	holds(1, 1000)
	c.apply(place(ref(1, 1), 1, "n1"), &state.TaskStarted{Attempt: attempt(ref(1, 1), 1), N: 1})
	holds(2, 2000)
	c.apply(&state.TaskEnded{Attempt: attempt(ref(1, 0), 1), N: 1, Next: api.TaskSucceeded, Result: &api.Result{}})
	holds(1, 1000)
	c.apply(&state.NodeSilent{Node: "n1"}, &state.TasksLost{Node: "n1", Refs: []api.TaskRef{ref(1, 1)}, Next: api.TaskPending})
	holds(0, 0)
	if w := c.st.Workloads[1]; w.Counts != (api.Counts{Pending: 1, Succeeded: 1}) || w.Groups[0].Open != 1 || w.Groups[0].Good != 1 {
		t.Fatalf("%+v", w)
	}
}

// TestVersionsGoOn: a node that is removed and comes again counts on, so that its
// agent does not take the new sets for old ones.
func TestVersionsGoOn(t *testing.T) {
	c := newCell(t)
	c.apply(register("n1"), job(1, "a", 1), place(ref(1, 0), 1, "n1"),
		&state.TaskEnded{Attempt: attempt(ref(1, 0), 1), Next: api.TaskSucceeded})
	before := c.st.Nodes["n1"].Version
	c.apply(&state.NodeRemoved{Node: "n1"}, register("n1"))
	if after := c.st.Nodes["n1"].Version; after <= before {
		t.Fatalf("version %d follows %d", after, before)
	}
}

// TestTakenBack: the success of an attempt that was given up makes it the one that
// counts, at its node; the other one may still report.
func TestTakenBack(t *testing.T) {
	c := newCell(t)
	c.apply(register("n1"), register("n2"), job(1, "a", 1), place(ref(1, 0), 1, "n1"),
		&state.TasksLost{Node: "n1", Refs: []api.TaskRef{ref(1, 0)}, Next: api.TaskPending},
		place(ref(1, 0), 2, "n2"),
		&state.TaskEnded{Attempt: attempt(ref(1, 0), 1), N: 3, Next: api.TaskSucceeded, Result: &api.Result{Wall: api.Second}})
	_, task := c.st.Task(ref(1, 0))
	if task.Node != "n1" || task.Try != 1 || task.LostNode != "n2" || task.LostTry != 2 || len(c.st.Nodes["n2"].Held) != 0 {
		t.Fatalf("%+v", task)
	}
	late := &state.ReportDuplicate{Attempt: attempt(ref(1, 0), 2), N: 1}
	if c.apply(late); task.LostTry != 0 || c.st.Totals.Duplicates != 1 {
		t.Fatalf("%+v", task)
	}
}

// TestRevisions: a roll-back adopts what is made from the same tasks; what no
// element needs is dropped beyond MaxPast, what one needs is kept.
func TestRevisions(t *testing.T) {
	c := newCell(t)
	c.apply(register("n1"), service(1, "1"), &state.ReplicasAdded{ID: 1, Count: 2}, place(ref(1, 0), 1, "n1"))
	c.apply(&state.RevisionStable{ID: 1, Revision: 1}, &state.WorkloadRevised{ID: 1, Spec: serviceSpec("2")})
	w := c.st.Workloads[1]
	_, task := c.st.Task(ref(1, 0))
	if w.SpecOf(task).Env["V"] != "1" || !w.Past[0].Stable {
		t.Fatalf("%+v", w.Past)
	}
	c.apply(&state.WorkloadRevised{ID: 1, Spec: serviceSpec("1"), Back: 1})
	if task.Revision != 3 || w.Stable != 3 || !w.Past[1].Bad {
		t.Fatalf("revision %d, stable %d, %+v", task.Revision, w.Stable, w.Past)
	}
	for i := range 3 * state.MaxPast {
		c.apply(&state.WorkloadRevised{ID: 1, Spec: serviceSpec(fmt.Sprint(i + 10))})
	}
	if len(w.Past) != state.MaxPast || w.SpecOf(task).Env["V"] != "1" || w.Past[0].Number != 3 {
		t.Fatalf("%d revisions are kept, the oldest is %d", len(w.Past), w.Past[0].Number)
	}
	c.apply(&state.TaskEnded{Attempt: attempt(ref(1, 0), 1), Next: api.TaskCancelled, Remove: true})
	if n := c.st.Nodes["n1"]; n.Used.CPU != 0 {
		t.Fatalf("cpu %v is used by nobody", n.Used.CPU)
	}
}

// TestSizesKeepTheirRevision: what an attempt asks for whose task was resized is that of
// its own revision, adopted and long gone by number, alive and restored.
func TestSizesKeepTheirRevision(t *testing.T) {
	spec := func(version string) *api.Workload {
		w := serviceSpec(version)
		w.Resize = &api.Resize{Mode: api.ResizeAuto}
		return w
	}
	c := newCell(t)
	c.apply(register("n1"), &state.WorkloadSubmitted{ID: 1, Spec: spec("1")}, &state.ReplicasAdded{ID: 1, Count: 1},
		&state.TaskResized{ID: 1, CPU: 500, Why: state.Need{Samples: 1}}, place(ref(1, 0), 1, "n1"),
		&state.WorkloadRevised{ID: 1, Spec: spec("2")}, &state.WorkloadRevised{ID: 1, Spec: spec("1"), Back: 1})
	for i := range 3 * state.MaxPast {
		c.apply(&state.WorkloadRevised{ID: 1, Spec: spec(fmt.Sprint(i + 10))})
	}
	for _, alive := range []string{"alive", "restored"} {
		w, task := c.st.Task(ref(1, 0))
		if got := w.SpecOf(task); got.Env["V"] != "1" || got.Resources.CPU != 500 {
			t.Fatalf("%s, it asks for %v of version %s", alive, got.Resources.CPU, got.Env["V"])
		}
		c.st.Restore()
	}
}

// TestReplicasComeAndGo: indexes are not used twice, gaps are found.
func TestReplicasComeAndGo(t *testing.T) {
	c := newCell(t)
	c.apply(service(1, "1"), &state.ReplicasAdded{ID: 1, Count: 4})
	for _, i := range []uint32{1, 0} {
		c.apply(&state.TaskEnded{Attempt: attempt(ref(1, i), 0), Next: api.TaskCancelled, Remove: true})
	}
	c.apply(&state.ReplicasAdded{ID: 1, First: 4, Count: 1})
	g := &c.st.Workloads[1].Groups[0]
	for i := range uint32(6) {
		got := g.Get(i)
		if want := i >= 2 && i < 5; (got != nil) != want || want && got.Ref.Index != i {
			t.Errorf("element %d: %v", i, got)
		}
	}
	if n := c.st.Workloads[1].Counts.Total(); n != 3 {
		t.Errorf("%d elements are counted", n)
	}
}

// TestKeys are remembered for a time, and not too many.
func TestKeys(t *testing.T) {
	c := newCell(t)
	s := c.st.Settings
	s.KeyMax, s.KeyFor = 3, api.Minute
	c.apply(&state.SettingsChanged{Settings: s})
	for i := range 5 {
		c.apply(&state.Answered{Key: fmt.Sprint("k", i), Answer: state.Answer{ID: uint64(i)}})
	}
	if _, known := c.st.Keys["k1"]; known || len(c.st.Keys) != 3 || c.st.Keys["k4"].ID != 4 {
		t.Fatalf("%v", c.st.Keys)
	}
	if err := c.st.Apply(c.st.Now.Add(2*api.Minute), &state.Answered{Key: "late"}); err != nil || len(c.st.Keys) != 1 || len(c.st.KeyOrder) != 1 {
		t.Fatalf("%v %v", c.st.Keys, err)
	}
}

// TestForgotten: finished workloads leave, in whatever order, with their names.
func TestForgotten(t *testing.T) {
	c := newCell(t)
	for i := range uint64(4) {
		c.apply(job(i+1, fmt.Sprint("j", i), 1), &state.WorkloadStopping{ID: i + 1, Final: api.WorkloadCancelled}, &state.WorkloadFinished{ID: i + 1, Status: api.WorkloadCancelled})
	}
	c.apply(&state.WorkloadForgotten{IDs: []uint64{3}})
	c.apply(&state.WorkloadForgotten{IDs: []uint64{1, 99}})
	if load := c.st.Load(); load != (state.Load{}) {
		t.Errorf("the load is %+v; all elements were cancelled", load)
	}
	if len(c.st.Finished) != 2 || c.st.Finished[0].ID != 2 || c.st.Named("t", "j2") != nil || c.st.Named("t", "j1") == nil {
		t.Fatalf("%+v", c.st.Finished)
	}
}

// TestRestored: what is derived is the same after a snapshot.
func TestRestored(t *testing.T) {
	c := newCell(t)
	c.apply(register("n1"), job(1, "a", 3), place(ref(1, 1), 1, "n1"), job(2, "a", 1))
	w, n := c.st.Workloads[1], c.st.Nodes["n1"]
	counts, used, load := w.Counts, n.Used, c.st.Load()
	c.st.Restore()
	if load != (state.Load{Pending: 3, Held: 1}) || c.st.Load() != load {
		t.Errorf("the load was %+v and is %+v", load, c.st.Load())
	}
	if w.Counts != counts || n.Used.CPU != used.CPU || len(n.Held) != 1 || c.st.Named("t", "a").ID != 2 {
		t.Fatalf("%+v, %+v", w.Counts, n.Used)
	}
}

// TestStoodStill: of an attempt that is suspended again and again the last times are kept,
// and how long they all were; another attempt begins without them.
func TestStoodStill(t *testing.T) {
	c := newCell(t)
	c.apply(register("n1"), job(1, "a", 1), place(ref(1, 0), 1, "n1"), &state.TaskStarted{Attempt: attempt(ref(1, 0), 1)})
	const times = state.MaxStills + 3
	hold, goOn := &state.TaskSuspended{Attempt: attempt(ref(1, 0), 1)}, &state.TaskSuspended{Attempt: attempt(ref(1, 0), 1), Resumed: true}
	c.apply(hold)
	first := c.st.Now
	c.apply(goOn)
	for range times - 1 {
		c.apply(hold, goOn) // each a moment long, a moment apart
	}
	_, e := c.st.Task(ref(1, 0))
	all := e.Stills.All()
	if n := len(all); n != state.MaxStills || all[0].From != first+2*3 || all[n-1].To != c.st.Now || e.Stood != times {
		t.Fatalf("%d times are kept, from %v, in all %d", n, all[0], e.Stood)
	}
	c.apply(&state.TaskEnded{Attempt: attempt(ref(1, 0), 1), Next: api.TaskPending}, place(ref(1, 0), 2, "n1"))
	if _, e = c.st.Task(ref(1, 0)); len(e.Stills.All()) != 0 || e.Stood != 0 {
		t.Errorf("the second attempt stood still %v", e.Stills)
	}
}

// TestDependencies are resolved by name, once.
func TestDependencies(t *testing.T) {
	c := newCell(t)
	c.apply(&state.WorkloadSubmitted{ID: 1, Spec: &api.Workload{Kind: api.KindJob, Name: "dag", Tasks: []api.Task{
		{Name: "last", After: []string{"left", "right"}}, {Name: "left"}, {Name: "right", Count: 2},
	}}})
	w := c.st.Workloads[1]
	if got := fmt.Sprint(w.After(0), w.After(1)); got != "[1 2] []" {
		t.Fatal(got)
	}
	if _, last := c.st.Task(ref(1, 0)); last.Status != api.TaskWaiting || w.Done(1) {
		t.Fatalf("%v", last.Status)
	}
	for i := range uint32(2) {
		r := api.TaskRef{Workload: 1, Task: 2, Index: i}
		c.apply(&state.TaskEnded{Attempt: attempt(r, 0), Next: api.TaskSucceeded})
	}
	if !w.Done(2) {
		t.Fatal("all elements have succeeded, the task has not")
	}
}
