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
			if x, y := p.weight(int(a)) == 0, p.weight(int(b)) == 0; x != y {
				return order(y, x) // weightless jobs last
			}
			// t_a/w_a against t_b/w_b; sums of times times weights fit, so do these.
			x, y := o.time(i, a)*p.weight(int(b)), o.time(i, b)*p.weight(int(a))
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return int(a - b)
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

// order compares two conditions: the one that holds comes first.
func order(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

func (o *sequencing) price(lane, i int, u []int64, known []byte, set []int32) (int64, []int32) {
	l := &o.lane[lane]
	l.a, l.nodes = append(l.a[:0], seqState{node: -1}), l.nodes[:0]
	for _, j := range o.order[i] {
		l.work++
		if known[j] == out || known[j] == free && u[j] <= 0 {
			continue
		}
		o.extend(lane, j, o.time(i, j), u[j], known[j] == in)
	}
	least := l.a[0]
	for _, st := range l.a {
		if st.cost < least.cost {
			least = st
		}
	}
	for n := least.node; n >= 0; n = l.nodes[n].parent {
		set = append(set, l.nodes[n].item)
	}
	return least.cost, set
}

// extend lets each state run job j next, or leave it unless it must. A state
// stays when it is cheaper than all that take less time. A job that adds more
// than its multiplier is never in a best set, for without it the rest only
// becomes cheaper.
func (o *sequencing) extend(lane int, j int32, time, u int64, must bool) {
	l, w := &o.lane[lane], o.p.weight(int(j))*scale
	l.work += len(l.a)
	result := l.b[:0]
	keep := func(st seqState) {
		if n := len(result); n == 0 || st.cost < result[n-1].cost {
			result = append(result, st)
		}
	}
	old := 0
	for _, st := range l.a {
		run := seqState{time: st.time + time, cost: st.cost + w*(st.time+time) - u}
		for ; !must && old < len(l.a) && l.a[old].time <= run.time; old++ {
			keep(l.a[old])
		}
		if !must && run.cost >= st.cost {
			continue
		}
		if n := len(result); n > 0 && run.cost >= result[n-1].cost {
			continue
		}
		l.nodes = append(l.nodes, knapNode{st.node, j})
		run.node = int32(len(l.nodes) - 1)
		keep(run)
	}
	for ; !must && old < len(l.a); old++ {
		keep(l.a[old])
	}
	for len(result) > maxStates { // a pair as its better half in each respect: still a bound
		half := result[:0]
		for k := 0; k+1 < len(result); k += 2 {
			half = append(half, seqState{result[k].time, result[k+1].cost, result[k+1].node})
		}
		if len(result)%2 == 1 {
			half = append(half, result[len(result)-1])
		}
		result = half
	}
	l.a, l.b = result, l.a
}

// fix decides by what a job costs when it runs first.
func (o *sequencing) fix(_, i int, u []int64, known []byte, _, slack int64, set func(j int, as byte)) {
	for j, k := range known {
		if k == free && o.p.weight(j)*o.time(i, int32(j))*scale-u[j] > slack {
			set(j, out)
		}
	}
}

func (o *sequencing) cost(i int, jobs []int32) (int64, bool) {
	list := slices.Clone(jobs)
	slices.SortFunc(list, func(a, b int32) int { return int(o.rank[i][a] - o.rank[i][b]) })
	at, total := int64(0), int64(0)
	for _, j := range list {
		at += o.time(i, j)
		total += o.p.weight(int(j)) * at
	}
	return total, true
}

func (o *sequencing) effort(lane int) int {
	w := o.lane[lane].work
	o.lane[lane].work = 0
	return w
}

// complete puts each job without a machine where it adds least.
func (o *sequencing) complete(agent []int, _ []float64) bool {
	d := newDispatch(o, agent)
	for j := range agent {
		if agent[j] < 0 {
			d.place(int32(j))
		}
	}
	copy(agent, d.agent)
	return true
}
