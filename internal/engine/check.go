package engine

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Check verifies what must always hold after a Step, for everything that its
// events touched, and independently of the indexes that the decisions were made
// from: no node is over-committed on any resource or device, what was placed
// stands on a node that takes work, and a gang was placed whole. A batch that
// fails must not be appended: the error says what would have been violated.
func Check(e *Engine, out Output) error {
	nodes := map[string]bool{}
	gangs := map[[2]uint64]int{}
	for _, ev := range out.Events {
		p, ok := ev.(*state.TaskPlaced)
		if !ok {
			continue
		}
		if !nodes[p.Node] {
			nodes[p.Node] = true
			if err := checkNode(e.st, p.Node); err != nil {
				return err
			}
		}
		if w := e.st.Workloads[p.Ref.Workload]; w != nil && w.Spec.Gang && p.Try == 1 {
			gangs[[2]uint64{p.Ref.Workload, uint64(p.Ref.Task)}]++
		}
	}
	for key, placed := range gangs { // order-free: any violation stops the batch
		if n := len(e.st.Workloads[key[0]].Groups[key[1]].Tasks); placed != n {
			return fmt.Errorf("workload %d: %d of %d elements of a gang were placed", key[0], placed, n)
		}
	}
	return nil
}

// checkNode adds up what a node holds, from the specifications.
func checkNode(st *state.State, name string) error {
	n := st.Nodes[name]
	if n == nil {
		return fmt.Errorf("node %s: tasks were placed on it, but it is not registered", name)
	}
	if n.Silent || n.Drain {
		return fmt.Errorf("node %s: tasks were placed on it while it is silent or draining", name)
	}
	var sum api.Resources
	devices := map[[2]int32]api.Milli{}
	for ref, t := range n.Held { // order-free: sums
		r := &st.Workloads[ref.Workload].SpecOf(t).Resources
		sum.CPU += r.CPU
		sum.Memory += r.Memory
		sum.Storage += r.Storage
		sum.Bandwidth += r.Bandwidth
		for _, d := range t.Devices {
			if devices[[2]int32{d.Group, d.Index}] += d.Share; devices[[2]int32{d.Group, d.Index}] > 1000 {
				return fmt.Errorf("node %s: device %d of accelerator %d is promised more than once", name, d.Index, d.Group)
			}
		}
	}
	c := &n.Capacity
	if sum.CPU > c.CPU || sum.Memory > c.Memory || sum.Storage > c.Storage || sum.Bandwidth > c.Bandwidth {
		return fmt.Errorf("node %s is over-committed: holds cpu %v of %v, memory %v of %v, storage %v of %v, bandwidth %v of %v",
			name, sum.CPU, c.CPU, sum.Memory, c.Memory, sum.Storage, c.Storage, sum.Bandwidth, c.Bandwidth)
	}
	if sum.CPU != n.Used.CPU || sum.Memory != n.Used.Memory {
		return fmt.Errorf("node %s: its running total (cpu %v, memory %v) differs from the sum (cpu %v, memory %v)",
			name, n.Used.CPU, n.Used.Memory, sum.CPU, sum.Memory)
	}
	return nil
}
