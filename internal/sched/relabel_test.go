package sched_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestNamesDoNotMatter gives the nodes of a cell other names, in another order, and
// lets both cells go through the same history: every decision has the same scores
// and the same reasons, and the same terms where the same node is taken. Which of
// two nodes of one score is taken is what names may decide, and the other cell
// follows.
func TestNamesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 80).Draw(t, "nodes")
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		order = rapid.Permutation(order).Draw(t, "order")
		x, y, other := sched.New(), sched.New(), map[string]string{}
		for i := range n {
			a := drawKind(t, i)
			b := a
			b.Name = fmt.Sprintf("m%03d", order[i])
			other[a.Name] = b.Name
			x.PutNode(a)
			y.PutNode(b)
		}
		for i := range rapid.IntRange(1, 40).Draw(t, "tasks") {
			a := askOf(drawTask(t))
			a.Strategy = rapid.SampledFrom([]string{"", "least-connections", "best-fit", "worst-fit", "dot-product"}).Draw(t, "strategy")
			a.Spread = rapid.Bool().Draw(t, "spread")
			ref := api.TaskRef{Workload: uint64(rapid.IntRange(1, 3).Draw(t, "workload")), Index: uint32(i)}
			x.Refresh()
			y.Refresh()
			d, devices := x.Decide(ref, a, 0)
			e, _ := y.Decide(ref, a, 0)
			same := d.Chosen == nil || e.Chosen != nil && e.Chosen.Node == other[d.Chosen.Node]
			if a, b := nameless(d, same), nameless(e, same); !reflect.DeepEqual(a, b) {
				t.Fatalf("under other names\n%+v\nbecomes\n%+v", a, b)
			}
			x.Rest()
			y.Rest()
			if d.Chosen != nil {
				x.Hold(d.Chosen.Node, ref, a, devices)
				y.Hold(other[d.Chosen.Node], ref, a, devices)
			}
		}
	})
}

// nameless is what a decision says without the names of nodes, and without what
// only the chosen one has, unless that is asked for.
func nameless(d api.Decision, chosen bool) (out []any) {
	if d.Chosen != nil {
		out = append(out, d.Chosen.Score)
	}
	if d.Chosen != nil && chosen {
		out = append(out, d.Chosen.Terms, d.Transfer, d.Run, d.Return)
	}
	for _, c := range d.RunnersUp {
		out = append(out, c.Score)
	}
	return append(out, d.Reasons, d.Nodes)
}
