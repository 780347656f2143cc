package sched_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

// TestMarksHideNobody fills nodes of uneven sizes to the brim with uneven tasks, so that
// most blocks are full in one way or another, and compares a search that passes over
// them with one that scores every node.
func TestMarksHideNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair()
		p.searching.Bound(rapid.SampledFrom([]int{5, 1000}).Draw(t, "large"), 64)
		var names []string
		for i := range rapid.IntRange(1, 200).Draw(t, "nodes") {
			n := node(fmt.Sprintf("n%03d", i), func(n *api.Node) {
				n.Capacity.CPU = rapid.SampledFrom([]api.Milli{0, 7001, 32_000}).Draw(t, "cpu")
				n.Capacity.Memory = rapid.SampledFrom([]api.Bytes{0, 3*api.GiB + 5, 64 * api.GiB}).Draw(t, "memory")
				if rapid.Bool().Draw(t, "gpu") {
					n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 2000}, {Kind: "fpga", Count: 1000}}
				}
			})
			names = append(names, n.Name)
			p.searching.PutNode(n)
			p.scoring.PutNode(n)
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "booked") { // more than there is
			name := rapid.SampledFrom(names).Draw(t, "where")
			a := askOf(api.Task{Resources: api.Resources{CPU: 1, Accelerators: []api.Accelerator{{Kind: "gpu", Count: 4000}}}})
			for _, x := range p.both() {
				x.Book(name, api.TaskRef{Workload: 1000, Index: uint32(i)}, a, []api.DeviceShare{{Share: 4000}})
			}
		}
		load := rapid.SampledFrom([]string{"", "least-connections"}).Draw(t, "strategy")
		for i := range rapid.IntRange(1, 300).Draw(t, "tasks") {
			r := api.Resources{CPU: api.Milli(rapid.IntRange(0, 9000).Draw(t, "cpu")), Memory: api.Bytes(rapid.IntRange(0, 9<<30).Draw(t, "memory"))}
			for _, kind := range []string{"gpu", "fpga"} {
				if rapid.IntRange(0, 4).Draw(t, kind) == 0 {
					r.Accelerators = append(r.Accelerators, api.Accelerator{Kind: kind, Count: rapid.SampledFrom([]api.Milli{1, 400, 700, 1000, 2000}).Draw(t, "count")})
				}
			}
			a, ref := askOf(api.Task{Resources: r}), api.TaskRef{Workload: uint64(i)}
			a.Strategy = load
			p.place(t, ref, a)
		}
	})
}
