package sched_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestNobodyIsOverlooked lets many shapes with relations wait, while tasks of theirs
// and others come and go, and nodes open, close and change. After every Step, an index
// that looks at all nodes must refuse each task that still waits; and within Steps,
// none is woken in vain.
func TestNobodyIsOverlooked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept, anew, there := sched.New(), sched.New(), crowd{}
		kept.Count(there.census)
		anew.Count(there.census)
		both := func(f func(x *sched.Index)) { f(kept); f(anew) }
		if rapid.Bool().Draw(t, "limited") {
			tenants := map[string]*api.Tenant{"default": {Name: "default", Limit: &api.Resources{CPU: rapid.SampledFrom([]api.Milli{3, 9}).Draw(t, "limit")}}}
			both(func(x *sched.Index) { x.Use("", nil, tenants) })
		}
		size := rapid.IntRange(1, 12).Draw(t, "nodes")
		for i := range size {
			n := drawSpot(t, i)
			both(func(x *sched.Index) { x.PutNode(n) })
		}
		waits := map[api.TaskRef]*sched.Ask{}
		for i := range rapid.IntRange(1, 30).Draw(t, "shapes") {
			q := drawRelations(t)
			if disk := rapid.IntRange(0, 4).Draw(t, "disk"); disk < 2 {
				q.Labels = map[string]string{"disk": fmt.Sprint(disk)}
			}
			a := member(rapid.SampledFrom([]string{"web", "db", "dx"}).Draw(t, "who"), q)
			a.Static += fmt.Sprint("|", i)
			a.Shape = sched.TiedShape(a.Static, a)
			for k := range rapid.IntRange(1, 4).Draw(t, "tasks") {
				ref := api.TaskRef{Workload: uint64(i), Index: uint32(k)}
				waits[ref] = a
				kept.Push(sched.Item{Ref: ref, Ask: a})
			}
		}
		place := func(ref api.TaskRef, a *sched.Ask, on string) {
			there.list = append(there.list, placedAsk{a, ref, on})
			both(func(x *sched.Index) { x.Hold(on, ref, a, nil) })
		}
		for step := range rapid.IntRange(1, 15).Draw(t, "steps") {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				stirIndexes(t, size, &there, both)
			}
			if on := rapid.IntRange(0, 2*size).Draw(t, "other"); on < size {
				place(api.TaskRef{Workload: 100, Index: uint32(step)}, member(rapid.SampledFrom([]string{"web", "db", "dx"}).Draw(t, "comes"), api.Requirements{}), fmt.Sprint("n", on))
			}
			stepAll(t, kept, waits, place)
			for ref, a := range waits {
				if d, _ := anew.Decide(ref, a, 0); d.Chosen != nil {
					t.Fatalf("%+v waits although it could go to %s", a.Task.Requires, d.Chosen.Node)
				}
			}
		}
	})
}

// stepAll places what fits, as the engine does.
func stepAll(t *rapid.T, x *sched.Index, waits map[api.TaskRef]*sched.Ask, place func(api.TaskRef, *sched.Ask, string)) {
	x.Refresh()
	x.Again()
	refused := map[string]int{} // by shape: how many had been placed then
	placed := 0
	for it, ok := x.Next(); ok; it, ok = x.Next() {
		d, _ := x.Decide(it.Ref, it.Ask, 0)
		if d.Chosen == nil {
			if before, again := refused[it.Ask.Shape]; again && before == placed {
				t.Fatalf("%+v was woken in vain", it.Ask.Task.Requires)
			}
			refused[it.Ask.Shape] = placed
			x.Block(it.Ask.Shape)
			continue
		}
		placed++
		x.Drop(it.Ref)
		delete(waits, it.Ref)
		place(it.Ref, it.Ask, d.Chosen.Node)
		x.Again()
	}
	x.Rest()
}

// stirIndexes ends a task, or opens, closes or changes a node.
func stirIndexes(t *rapid.T, size int, there *crowd, both func(func(*sched.Index))) {
	i := rapid.IntRange(0, size-1).Draw(t, "node")
	switch rapid.IntRange(0, 6).Draw(t, "what") {
	case 0:
		open := rapid.Bool().Draw(t, "open")
		both(func(x *sched.Index) { x.SetOpen(fmt.Sprint("n", i), open, "draining") })
	case 1:
		n := drawSpot(t, i)
		both(func(x *sched.Index) { x.PutNode(n) })
	default:
		if len(there.list) > 0 {
			k := rapid.IntRange(0, len(there.list)-1).Draw(t, "which")
			p := there.list[k]
			there.list = slices.Delete(there.list, k, k+1)
			both(func(x *sched.Index) { x.Release(p.node, p.ref, p.ask, nil) })
		}
	}
}

// drawSpot makes a small node somewhere.
func drawSpot(t *rapid.T, i int) api.Node {
	return node(fmt.Sprint("n", i), func(n *api.Node) {
		n.Site = rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(t, "site")
		n.Capacity.CPU = rapid.SampledFrom([]api.Milli{1, 2, 4}).Draw(t, "cpu")
		n.Labels = map[string]string{"disk": fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "disk"))}
		if r := rapid.IntRange(0, 4).Draw(t, "rack"); r > 0 {
			n.Labels["rack"] = fmt.Sprint(r)
		}
	})
}
