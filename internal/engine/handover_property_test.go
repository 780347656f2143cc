package engine_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// family is a hub with two children and everything that is between them: what
// was fetched and not accepted yet, and reports on their way, which may be lost,
// repeated and reordered. A child may forget what it was fetching at any time.
type family struct {
	t        *rapid.T
	hub      *world
	children map[string]*child
	names    []string
	mail     []*engine.Handovers
	accepted map[uint64]api.HandoverID // by the hub's number: what some child has accepted
	made     int
}

type child struct {
	world  *world
	taking map[api.HandoverID]*engine.Accept
}

func newFamily(t *rapid.T) *family {
	f := &family{t: t, hub: newWorld(engine.MaxBatch), children: map[string]*child{}, names: []string{"mine", "plant"}, accepted: map[uint64]api.HandoverID{}}
	f.hub.step(t, &engine.Lead{Epoch: 1, Server: "hub"})
	for _, name := range f.names {
		c := &child{world: newWorld(engine.MaxBatch), taking: map[api.HandoverID]*engine.Accept{}}
		f.children[name] = c
		node := nodeOf("node-of-"+name, 2000)
		node.Site, node.Layer = "hall", api.LayerEdge
		c.world.step(t, &engine.Lead{Epoch: 1, Server: name}, &engine.Register{Node: node})
		f.hub.step(t, &engine.CellHello{Cell: api.Cell{Name: name, Sites: []string{"hall"}, Layers: []api.Layer{api.LayerEdge}}})
	}
	return f
}

// pull is one look of a child at the hub's set.
func (f *family) pull(name string) {
	c := f.children[name]
	set := control.HandoverSet(f.hub.engine.State(), "hub", name, 0, 1000)
	todo := control.Forwards(c.world.engine.State(), "hub", set.Items, func(id api.HandoverID) bool { return c.taking[id] != nil })
	for _, item := range todo.Fetch {
		spec := control.HandoverSpec(f.hub.engine.State(), f.hub.now, name, item.ID)
		c.taking[item.ID] = &engine.Accept{ID: spec.ID, Asked: spec.Asked, Workload: spec.Workload}
	}
	f.step(c.world, todo.Do...)
}

// take ends what a child was fetching.
func (f *family) take(name string, forget bool) {
	c := f.children[name]
	for _, id := range sortedIDs(c.taking) {
		in := c.taking[id]
		delete(c.taking, id)
		if !forget {
			f.step(c.world, in)
		}
	}
}

func (f *family) step(w *world, in ...engine.Input) {
	w.step(f.t, in...)
	w.settle(f.t)
	f.check()
}

// work ends some of a child's tasks.
func (f *family) work(name string, all bool) {
	w := f.children[name].world
	st := w.engine.State()
	for _, node := range st.SortedNodes() {
		for i, task := range st.Nodes[node].SortedHeld() {
			if !all && i > 0 {
				break
			}
			r := api.Report{Attempt: api.Attempt{TaskRef: task.Ref, Try: task.Try}, N: task.Reported + 1, Kind: api.ReportEnded, Result: &api.Result{}}
			if task.Stop != state.StopNothing {
				r.Result.Outcome = api.OutcomeStopped
			}
			f.step(w, &engine.Reports{Node: node, Reports: []api.Report{r}})
		}
	}
}

// check: at any time at most one child has accepted a workload, under one offer,
// and the hub takes none back that was accepted.
func (f *family) check() {
	for _, name := range f.names {
		st := f.children[name].world.engine.State()
		for _, id := range st.Origins() {
			at := st.Workloads[id].Origin.ID
			if was, known := f.accepted[at.Workload]; known && was != at {
				f.t.Fatalf("workload %d was accepted as %v and as %v", at.Workload, was, at)
			}
			f.accepted[at.Workload] = at
		}
	}
	st := f.hub.engine.State()
	for workload, at := range f.accepted {
		w := st.Workloads[workload]
		if w == nil || w.Handover == nil || w.Handover.Attempt != at.Attempt || w.Handover.Stand == state.Refused {
			f.t.Fatalf("%v was accepted; the hub holds it as %+v", at, w)
		}
	}
	if st.Totals.Placed > 0 {
		f.t.Fatal("the hub runs something itself")
	}
}

