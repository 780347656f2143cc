package sched_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// fill lets n equal tasks be decided and held one after the other, and returns
// where they went.
func fill(x *sched.Index, strategy string, n int, t api.Task) (nodes []string) {
	a := askOf(t)
	a.Strategy = strategy
	for i := range n {
		ref := api.TaskRef{Workload: 1, Index: uint32(i)}
		d, devices := x.Decide(ref, a, 0)
		if d.Chosen == nil {
			break
		}
		x.Hold(d.Chosen.Node, ref, a, devices)
		nodes = append(nodes, d.Chosen.Node)
	}
	return nodes
}

// TestPlacing: what each strategy does with four tasks on three nodes, of which b
// is half the size of the others and c holds a task already.
func TestPlacing(t *testing.T) {
	half := func(n *api.Node) { n.Capacity.CPU, n.Capacity.Memory = 2000, 4*api.GiB }
	for name, want := range map[string]string{
		"round-robin":       "b c a b",
		"least-connections": "",
		"best-fit":          "b b c c", // b has least left until it is full, then c
		"worst-fit":         "a c a c",
	} {
		t.Run(name, func(t *testing.T) {
			x := index(node("a"), node("b", half), node("c"))
			x.Hold("c", api.TaskRef{Workload: 9}, askOf(api.Task{Resources: api.Resources{CPU: 500, Memory: api.GiB}}), nil)
			got := fill(x, name, 4, api.Task{Resources: api.Resources{CPU: 1000, Memory: 2 * api.GiB}})
			if name == "least-connections" {
				slices.Sort(got[:2]) // the two empty ones come first
				want = "a b " + strings.Join(got[2:], " ")
			}
			if strings.Join(got, " ") != want {
				t.Fatalf("%v, want %s", got, want)
			}
		})
	}
}

// TestSourceHash: tasks of one source stay together up to 1.25 times the mean
// load, and adding a node moves few sources.
func TestSourceHash(t *testing.T) {
	place := func(x *sched.Index, source string) string {
		a := askOf(api.Task{})
		a.Strategy, a.Workload = "source-hash", source
		return decide(x, a).Chosen.Node
	}
	nodes := []api.Node{node("a"), node("b"), node("c"), node("d")}
	small, large := index(nodes...), index(append(nodes, node("e"))...)
	moved := 0
	for i := range 200 {
		source := fmt.Sprint("source-", i)
		if from, to := place(small, source), place(large, source); from != to {
			moved++
			if to != "e" {
				t.Fatalf("%s moves from %s to %s, which is not new", source, from, to)
			}
		}
	}
	if moved < 20 || moved > 65 {
		t.Errorf("%d of 200 sources move to one new node of five", moved)
	}
	x, count := index(nodes...), map[string]int{}
	for i := range 100 {
		a := askOf(api.Task{})
		a.Strategy, a.Workload = "source-hash", "one"
		ref := api.TaskRef{Workload: uint64(i)}
		d, _ := x.Decide(ref, a, 0)
		x.Hold(d.Chosen.Node, ref, a, nil)
		count[d.Chosen.Node]++
	}
	for name, n := range count {
		if n > 32 { // 1.25 × 100/4, rounded up
			t.Errorf("node %s holds %d of 100", name, n)
		}
	}
}

// TestTwoChoices: two draws balance far better than one would, and the same task
// always draws the same pair.
func TestTwoChoices(t *testing.T) {
	var nodes []api.Node
	for i := range 50 {
		nodes = append(nodes, node(fmt.Sprintf("n%02d", i)))
	}
	count := map[string]int{}
	for _, name := range fill(index(nodes...), "random-two-choices", 1000, api.Task{}) {
		count[name]++
	}
	for name, n := range count {
		if n < 15 || n > 25 {
			t.Errorf("node %s holds %d of 1000, the mean is 20", name, n)
		}
	}
	x := index(nodes...)
	a := askOf(api.Task{})
	a.Strategy = "random-two-choices"
	if d, e := decide(x, a), decide(x, a); d.Chosen.Node != e.Chosen.Node || len(d.RunnersUp) != 1 {
		t.Errorf("%+v and %+v", d, e)
	}
}

// TestFragments: half devices fill the started one, and a task without need of
// devices keeps away from where they stand free.
func TestFragments(t *testing.T) {
	gpus := func(n *api.Node) {
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: 2000}}
	}
	half := api.Task{Resources: api.Resources{CPU: 500, Accelerators: []api.Accelerator{{Kind: "gpu", Count: 500}}}}
	whole := half
	whole.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 1000}}
	for _, name := range []string{"fragmentation-gradient", "backed-packing"} {
		x := index(node("a", gpus), node("b", gpus), node("c"))
		x.Expect([]api.Task{half, whole, whole})
		if got := fill(x, name, 2, half); got[0] != got[1] {
			t.Errorf("%s: two halves go to %v", name, got)
		}
		if got := fill(x, name, 3, api.Task{Resources: api.Resources{CPU: 1000}}); name == "backed-packing" && got[0] != "c" {
			t.Errorf("%s: a task without need of devices goes to %v", name, got)
		}
	}
}

// TestFaults: everything that is wrong with a declared strategy is said at once.
func TestFaults(t *testing.T) {
	bad := &api.Strategy{
		Name: "best-fit", Order: "fair", Ties: "last", Backfill: "easy", Planner: sched.PlannerCost,
		Terms: []api.StrategyTerm{{Term: "latncy", Weight: 1}, {Term: "packing", Weight: 5000}, {Term: "packing", Weight: 1}},
	}
	var got []string
	for _, f := range sched.Faults(bad) {
		got = append(got, f.Path)
	}
	want := []string{"terms[1].weight", "terms[2].term", "ties", "backfill", "name", "order", "terms[0].term"}
	if !slices.Equal(got, want) {
		t.Errorf("faults at %v, want %v", got, want)
	}
	good := &api.Strategy{Name: "mine", Terms: []api.StrategyTerm{{Term: "fit", Weight: 1}, {Term: "latency", Weight: 3}}}
	if f := sched.Faults(good); f != nil {
		t.Errorf("%v", f)
	}
}

// TestChoiceOfStrategy: the workload's goes before the tenant's, that before the
// cell's, and an unknown one counts as none.
func TestChoiceOfStrategy(t *testing.T) {
	x := index(node("a"))
	mine := &api.Strategy{Name: "mine", Terms: []api.StrategyTerm{{Term: "fit", Weight: 1}}}
	x.Use("mine", map[string]*api.Strategy{"mine": mine}, map[string]*api.Tenant{"red": {Name: "red", Strategy: "worst-fit"}})
	for _, c := range []struct{ workload, tenant, want string }{
		{"", "default", "mine"},
		{"", "red", "worst-fit"},
		{"round-robin", "red", "round-robin"},
		{"forgotten", "red", "worst-fit"},
		{"forgotten", "default", "mine"},
	} {
		a := askOf(api.Task{})
		a.Strategy, a.Tenant = c.workload, c.tenant
		if d := decide(x, a); d.Strategy != c.want {
			t.Errorf("%+v: decided by %s", c, d.Strategy)
		}
	}
}

// TestDocumented: every strategy, order and term says what it does.
func TestDocumented(t *testing.T) {
	for _, s := range sched.Strategies() {
		if s.Doc == "" || len(s.Terms) == 0 || s.Family == "" || !api.ValidName(s.Name) {
			t.Errorf("%+v", s)
		}
	}
	for _, n := range append(sched.Terms(), sched.Orders()...) {
		if n.Doc == "" || !api.ValidName(n.Name) {
			t.Errorf("%+v", n)
		}
	}
}
