package sched_test

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestRefusedUntilRoomIsGained: in a full cell what asks for more than was refused is
// refused as well, within Steps, until one of the nodes gains room in whatever way.
func TestRefusedUntilRoomIsGained(t *testing.T) {
	whole, booked := ranked(5, 4), ranked(7, 4)
	const nodes = 20 // more than are looked at one by one
	name := func(i int) string { return fmt.Sprintf("n%02d", i) }
	small := func(n *api.Node) { n.Capacity.CPU, n.Capacity.Memory = 4000, 64 }
	for what, gain := range map[string]func(x *sched.Index){
		"a task ends":         func(x *sched.Index) { x.Release(name(7), api.TaskRef{Workload: 7}, whole, nil) },
		"a booking is lifted": func(x *sched.Index) { x.Unbook(name(0), api.TaskRef{Workload: 100}, booked, nil) },
		"a node opens":        func(x *sched.Index) { x.SetOpen(name(1), true, "") },
		"a node grows": func(x *sched.Index) {
			x.PutNode(node(name(3), func(n *api.Node) { small(n); n.Capacity.CPU = 8000 }))
		},
		"a node comes": func(x *sched.Index) { x.PutNode(node("new", small)) },
	} {
		t.Run(what, func(t *testing.T) {
			x := sched.New()
			for i := range nodes {
				x.PutNode(node(name(i), small))
			}
			for i := 2; i < nodes; i++ {
				x.Hold(name(i), api.TaskRef{Workload: uint64(i)}, whole, nil)
			}
			x.Book(name(0), api.TaskRef{Workload: 100}, booked, nil)
			x.SetOpen(name(1), false, "draining")
			decide := func(cpu api.Milli) bool {
				x.Refresh()
				defer x.Rest()
				d, _ := x.Decide(api.TaskRef{Workload: 99}, ranked(5, cpu), 0)
				return d.Chosen != nil
			}
			for _, cpu := range []api.Milli{2, 3, 2, 1, 1} {
				if decide(cpu) {
					t.Fatalf("%d cores were found in a full cell", cpu)
				}
			}
			gain(x)
			if !decide(3) {
				t.Error("3 cores are refused still")
			}
		})
	}
}

// TestRefusedSaysNothingOfOthers: that a task fits nowhere says nothing of one that asks
// for less of anything, or of other devices, or may go to other nodes.
func TestRefusedSaysNothingOfOthers(t *testing.T) {
	x := sched.New()
	for i := range 20 {
		x.PutNode(node(fmt.Sprintf("a%02d", i), func(n *api.Node) {
			n.Capacity = api.Resources{CPU: 8000, Memory: 8, Accelerators: []api.Accelerator{{Kind: "gpu", Models: []string{"x"}, Count: 2000}}}
			n.Labels = map[string]string{"k": "a"}
		}))
		x.PutNode(node(fmt.Sprintf("b%02d", i), func(n *api.Node) {
			n.Capacity = api.Resources{CPU: 2000, Memory: 8, Accelerators: []api.Accelerator{{Kind: "fpga", Count: 4000}}}
			n.Labels = map[string]string{"k": "b"}
		}))
	}
	for i := range 20 {
		x.Hold(fmt.Sprintf("a%02d", i), api.TaskRef{Workload: uint64(i)}, askOf(api.Task{Resources: api.Resources{CPU: 4000}}),
			[]api.DeviceShare{{Index: 0, Share: 1000}, {Index: 1, Share: 300}})
	}
	gpu := func(kind string, count api.Milli, models ...string) []api.Accelerator {
		return []api.Accelerator{{Kind: kind, Count: count, Models: models}}
	}
	in := func(k string) api.Requirements { return api.Requirements{Labels: map[string]string{"k": k}} }
	x.Refresh()
	for i, c := range []struct {
		task api.Task
		fits bool
	}{
		{api.Task{Resources: api.Resources{CPU: 5000}}, false},
		{api.Task{Resources: api.Resources{CPU: 6000, Memory: 1}}, false},
		{api.Task{Resources: api.Resources{CPU: 4000, Memory: 8}}, true},
		{api.Task{Resources: api.Resources{CPU: 3000}, Requires: in("b")}, false},
		{api.Task{Resources: api.Resources{CPU: 3000}}, true},
		{api.Task{Resources: api.Resources{Accelerators: gpu("gpu", 800)}}, false},
		{api.Task{Resources: api.Resources{Accelerators: gpu("gpu", 1000)}}, false},
		{api.Task{Resources: api.Resources{Accelerators: gpu("gpu", 700)}}, true},
		{api.Task{Resources: api.Resources{Accelerators: gpu("fpga", 2000)}}, true},
		{api.Task{Resources: api.Resources{Accelerators: gpu("gpu", 100, "y")}}, false},
		{api.Task{Resources: api.Resources{Accelerators: gpu("gpu", 200, "x")}}, true},
		{api.Task{Resources: api.Resources{CPU: 4000, Accelerators: append(gpu("gpu", 500), gpu("gpu", 500)...)}}, false},
		{api.Task{Resources: api.Resources{CPU: 4000, Accelerators: gpu("gpu", 600)}}, true},
	} {
		a := askOf(c.task)
		a.Shape = fmt.Sprint(i)
		if d, _ := x.Decide(api.TaskRef{Workload: 99}, a, 0); (d.Chosen != nil) != c.fits {
			t.Errorf("%d: %+v fits: %v", i, c.task.Resources, d.Chosen != nil)
		}
	}
}
