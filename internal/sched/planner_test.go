package sched

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"drover.dev/api"
)

func forever() bool { return false }

// cluster is a random cell under a strategy: nodes of several speeds and sites.
func cluster(strategy string, seed uint64, nodes int) (*Index, *rand.Rand) {
	r := rand.New(rand.NewPCG(seed, 7))
	x := New()
	x.Use(strategy, nil, nil)
	x.PutSite(api.Site{Name: "a", Layer: api.LayerCloud, Links: []api.Link{{To: "b", RTT: 20 * api.Millisecond, Bandwidth: 100e6}}})
	x.SetHome("a")
	for i := range nodes {
		n := api.Node{
			Name: fmt.Sprintf("n%03d", i), Site: []string{"a", "b"}[r.IntN(2)], Layer: api.LayerCloud, Drivers: []string{api.DriverNoop},
			Speed: api.Milli(500 * (1 + r.IntN(6))), Capacity: api.Resources{CPU: api.Milli(2000 * (1 + r.IntN(4))), Memory: 8 * api.GiB},
		}
		if r.IntN(3) == 0 {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: 2000}}
		}
		x.PutNode(n)
	}
	return x, r
}

// waiting makes n tasks that wait.
func waiting(r *rand.Rand, n int) (items []Item) {
	for i := range n {
		task := &api.Task{Name: "t", Driver: api.DriverNoop, Resources: api.Resources{CPU: api.Milli(250 * (1 + r.IntN(8))), Memory: api.Bytes(r.IntN(3)) * api.GiB}}
		if r.IntN(5) == 0 {
			task.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: []api.Milli{500, 1000}[r.IntN(2)]}}
		}
		a := &Ask{
			Shape: ShapeOf(task, "default", 0, "", false), Task: task, Tenant: "default",
			Profile: &api.Profile{Run: api.Duration(1+r.IntN(600)) * api.Second}, Inputs: []Load{{Site: "a", Bytes: api.Bytes(r.IntN(1000)) * api.MiB}},
		}
		items = append(items, Item{Ref: api.TaskRef{Workload: uint64(i + 1)}, Ask: a, Run: a.Profile.Run})
	}
	return items
}

// A plan places what would be placed one by one, never costs more than that, nor
// less than its bound, and holds when it is followed.
func TestPlansHold(t *testing.T) {
	better, gain := 0, 0.0
	for seed := range uint64(60) {
		x, r := cluster(PlannerCompletion, seed, 3+int(seed%9))
		p := x.Problem(0)
		items := waiting(r, 5+int(seed%30))
		p.Await(items)
		plan := p.Solve(forever)
		if plan.Cost > plan.Before || plan.Bound > plan.Cost {
			t.Errorf("seed %d: costs %d, one by one %d, bound %d", seed, plan.Cost, plan.Before, plan.Bound)
		}
		if plan.Cost < plan.Before {
			better++
			gain += 1 - float64(plan.Cost)/float64(plan.Before)
		}
		for _, place := range plan.Places {
			a := items[place.Ref.Workload-1].Ask
			d, devices := x.DecideOn(place.Ref, a, 0, place.Node)
			if d.Chosen == nil {
				t.Fatalf("seed %d: %v does not fit %s any more: %v", seed, place.Ref, place.Node, d.Reasons)
			}
			x.Hold(place.Node, place.Ref, a, devices)
		}
	}
	if better < 20 {
		t.Errorf("only %d of 60 plans were better than deciding one by one", better)
	}
	t.Logf("%d of 60 plans are better, by %.1f %% in the mean", better, 100*gain/float64(better))
}

// Small problems are compared with all assignments there are.
func TestPlansAreNearTheOptimum(t *testing.T) {
	exact, worst := 0, 0.0
	for seed := range uint64(40) {
		x, r := cluster(PlannerCost, seed, 3)
		items := waiting(r, 6)
		p := x.Problem(0)
		p.Await(items)
		m := p.model(PlannerCost)
		least := brute(m)
		plan := p.Solve(forever)
		switch {
		case plan.Bound > least || plan.Cost < least:
			t.Errorf("seed %d: cost %d and bound %d, the optimum is %d", seed, plan.Cost, plan.Bound, least)
		case plan.Cost == least:
			exact++
		default:
			worst = math.Max(worst, float64(plan.Cost-least)/math.Abs(float64(least)))
		}
	}
	if exact < 36 {
		t.Errorf("%d of 40 plans are optimal", exact)
	}
	t.Logf("%d of 40 plans are optimal, the others within %.2f %%", exact, 100*worst)
}

// brute tries every way to place the jobs of a model, and empties it.
func brute(m *model) int64 {
	for _, j := range m.jobs {
		m.lift(j)
	}
	best := int64(never)
	var try func(k int, cost int64)
	try = func(k int, cost int64) {
		if k == len(m.jobs) {
			best = min(best, cost)
			return
		}
		j := m.jobs[k]
		for i, c := range j.costs {
			if c < never && m.nodes[i].fits(j.it.Ask) {
				m.put(j, int32(i))
				try(k+1, cost+c)
				m.lift(j)
			}
		}
	}
	try(0, 0)
	return best
}

// Where a node takes one task at a time, those begin whose schedule has the least
// sum of completion times.
func TestPlansInSequence(t *testing.T) {
	x := New()
	x.Use(PlannerCompletion, nil, nil)
	for i, speed := range []api.Milli{1000, 2000} {
		x.PutNode(api.Node{Name: fmt.Sprint("n", i), Site: "a", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: speed, Capacity: api.Resources{CPU: 1000}})
	}
	var items []Item
	for i, run := range []api.Duration{600, 60, 300, 120} {
		task := &api.Task{Name: "t", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000}}
		a := &Ask{Shape: ShapeOf(task, "default", 0, "", false), Task: task, Tenant: "default", Profile: &api.Profile{Run: run * api.Second}}
		items = append(items, Item{Ref: api.TaskRef{Workload: uint64(i + 1)}, Ask: a, Run: a.Profile.Run})
	}
	p := x.Problem(0)
	p.Await(items)
	got := map[string]uint64{}
	for _, place := range p.Solve(forever).Places {
		got[place.Node] = place.Ref.Workload
	}
	// The quick node runs 60, 120 and 600 and the slow one 300, or they run 60, 300 and
	// 600, and 120: 30+90+390+300 = 30+180+480+120.
	if len(got) != 2 || got["n1"] != 2 || got["n0"] != 3 && got["n0"] != 4 {
		t.Errorf("begun: %v", got)
	}
}

// A plan for 2,000 tasks on 200 nodes is there within its budget, and better than
// deciding one by one.
func TestPlanWithinBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	x, r := cluster(PlannerCompletion, 1, 200)
	p := x.Problem(0)
	p.Await(waiting(r, 2000))
	began := time.Now()
	plan := p.Solve(func() bool { return time.Since(began) > time.Second })
	t.Logf("%d tasks in %v: one by one %d, planned %d, bound %d (%.2f %%)", len(plan.Places), time.Since(began),
		plan.Before, plan.Cost, plan.Bound, 100*float64(plan.Cost-plan.Bound)/float64(plan.Bound))
	if len(plan.Places) == 0 || plan.Cost > plan.Before {
		t.Errorf("%d places, cost %d, one by one %d", len(plan.Places), plan.Cost, plan.Before)
	}
}
