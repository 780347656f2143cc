package sched_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestGangsWakeWhenTheyFit lets random elements come and go, and nodes open and
// close, while gangs with relations wait. Whoever explains between Steps must say
// the same as the Step: a gang fits exactly when it is seated, and one that waits
// though it fits was not woken.
func TestGangsWakeWhenTheyFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, there := sched.New(), crowd{}
		x.Count(there.census)
		size := rapid.IntRange(1, 6).Draw(t, "nodes")
		put := func(i int) {
			x.PutNode(node(fmt.Sprint("n", i), func(n *api.Node) {
				n.Site = rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "site")
				n.Capacity.CPU = rapid.SampledFrom([]api.Milli{1, 2, 4}).Draw(t, "cpu")
				if r := rapid.IntRange(0, 3).Draw(t, "rack"); r > 0 {
					n.Labels = map[string]string{"rack": fmt.Sprint(r)}
				}
			}))
		}
		for i := range size {
			put(i)
		}
		var gangs []*sched.Ask
		for i := range 3 {
			a := member(rapid.SampledFrom([]string{"web", "db", "dx"}).Draw(t, "who"), drawRelations(t))
			a.Gang = rapid.IntRange(2, 3).Draw(t, "gang")
			a.Within = rapid.SampledFrom([]string{"", "", "site", "rack"}).Draw(t, "gang within")
			a.Static = fmt.Sprint(a.Static, "|", i)
			a.Shape = sched.TiedShape(a.Static, a)
			gangs = append(gangs, a)
			x.Push(sched.Item{Ref: api.TaskRef{Workload: uint64(i)}, Gang: make([]api.TaskRef, a.Gang), Ask: a})
		}
		fitted := map[string]bool{}
		for step := range rapid.IntRange(1, 20).Draw(t, "steps") {
			x.Refresh()
			woken := map[string]bool{}
			for it, ok := x.Next(); ok; it, ok = x.Next() {
				woken[it.Ask.Shape] = true
				x.Block(it.Ask.Shape)
			}
			seated := map[string]bool{}
			for _, a := range gangs {
				if seated[a.Shape] = x.FitsWhole(a); a.Seated() && seated[a.Shape] != (len(x.Rooms(api.TaskRef{}, a)) > 0) {
					t.Fatalf("%+v fits as a whole: %v, but is seated otherwise", a.Task.Requires, seated[a.Shape])
				}
			}
			x.Rest()
			for _, a := range gangs {
				fits := x.FitsWhole(a)
				if fits != seated[a.Shape] {
					t.Fatalf("%+v fits as a whole: %v, within the Step %v", a.Task.Requires, fits, seated[a.Shape])
				}
				if fits && !fitted[a.Shape] && !woken[a.Shape] {
					t.Fatalf("%+v (%d within %q) fits now, but was not woken", a.Task.Requires, a.Gang, a.Within)
				}
				fitted[a.Shape] = fits
			}
			on := rapid.IntRange(0, size-1).Draw(t, "on")
			switch what := rapid.IntRange(0, 7).Draw(t, "what"); {
			case what == 0:
				x.SetOpen(fmt.Sprint("n", on), rapid.Bool().Draw(t, "open"), "draining")
			case what == 1:
				put(on)
			case what < 5 && len(there.list) > 0:
				k := rapid.IntRange(0, len(there.list)-1).Draw(t, "which")
				p := there.list[k]
				there.list = slices.Delete(there.list, k, k+1)
				x.Release(p.node, p.ref, p.ask, nil)
			default:
				a := member(rapid.SampledFrom([]string{"web", "db", "dx", "other"}).Draw(t, "comes"), api.Requirements{})
				p := placedAsk{a, api.TaskRef{Workload: 100 + uint64(step)}, fmt.Sprint("n", on)}
				there.list = append(there.list, p)
				x.Hold(p.node, p.ref, a, nil)
			}
		}
	})
}
