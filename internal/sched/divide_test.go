package sched_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestDividedSearchFindsWhatScoringAllFinds lets tasks come and go that may only go to
// nodes of some zones, by their requirements or by relations to each other, while nodes
// change their zones, and compares a search that keeps to these zones with one that
// scores every node.
func TestDividedSearchFindsWhatScoringAllFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair()
		there := &crowd{}
		n := rapid.IntRange(20, 120).Draw(t, "nodes")
		for _, x := range p.both() {
			x.Count(there.census)
		}
		for i := range n {
			change(t, drawZone(t, i), p.both()...)
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			p.leave(t, 4)
			if rapid.IntRange(0, 5).Draw(t, "change") == 0 {
				change(t, drawZone(t, rapid.IntRange(0, n-1).Draw(t, "node")), p.both()...)
			}
			a, ref := drawDivided(t, i), api.TaskRef{Workload: uint64(rapid.IntRange(1, 9).Draw(t, "number")), Index: uint32(i)}
			on := p.place(t, ref, a)
			if on == "" {
				continue
			}
			there.list = append(there.list, placedAsk{a, ref, on})
			release := p.held[len(p.held)-1]
			p.held[len(p.held)-1] = func() {
				there.list = slices.DeleteFunc(there.list, func(p placedAsk) bool { return p.ref == ref })
				release()
			}
		}
	})
}

// manyLabels are more than classes are divided by at once.
const manyLabels = 10

// drawZone makes a node of one size in one of some zones, or of none.
func drawZone(t *rapid.T, i int) api.Node {
	return node(fmt.Sprintf("n%03d", i), func(n *api.Node) {
		n.Labels = map[string]string{"rack": fmt.Sprint(i % 3)}
		if zone := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", ""}).Draw(t, "zone"); zone != "" {
			n.Labels["zone"] = zone
		}
		for k := range manyLabels {
			n.Labels[fmt.Sprint("by", k)] = fmt.Sprint(i % 5)
		}
		if i%7 == 0 && rapid.IntRange(0, 50).Draw(t, "odd") == 0 {
			n.Labels["zone"] = fmt.Sprint("zone ", rapid.IntRange(0, 1<<20).Draw(t, "zone number"))
		}
	})
}

// drawDivided makes a task that may go to some zones only, in one way or several.
func drawDivided(t *rapid.T, i int) *sched.Ask {
	task := api.Task{Name: "main", Resources: api.Resources{CPU: rapid.SampledFrom([]api.Milli{0, 500, 1000, 1900}).Draw(t, "cpu"), Memory: api.GiB}}
	q, some := &task.Requires, func(name string) bool { return rapid.IntRange(0, 2).Draw(t, name) == 0 }
	if some("label") {
		q.Labels = map[string]string{"zone": rapid.SampledFrom([]string{"a", "b", "none"}).Draw(t, "value")}
	}
	if some("affinity") {
		q.Affinity = []api.Expression{{Key: "zone", Op: api.OpIn, Values: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "none"}), 1, 3).Draw(t, "values")}}
	}
	if some("near") {
		q.Near = []api.Relation{{Within: rapid.SampledFrom([]string{"zone", "rack", api.WithinNode, fmt.Sprint("by", i%manyLabels)}).Draw(t, "near within")}}
	}
	if some("spread") {
		q.Spread = []api.Spread{{Over: "zone", Skew: 1}}
	}
	a := askOf(task)
	a.Workload = rapid.SampledFrom([]string{"w1", "w2", "w3"}).Draw(t, "workload")
	a.Strategy = rapid.SampledFrom([]string{"", "least-connections", "worst-fit"}).Draw(t, "strategy")
	a.Static = a.Shape
	a.Shape = sched.TiedShape(a.Shape, a)
	return a
}
