package assign

import "slices"

// sequencing is the oracle of Σ w_j C_j on unrelated machines. A machine runs
// its jobs in Smith's order, shortest time per weight first (W. E. Smith, 1956,
// "Various Optimizers for Single-Stage Production"), so its best set is a
// dynamic programme over the jobs in that order and the time used so far. The
// bound is that of the set-partitioning formulation (M. van den Akker,
// J. Hoogeveen and S. van de Velde, 1999, "Parallel Machine Scheduling by Column
// Generation"; Z.-L. Chen and W. B. Powell, 1999).
type sequencing struct {
	p     *Machines
	order [][]int32 // jobs of each machine in Smith's order
	rank  [][]int32 // of each job in it
	lane  [lanes]struct {
		a, b  []seqState
		nodes []knapNode
		work  int
	}
}

// seqState is a set of jobs by the time that they take and what it costs, in
// steps.
type seqState struct {
	time, cost int64
	node       int32
}

func newSequencing(p *Machines) *sequencing {
	o := &sequencing{p: p, order: make([][]int32, p.Machines), rank: make([][]int32, p.Machines)}
	for i := range o.order {
		list := make([]int32, p.Jobs)
		for j := range list {
			list[j] = int32(j)
		}
		slices.SortStableFunc(list, func(a, b int32) int {
			// t_a/w_a against t_b/w_b; sums of times times weights fit, so do these.
			x, y := o.time(i, a)*p.weight(int(b)), o.time(i, b)*p.weight(int(a))
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return int(p.weight(int(b)) - p.weight(int(a))) >> 1 // weightless jobs last
		})
		o.order[i], o.rank[i] = list, make([]int32, p.Jobs)
		for k, j := range list {
			o.rank[i][j] = int32(k)
		}
	}
	return o
}

func (o *sequencing) time(i int, j int32) int64 { return o.p.Time[i*o.p.Jobs+int(j)] }

// sequences returns the jobs of each machine in Smith's order.
func (o *sequencing) sequences(agent []int) [][]int {
	s := make([][]int, o.p.Machines)
	for i, list := range o.order {
		s[i] = []int{}
		for _, j := range list {
			if agent[j] == i {
				s[i] = append(s[i], int(j))
			}
		}
	}
	return s
}

func (o *sequencing) total(agent []int) int64 {
	total := int64(0)
	for i, list := range o.order {
		at := int64(0)
		for _, j := range list {
			if agent[j] == i {
				at += o.time(i, j)
				total += o.p.weight(int(j)) * at
			}
		}
	}
	return total
}
