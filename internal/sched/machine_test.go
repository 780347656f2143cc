package sched_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

func gpu(model string) func(*api.Node) {
	return func(n *api.Node) {
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{model}, Count: 1000}}
	}
}

func cpuKind(name string) func(*api.Node) {
	return func(n *api.Node) { n.Labels = map[string]string{api.LabelCPU: name} }
}

func oneGPU(a *sched.Ask) {
	a.Task.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 1000}}
}

// TestMachines: each row is what earlier runs showed, and two nodes of which the first
// is better for the task that they were of.
func TestMachines(t *testing.T) {
	far := func(n *api.Node) { n.Site = "far" }
	both := func(f ...func(*api.Node)) func(*api.Node) {
		return func(n *api.Node) {
			for _, f := range f {
				f(n)
			}
		}
	}
	on := func(speeds ...api.MachineSpeed) []api.MachineSpeed { return speeds }
	for name, c := range map[string]struct {
		speeds        []api.MachineSpeed
		better, worse func(*api.Node)
		ask           func(*sched.Ask)
		says          string
	}{
		"the faster accelerator": {
			on(api.MachineSpeed{Machine: "gpu t4", Factor: 1000, Runs: 20}, api.MachineSpeed{Machine: "gpu a100", Factor: 2940, Runs: 14}),
			gpu("a100"), gpu("t4"), oneGPU, "runs 2.9 times as fast on gpu a100 as on gpu t4, of 14 runs",
		},
		"the gain outweighs moving the input": {
			on(api.MachineSpeed{Machine: "gpu t4", Factor: 1000, Runs: 20}, api.MachineSpeed{Machine: "gpu a100", Factor: 2940, Runs: 14}),
			both(gpu("a100"), far), gpu("t4"),
			func(a *sched.Ask) { oneGPU(a); a.Inputs = []sched.Load{{Site: "hq", Bytes: api.MiB}} },
			"runs 2.9 times as fast on gpu a100 as on gpu t4, of 14 runs",
		},
		"moving the input outweighs the gain": {
			on(api.MachineSpeed{Machine: "gpu a100", Factor: 1000, Runs: 20}, api.MachineSpeed{Machine: "gpu t4", Factor: 340, Runs: 1}),
			gpu("t4"), both(gpu("a100"), far),
			func(a *sched.Ask) { oneGPU(a); a.Inputs = []sched.Load{{Site: "hq", Bytes: 100 * api.MiB}} },
			"runs 0.34 times as fast on gpu t4 as on gpu a100, of 1 run",
		},
		"known to be fast, beside one that nobody has tried": {
			on(api.MachineSpeed{Machine: "gpu t4", Factor: 1000, Runs: 9}, api.MachineSpeed{Machine: "gpu a100", Factor: 2000, Runs: 8}),
			gpu("a100"), gpu("h100"), oneGPU, "runs 2.0 times as fast on gpu a100 as on gpu t4, of 8 runs",
		},
		"the kind of processor, by its label": {
			on(api.MachineSpeed{Machine: "", Factor: 1000, Runs: 9}, api.MachineSpeed{Machine: "epyc-9", Factor: 1500, Runs: 8}),
			cpuKind("epyc-9"), func(*api.Node) {}, func(*sched.Ask) {}, "runs 1.5 times as fast on epyc-9 as elsewhere, of 8 runs",
		},
		"beside the speed of the node": {
			on(api.MachineSpeed{Machine: "fast", Factor: 1000, Runs: 9}, api.MachineSpeed{Machine: "odd", Factor: 250, Runs: 8}),
			cpuKind("fast"), both(cpuKind("odd"), func(n *api.Node) { n.Speed = 3000 }), func(*sched.Ask) {},
			"runs 4.0 times as fast on fast as on odd, of 9 runs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := index(node("a", c.worse), node("b", c.better))
			a := askOf(api.Task{})
			c.ask(a)
			a.Shape = name
			a.Profile = &api.Profile{Run: api.Second, Speeds: c.speeds}
			d := decide(x, a)
			if d.Chosen == nil || d.Chosen.Node != "b" || d.Speed.String() != c.says {
				t.Fatalf("chose %+v: %v, want b: %s", d.Chosen, d.Speed, c.says)
			}
			a.Profile = &api.Profile{Run: api.Second}
			if d := decide(x, a); d.Speed != nil {
				t.Fatalf("says %s without earlier runs", d.Speed)
			}
		})
	}
}

// TestPromisesKnowMachines: who waits for a task that runs on a slow kind of machine
// is promised room when it will have ended there.
func TestPromisesKnowMachines(t *testing.T) {
	x := index(node("slow", gpu("t4")), node("fast", gpu("a100")))
	x.Use("backfill", nil, nil)
	a := askOf(api.Task{})
	oneGPU(a)
	a.Hold, a.Shape = 100*api.Second, "gpu"
	a.Profile = &api.Profile{Run: a.Hold, Speeds: []api.MachineSpeed{{Machine: "gpu a100", Factor: 1000, Runs: 9}, {Machine: "gpu t4", Factor: 250, Runs: 9}}}
	for i, name := range []string{"slow", "fast"} {
		ref := api.TaskRef{Workload: uint64(i + 1)}
		x.Hold(name, ref, a, []api.DeviceShare{{Share: 1000}})
		x.Await(name, ref, a, []api.DeviceShare{{Share: 1000}}, 0, api.Time(200*api.Second))
	}
	r, ok := x.Promise(&sched.Item{Ref: api.TaskRef{Workload: 9}, Ask: a}, 0)
	if !ok || len(r.Places) != 1 {
		t.Fatalf("promised %+v, %v", r, ok)
	}
	want := map[string]api.Time{"slow": api.Time(600 * api.Second), "fast": api.Time(300 * api.Second)}[r.Places[0].Node]
	if r.Expires != want {
		t.Errorf("on %s until %v, want %v", r.Places[0].Node, r.Expires, want)
	}
}
