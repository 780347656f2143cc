package assign

import (
	"cmp"
	"math"
	"slices"
)

// packing is the oracle of generalised assignment: an agent's best set is a
// knapsack.
type packing struct {
	p       *Problem
	ks      [lanes]knapsack
	scanned [lanes]int

	room []int64
	rest []int
}

func (o *packing) row(i int) (cost, weight []int64) {
	n := o.p.Jobs
	return o.p.Cost[i*n : (i+1)*n], o.p.Weight[i*n : (i+1)*n]
}

// fill puts the items of agent i into the knapsack of the lane and returns the
// value of the fixed jobs, whose ids it appends; false when they do not fit.
func (o *packing) fill(lane, i int, u []int64, known []byte, set []int32) (int64, []int32, bool) {
	cost, weight := o.row(i)
	o.scanned[lane] += 16 + len(known)/4 // also of no jobs: whoever counts effort must come to an end
	room, base := o.p.Capacity[i], int64(0)
	for j, k := range known {
		if k == in {
			room -= weight[j]
			base += cost[j]*scale - u[j]
			set = append(set, int32(j))
		}
	}
	ks := &o.ks[lane]
	ks.reset(room)
	if room < 0 {
		return 0, set, false
	}
	for j, k := range known {
		if k == free {
			ks.add(int32(j), u[j]-cost[j]*scale, weight[j])
		}
	}
	return base, set, true
}

func (o *packing) price(lane, i int, u []int64, known []byte, set []int32) (int64, []int32) {
	base, set, ok := o.fill(lane, i, u, known, set)
	if !ok {
		return hopeless, set
	}
	ks := &o.ks[lane]
	value := base - ks.solve()
	return value, ks.chosen(set)
}

// fix compares with the linear relaxation of the knapsack: flipping an item
// loses at least its reduced profit.
func (o *packing) fix(lane, i int, u []int64, known []byte, value, slack int64, set func(j int, as byte)) {
	base, _, ok := o.fill(lane, i, u, known, nil)
	if !ok {
		return
	}
	ks := &o.ks[lane]
	ks.relax()
	limit := float64(slack) + max(0, ks.linear-float64(base-value))
	limit += 1e-9*(math.Abs(ks.linear)+float64(slack)) + 1
	cost, weight := o.row(i)
	for j, k := range known {
		if k != free {
			continue
		}
		gain := float64(u[j]-cost[j]*scale) - ks.price*float64(weight[j])
		switch {
		case weight[j] > ks.capacity || -gain > limit:
			set(j, out)
		case gain > limit:
			set(j, in)
		}
	}
}

func (o *packing) cost(i int, jobs []int32) (int64, bool) {
	cost, weight := o.row(i)
	var c, w int64
	for _, j := range jobs {
		c, w = c+cost[j], w+weight[j]
	}
	return c, w <= o.p.Capacity[i]
}

// complete puts the jobs without an agent, heaviest first, where u values them
// most among the agents with room.
func (o *packing) complete(agent []int, u []float64) bool {
	p := o.p
	room := append(o.room[:0], p.Capacity...)
	o.room, o.rest = room, o.rest[:0]
	for j, i := range agent {
		if i >= 0 {
			room[i] -= p.Weight[i*p.Jobs+j]
		} else {
			o.rest = append(o.rest, j)
		}
	}
	slices.SortStableFunc(o.rest, func(a, b int) int { return cmp.Compare(u[b], u[a]) })
	for _, j := range o.rest {
		at := -1
		for i := range p.Agents {
			k := i*p.Jobs + j
			if p.Weight[k] <= room[i] && (at < 0 || p.Cost[k] < p.Cost[at*p.Jobs+j]) {
				at = i
			}
		}
		if at < 0 {
			return false
		}
		agent[j] = at
		room[at] -= p.Weight[at*p.Jobs+j]
	}
	return true
}

func (o *packing) effort(lane int) int {
	w := o.ks[lane].work + o.scanned[lane]
	o.ks[lane].work, o.scanned[lane] = 0, 0
	return w
}
