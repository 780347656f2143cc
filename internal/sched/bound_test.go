package sched_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

// TestBoundsHideNobody lets tasks of a few shapes come and go, so that what a search has
// learnt for a shape serves the next of it, after few changes or after more than are
// remembered, and compares it with scoring every node.
func TestBoundsHideNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair()
		p.searching.Bound(1, rapid.SampledFrom([]int{4, 16, 1024}).Draw(t, "changes"))
		sizes := rapid.IntRange(1, 3).Draw(t, "sizes")
		n := rapid.IntRange(20, 150).Draw(t, "nodes")
		for i := range n {
			change(t, drawSize(t, i, sizes), p.both()...)
		}
		shapes := rapid.SliceOfN(rapid.Custom(drawNeed), 1, 5).Draw(t, "shapes")
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			p.leave(t, 2)
			if rapid.IntRange(0, 30).Draw(t, "change") == 0 {
				change(t, drawSize(t, rapid.IntRange(0, n-1).Draw(t, "node"), sizes), p.both()...)
			}
			kind := rapid.IntRange(0, len(shapes)*len(shapes)-1).Draw(t, "shape") % len(shapes)
			if rapid.IntRange(0, 3).Draw(t, "usual") > 0 {
				kind = 0 // the others are seen rarely
			}
			a := askOf(shapes[kind])
			a.Strategy = rapid.SampledFrom([]string{"", "", "best-fit", "least-connections"}).Draw(t, "strategy")
			a.Spread = rapid.IntRange(0, 3).Draw(t, "spread") == 0
			p.place(t, api.TaskRef{Workload: uint64(i / 3), Index: uint32(i)}, a)
		}
	})
}

// drawSize makes a node of one of some sizes at one of two sites, open or not.
func drawSize(t *rapid.T, i, sizes int) api.Node {
	return node(fmt.Sprintf("n%03d", i), func(n *api.Node) {
		n.Site = rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "site")
		size := rapid.IntRange(1, sizes).Draw(t, "size")
		n.Capacity = api.Resources{CPU: 8000 * api.Milli(size), Memory: 16 * api.GiB}
		if size == 3 {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"x"}, Count: 2000}}
		}
	})
}

// drawNeed makes a task that asks for more or less of a node.
func drawNeed(t *rapid.T) api.Task {
	r := api.Resources{
		CPU:    rapid.SampledFrom([]api.Milli{0, 100, 1000, 3000, 7999}).Draw(t, "cpu"),
		Memory: rapid.SampledFrom([]api.Bytes{0, api.GiB, 5*api.GiB + 1, 15 * api.GiB}).Draw(t, "memory"),
	}
	if rapid.IntRange(0, 4).Draw(t, "gpu") == 0 {
		r.Accelerators = []api.Accelerator{{Kind: "gpu", Count: rapid.SampledFrom([]api.Milli{300, 1000}).Draw(t, "count")}}
	}
	return api.Task{Name: "main", Resources: r}
}
