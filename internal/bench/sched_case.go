package bench

import (
	"fmt"
	"iter"
	"math/rand/v2"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// SchedCases are what tasks may ask for beside resources. In all but the first they
// come as workloads of eight.
//
//   - affinity: half of the shapes name two zones of seven, and all elements of a
//     workload go to one zone, wherever the first went.
//   - anti-affinity: no two elements of a workload share a node.
//   - spread: the zones hold numbers of a workload's elements that differ by one at most.
//   - gang: eight elements are placed together or not at all.
//   - mixed: each shape is of one of these cases.
//   - preempt: the cell is full, and whoever comes displaces lower priorities: who goes is
//     decided, the room is booked, and taken when it is free.
func SchedCases() []string {
	return []string{"basic", "affinity", "anti-affinity", "spread", "gang", "mixed", preempt}
}

const preempt = "preempt"

// groupSize is how many elements the workloads of the other cases have.
const groupSize = 8

// wants adds to a request what a case asks for.
func wants(random *rand.Rand, i int, what string, a *sched.Ask) {
	q := &a.Task.Requires
	switch what {
	case "mixed":
		wants(random, i, SchedCases()[i%5], a)
	case "affinity":
		if i%2 == 0 {
			q.Affinity = []api.Expression{{Key: "zone", Op: api.OpIn, Values: []string{fmt.Sprint("z", random.IntN(7)), "z0"}}}
		}
		q.Near = []api.Relation{{Within: "zone"}}
	case "anti-affinity":
		q.Apart = []api.Relation{{Within: api.WithinNode}}
	case "spread":
		q.Spread = []api.Spread{{Over: "zone", Skew: 1}}
	case "gang":
		a.Gang = groupSize
	case preempt:
		a.Yields = true
	}
}

// grouped reports whether tasks of a request come as workloads of several.
func grouped(a *sched.Ask) bool {
	q := &a.Task.Requires
	return a.Gang > 0 || len(q.Near)+len(q.Apart)+len(q.Spread) > 0
}

// named is a request of a workload of its own: relations are to its own elements.
func named(a *sched.Ask, workload uint64) *sched.Ask {
	if !grouped(a) {
		return a
	}
	b := *a
	b.Workload = fmt.Sprint("w-", workload)
	b.Shape = sched.TiedShape(a.Static, &b)
	return &b
}

// census yields what is placed of a workload.
func (s *schedLoad) census(_, workload string, _ map[string]string) iter.Seq[sched.Placed] {
	return func(yield func(sched.Placed) bool) {
		for _, node := range s.crowds[workload] { // order-free: they are counted
			if !yield(sched.Placed{Node: node, Task: "main"}) {
				return
			}
		}
	}
}

// join and part keep what the census yields.
func (s *schedLoad) join(h *heldTask) {
	if h.ask.Workload == "" {
		return
	}
	if s.crowds[h.ask.Workload] == nil {
		s.crowds[h.ask.Workload] = map[uint32]string{}
	}
	s.crowds[h.ask.Workload][h.ref.Index] = h.node
}

func (s *schedLoad) part(h *heldTask) {
	if c := s.crowds[h.ask.Workload]; c != nil {
		if delete(c, h.ref.Index); len(c) == 0 {
			delete(s.crowds, h.ask.Workload)
		}
	}
}