func (f *family) deliver(i int, keep bool) {
	m := f.mail[i]
	if !keep {
		f.mail = append(f.mail[:i:i], f.mail[i+1:]...)
	}
	f.step(f.hub, decodeAll(f.t, encodeAll(f.t, []engine.Input{m}))...)
}

func (f *family) report(name string) {
	w := f.children[name].world
	if r := reportsOf(w.engine, name, uint64(len(w.history))); len(r.Reports) > 0 {
		f.mail = append(f.mail, r)
	}
}

func (f *family) submit(w *world, name string) {
	spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{{
		Name: "main", Driver: api.DriverNoop, Count: rapid.Int32Range(1, 3).Draw(f.t, "count"),
		Resources: api.Resources{CPU: api.Milli(rapid.SampledFrom([]int{500, 1500, 9000}).Draw(f.t, "cpu"))},
		Requires:  api.Requirements{Sites: []string{"hall"}},
	}}}
	spec.Normalize()
	f.step(w, &engine.Submit{Workload: spec})
}

func (f *family) act() {
	name := rapid.SampledFrom(f.names).Draw(f.t, "cell")
	switch rapid.IntRange(0, 13).Draw(f.t, "act") {
	case 0, 1:
		f.made++
		f.submit(f.hub, fmt.Sprint("w", f.made))
	case 2: // a name that the hub may use, too
		f.submit(f.children[name].world, fmt.Sprint("w", f.made+1))
	case 3:
		f.step(f.hub, &engine.Cancel{Tenant: "default", Name: fmt.Sprint("w", rapid.IntRange(1, max(f.made, 1)).Draw(f.t, "which"))})
	case 4, 5:
		f.pull(name)
	case 6, 7:
		f.take(name, false)
	case 8:
		f.take(name, true)
	case 9:
		f.work(name, false)
	case 10:
		f.report(name)
	case 11:
		if len(f.mail) > 0 {
			f.deliver(rapid.IntRange(0, len(f.mail)-1).Draw(f.t, "letter"), rapid.Bool().Draw(f.t, "again"))
		}
	case 12:
		f.step(f.hub, &engine.CellSilent{Cell: name})
	case 13:
		f.hub.now = f.hub.now.Add(api.Minute)
		f.step(f.hub, &engine.CellBack{Cell: name})
	}
}

// settle lets all that is left happen, without further faults.
func (f *family) settle() {
	for rounds := 0; rounds < 4 || rounds < 100 && f.open(); rounds++ {
		for _, name := range f.names {
			f.step(f.hub, &engine.CellBack{Cell: name})
			f.pull(name)
			f.take(name, false)
			f.work(name, true)
			f.report(name)
			for len(f.mail) > 0 {
				f.deliver(0, false)
			}
		}
	}
}

// open reports whether something that a child owns has not ended with the hub.
func (f *family) open() bool {
	for id := range f.accepted {
		if !f.hub.engine.State().Workloads[id].Status.Final() {
			return true
		}
	}
	return false
}

// TestOneOwner: whatever is lost, repeated and reordered, a workload has one
// owner, and in the end the hub knows what became of each.
func TestOneOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFamily(t)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			f.act()
		}
		f.settle()
		st := f.hub.engine.State()
		final := 0
		for _, id := range st.SortedWorkloads() {
			w := st.Workloads[id]
			at, owned := f.accepted[id]
			switch {
			case w.Status.Final():
				final++
			case owned:
				t.Errorf("%s is owned as %v and has not ended: %+v", w.Spec.Name, at, w.Handover)
			}
			for _, name := range f.names {
				if theirs := f.children[name].world.engine.State().Taken(at); owned && theirs != nil && (theirs.Status != w.Status || theirs.Counts != w.Counts) {
					t.Errorf("%s is %v %+v there, %v %+v here", w.Spec.Name, theirs.Status, theirs.Counts, w.Status, w.Counts)
				}
			}
		}
		if len(st.Workloads) != f.made {
			t.Errorf("%d workloads of %d are known, %d have ended", len(st.Workloads), f.made, final)
		}
	})
}

func sortedIDs(m map[api.HandoverID]*engine.Accept) []api.HandoverID {
	out := slices.Collect(maps.Keys(m))
	slices.SortFunc(out, func(a, b api.HandoverID) int { return cmp.Compare(a.Key(), b.Key()) })
	return out
}
