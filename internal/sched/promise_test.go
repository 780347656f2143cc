package sched_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// A promise is held against what its owner asks for now and against the node as it is
// now, as it would be by an index that was made anew.
func TestPromisesFollow(t *testing.T) {
	const until = api.Time(200 * api.Second)
	sized := func(cpu api.Milli, shape string) *sched.Ask {
		a := askOf(api.Task{Resources: api.Resources{CPU: cpu}})
		a.Hold, a.Shape = 100*api.Second, shape
		return a
	}
	of := func(cpu api.Milli) api.Node {
		return node("n", func(n *api.Node) { n.Capacity.CPU = cpu })
	}
	owner := api.TaskRef{Workload: 9}
	for name, tc := range map[string]struct {
		change func(x *sched.Index)
		stands bool
	}{
		"nothing changes": {func(*sched.Index) {}, true},
		"its owner asks for less": {func(x *sched.Index) {
			x.Drop(owner)
			x.Push(sched.Item{Ref: owner, Ask: sized(1000, "less")})
		}, true},
		"its owner asks for more than there is": {func(x *sched.Index) {
			x.Drop(owner)
			x.Push(sched.Item{Ref: owner, Ask: sized(8000, "more")})
		}, false},
		"the node comes again as it was": {func(x *sched.Index) {
			x.RemoveNode("n")
			x.PutNode(of(4000))
		}, true},
		"the node comes again with too little": {func(x *sched.Index) {
			x.RemoveNode("n")
			x.PutNode(of(1000))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := index(of(4000))
			x.Use("backfill", nil, nil)
			runs := api.TaskRef{Workload: 1}
			x.Hold("n", runs, sized(4000, "whole"), nil)
			x.Await("n", runs, sized(4000, "whole"), nil, 0, until)
			it := sched.Item{Ref: owner, Ask: sized(2000, "half")}
			x.Push(it)
			r, ok := x.Promise(&it, 0)
			if !ok || r.From != until {
				t.Fatalf("promised %+v, %v", r, ok)
			}
			r.ID = 1
			x.Reserve(r, it.Ask)
			tc.change(x)
			if got := x.Stands(1, 0); got != tc.stands {
				t.Errorf("the promise stands: %v, want %v", got, tc.stands)
			}
		})
	}
}
