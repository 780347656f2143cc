package sched_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestSpreadWaitsForTheFewest: one that is to be spread evenly over two full sites waits. One
// of its kind leaves the first site, and others take the room; so the second is one ahead, and
// room there is of no use. Once the first site has as many again, it is.
func TestSpreadWaitsForTheFewest(t *testing.T) {
	x, there := sched.New(), crowd{}
	x.Count(there.census)
	for _, name := range []string{"a", "b"} {
		x.PutNode(node(name, func(n *api.Node) { n.Site, n.Capacity.CPU = name, 2 }))
	}
	last := uint32(0)
	come := func(a *sched.Ask, on string) (leave func()) {
		last++
		ref := api.TaskRef{Workload: 1, Index: last}
		there.list = append(there.list, placedAsk{a, ref, on})
		x.Hold(on, ref, a, nil)
		return func() {
			for i := range there.list {
				if there.list[i].ref == ref {
					there.list = append(there.list[:i], there.list[i+1:]...)
					break
				}
			}
			x.Release(on, ref, a, nil)
		}
	}
	web, other := member("web", api.Requirements{Spread: []api.Spread{{Over: "site", Skew: 1}}}), member("other", api.Requirements{})
	webAtA := come(web, "a")
	come(web, "b")
	otherAtA, otherAtB := come(other, "a"), come(other, "b")
	x.Push(sched.Item{Ref: api.TaskRef{Workload: 2}, Ask: web})
	step := func(fits bool) {
		t.Helper()
		x.Refresh()
		it, ready := x.Next()
		if ready {
			if d, _ := x.Decide(it.Ref, it.Ask, 0); (d.Chosen != nil) != fits {
				t.Errorf("decided %s", show(d))
			}
			x.Block(it.Ask.Shape)
		}
		if x.Rest(); fits && !ready {
			t.Error("it waits on")
		}
	}
	step(false)
	webAtA()
	another := come(other, "a")
	step(false)
	otherAtB()
	step(false)
	otherAtA()
	another()
	come(web, "a")
	come(other, "a")
	step(true)
}
