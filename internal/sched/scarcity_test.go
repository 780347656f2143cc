package sched_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestScarceModels: who can run anywhere leaves the model that others need, as long
// as somebody is expected to need it.
func TestScarceModels(t *testing.T) {
	with := func(models []string, cpu api.Milli, devices api.Milli) func(*api.Node) {
		return func(n *api.Node) {
			n.Capacity.CPU = cpu
			for _, m := range models {
				n.Capacity.Accelerators = append(n.Capacity.Accelerators, api.Accelerator{Kind: "gpu", Models: []string{m}, Count: devices})
			}
		}
	}
	asks := func(models ...string) api.Task {
		return api.Task{Resources: api.Resources{CPU: 500, Accelerators: []api.Accelerator{{Kind: "gpu", Models: models, Count: 1000}}}}
	}
	any, picky := asks(), asks("t4")
	for _, c := range []struct {
		name     string
		nodes    []api.Node
		expected []api.Task
		task     api.Task
		want     string
	}{
		{"nobody names a model: the fuller node", nil, []api.Task{any}, any, "small"},
		{"every other names the scarce one", nil, []api.Task{any, picky}, any, "large"},
		{"who names it has it", nil, []api.Task{any, picky}, picky, "small"},
		{"a model that no node has is not scarce", nil, []api.Task{any, asks("a100")}, any, "small"},
		{"all models are named alike", nil, []api.Task{asks("t4", "g2"), any}, any, "small"},
		{
			"a node with both kinds is as good as its commoner one",
			[]api.Node{node("both", with([]string{"g2", "t4"}, 2000, 1000))},
			[]api.Task{any, picky},
			any, "both",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := index(append(c.nodes, node("small", with([]string{"t4"}, 4000, 1000)), node("large", with([]string{"g2"}, 8000, 4000)))...)
			leave := &api.Strategy{Name: "leave", Terms: []api.StrategyTerm{{Term: "scarcity", Weight: 1}, {Term: "fit", Weight: 1}}}
			x.Use("", map[string]*api.Strategy{"leave": leave}, nil)
			x.Expect(c.expected)
			if got := fill(x, "leave", 1, c.task); got[0] != c.want {
				t.Errorf("goes to %s, want %s", got[0], c.want)
			}
		})
	}
}

// TestSuppliesFollowNodes: what is known of the devices of each model after nodes
// have come, changed and gone is what an index of those that are left knows.
func TestSuppliesFollowNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, left := sched.New(), map[string]api.Node{}
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			name := fmt.Sprintf("n%d", rapid.IntRange(0, 5).Draw(t, "node"))
			if rapid.IntRange(0, 3).Draw(t, "leaves") == 0 {
				x.RemoveNode(name)
				delete(left, name)
				continue
			}
			left[name] = node(name, func(n *api.Node) {
				for _, m := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "models") {
					n.Capacity.Accelerators = append(n.Capacity.Accelerators, api.Accelerator{Kind: "gpu", Models: []string{m}, Count: 2000})
				}
			})
			x.PutNode(left[name])
		}
		y := sched.New()
		for _, n := range left {
			y.PutNode(n)
		}
		if got, want := fmt.Sprint(x.Supplies()), fmt.Sprint(y.Supplies()); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}
