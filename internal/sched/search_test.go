package sched_test

import (
	"fmt"
	"reflect"
	"slices"
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
		searching, scoring := sched.New(), sched.New()
		searching.Use("", mine, nil)
		scoring.Use("", mine, nil)
		searching.Shelve(rapid.SampledFrom([]int{1, 1000}).Draw(t, "large"))
		var nodes []api.Node
		for i := range rapid.IntRange(1, 150).Draw(t, "nodes") {
			nodes = append(nodes, drawKind(t, i))
		}
		for _, n := range nodes {
			searching.PutNode(n)
		}
		for i := range nodes {
			scoring.PutNode(nodes[len(nodes)-1-i])
		}
		var held []func()
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(held) > 0 && rapid.IntRange(0, 3).Draw(t, "leave") == 0 {
				k := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				held[k]()
				held = slices.Delete(held, k, k+1)
			}
			if rapid.IntRange(0, 9).Draw(t, "change") == 0 {
				change(t, drawKind(t, rapid.IntRange(0, len(nodes)-1).Draw(t, "node")), searching, scoring)
			}
			a := askOf(drawTask(t))
			a.Strategy = rapid.SampledFrom([]string{"", "least-connections", "mine", "busier", "best-fit", "backed-packing"}).Draw(t, "strategy")
			a.Spread = rapid.Bool().Draw(t, "spread")
			ref := api.TaskRef{Workload: uint64(rapid.IntRange(1, 3).Draw(t, "workload")), Index: uint32(i)}
			searching.Refresh()
			d, devices := searching.Decide(ref, a, 0)
			searching.Rest()
			if e, other := scoring.Decide(ref, a, 0); !reflect.DeepEqual(d, e) || !reflect.DeepEqual(devices, other) {
				t.Fatalf("searching chooses\n%+v\nscoring every node\n%+v", show(d), show(e))
			}
			if d.Chosen == nil {
				continue
			}
			on := d.Chosen.Node
			searching.Hold(on, ref, a, devices)
			scoring.Hold(on, ref, a, devices)
			held = append(held, func() {
				searching.Release(on, ref, a, devices)
				scoring.Release(on, ref, a, devices)
			})
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
