package sched_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestSearchFindsWhatScoringAllFinds lets random tasks come and go on random nodes
// and compares every decision with that of an index which scores every node, and
// with that of one whose nodes came in another order.
func TestSearchFindsWhatScoringAllFinds(t *testing.T) {
	mine := map[string]*api.Strategy{
		"mine":   {Name: "mine", Terms: []api.StrategyTerm{{Term: "packing", Weight: -2}, {Term: "latency", Weight: 1}}},
		"busier": {Name: "busier", Terms: []api.StrategyTerm{{Term: "tasks", Weight: -1}}},
	}
	rapid.Check(t, func(t *rapid.T) {
		p := newPair()
		p.searching.Use("", mine, nil)
		p.scoring.Use("", mine, nil)
		p.searching.Bound(rapid.SampledFrom([]int{1, 1000}).Draw(t, "large"), 64)
		var nodes []api.Node
		for i := range rapid.IntRange(1, 150).Draw(t, "nodes") {
			nodes = append(nodes, drawKind(t, i))
		}
		for _, n := range nodes {
			p.searching.PutNode(n)
		}
		for i := range nodes {
			p.scoring.PutNode(nodes[len(nodes)-1-i])
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			p.leave(t, 4)
			if rapid.IntRange(0, 9).Draw(t, "change") == 0 {
				change(t, drawKind(t, rapid.IntRange(0, len(nodes)-1).Draw(t, "node")), p.both()...)
			}
			a := askOf(drawTask(t))
			a.Strategy = rapid.SampledFrom([]string{"", "least-connections", "mine", "busier", "best-fit", "backed-packing"}).Draw(t, "strategy")
			a.Spread = rapid.Bool().Draw(t, "spread")
			p.place(t, api.TaskRef{Workload: uint64(rapid.IntRange(1, 3).Draw(t, "workload")), Index: uint32(i)}, a)
		}
	})
}

// drawKind makes a node of one of few kinds, so that there are many equal ones.
func drawKind(t *rapid.T, i int) api.Node {
	return node(fmt.Sprintf("n%03d", i), func(n *api.Node) {
		n.Layer = "edge"
		n.Site = rapid.SampledFrom([]string{"s1", "s1", "s2"}).Draw(t, "site")
		n.Labels = map[string]string{"k": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "label")}
		n.Capacity = api.Resources{CPU: rapid.SampledFrom([]api.Milli{4, 12}).Draw(t, "cpu"), Memory: 12}
		if rapid.IntRange(0, 9).Draw(t, "gpu") == 0 {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"x"}, Count: 2000}}
		}
		if rapid.IntRange(0, 9).Draw(t, "tainted") == 0 {
			n.Taints = []api.Taint{{Key: "t", Effect: api.Avoid}}
		}
	})
}

func change(t *rapid.T, n api.Node, list ...*sched.Index) {
	open := rapid.Bool().Draw(t, "open")
	for _, x := range list {
		if x.PutNode(n); !open {
			x.SetOpen(n.Name, false, "draining")
		}
	}
}

func show(d api.Decision) string {
	out := fmt.Sprintf("%s %v", d.Strategy, d.Reasons)
	if d.Chosen != nil {
		out += fmt.Sprintf("\n  %+v", *d.Chosen)
	}
	for _, c := range d.RunnersUp {
		out += fmt.Sprintf("\n  %+v", c)
	}
	return out
}
