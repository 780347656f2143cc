package sched_test

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

func shareOf(count api.Milli) api.Task {
	return api.Task{Resources: api.Resources{Accelerators: []api.Accelerator{{Kind: "gpu", Count: count}}}}
}

// TestRemnants: a share goes where what is left fits those that are typical, though
// another device would be left with less.
func TestRemnants(t *testing.T) {
	for _, c := range []struct {
		name     string
		expected []api.Milli // shares, each as frequent
		ask      api.Milli
		want     string
	}{
		// 600 are free of a's device, 800 of b's. With 300 and 500 alike frequent, 600 can
		// take two of 300, and a 500 would waste 100; 800 take both.
		{"500 where 300 fit beside it", []api.Milli{300, 500}, 500, "b"},
		{"nothing would fit beside it", []api.Milli{500}, 500, "a"},
		{"600 fill 600", []api.Milli{600, 400}, 600, "a"},
		{"nothing is shared: the fuller node", []api.Milli{1000}, 500, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			gpu := func(n *api.Node) {
				n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: 1000}}
			}
			x := index(node("a", gpu), node("b", gpu))
			for name, taken := range map[string]api.Milli{"a": 400, "b": 200} {
				x.Hold(name, api.TaskRef{Workload: uint64(taken)}, askOf(shareOf(taken)), []api.DeviceShare{{Share: taken}})
			}
			var expected []api.Task
			for _, n := range c.expected {
				expected = append(expected, shareOf(n))
			}
			x.Expect(expected)
			whole := &api.Strategy{Name: "whole", Terms: []api.StrategyTerm{{Term: "remnant", Weight: 16}, {Term: "fit", Weight: 1}}}
			x.Use("", map[string]*api.Strategy{"whole": whole}, nil)
			if got := fill(x, "whole", 1, shareOf(c.ask)); len(got) != 1 || got[0] != c.want {
				t.Errorf("goes to %v, want %s", got, c.want)
			}
		})
	}
}

// TestWorth: a whole device is worth 1, more room is never worth less, and two rooms
// are never worth more than one of their sum.
func TestWorth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tasks []api.Task
		for range rapid.IntRange(1, 20).Draw(t, "tasks") {
			tasks = append(tasks, shareOf(rapid.SampledFrom([]api.Milli{50, 110, 160, 230, 320, 470, 500, 590, 650, 810, 985}).Draw(t, "share")))
		}
		w := sched.Worth(tasks, "gpu")
		if w[0] != 0 || w[100] != 1<<20 {
			t.Fatalf("nothing is worth %d, a device %d", w[0], w[100])
		}
		for a := range w {
			for b := range len(w) - a {
				if w[a]+w[b] > w[a+b]+1 { // rounded down one by one
					t.Fatalf("%d and %d of a hundred are worth %d and %d, together %d", a, b, w[a], w[b], w[a+b])
				}
			}
		}
	})
}
