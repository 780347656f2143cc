package sched

import (
	"math"
	"slices"

	"drover.dev/api"
	solver "drover.dev/internal/sched/assign"
)

// model is the 0/1 assignment problem of the tasks of one planner: minimise
// Σ c_ij x_ij, each task on one node, what nodes have is not exceeded. Which tasks
// take part the order of the queue says: those that find room when each in turn
// takes the node that costs it least. That is also the first solution, so that no
// plan is worse than deciding one by one.
type model struct {
	p       *Problem
	planner string
	nodes   []*node
	all     []*job // everything that waits
	jobs    []*job // what takes part
}

// job is a task of a model.
type job struct {
	it      *Item
	costs   []int64 // by node; never: it cannot run there
	least   int64   // of them
	need    [kinds]int64
	near    []int32 // nodes, the cheapest at the present prices first
	at      int32   // node; -1: none
	devices []api.DeviceShare
}

const (
	never = math.MaxInt64
	kinds = 5 // of resources: the dimensions and accelerators
)

// model takes in the tasks of a planner, and places them one by one.
func (p *Problem) model(planner string) *model {
	m := &model{p: p, planner: planner}
	for _, e := range p.x.nodes {
		if e.open {
			m.nodes = append(m.nodes, e)
		}
	}
	for i := range p.waiting[:len(p.waiting)*min(len(m.nodes), 1)] { // without a node there is nothing to plan
		if it := &p.waiting[i].Item; p.x.Planner(it.Ask) == planner {
			costs := m.costsOf(it)
			m.all = append(m.all, &job{it: it, costs: costs, least: slices.Min(costs), need: needOf(it.Ask), at: -1})
		}
	}
	for _, j := range m.all {
		if i := m.cheapest(j, nil); i >= 0 {
			m.put(j, i)
			m.jobs = append(m.jobs, j)
		}
	}
	return m
}

// costsOf is what a task costs on each node: minus its score, or its predicted
// completion in microseconds.
func (m *model) costsOf(it *Item) []int64 {
	x := m.p.x
	s := x.scorer(it.Ref, it.Ask)
	out := make([]int64, len(m.nodes))
	for i, e := range m.nodes {
		switch {
		case !s.passing.has(e):
			out[i] = never
		case m.planner == PlannerCost:
			out[i] = -s.score(e)
		default:
			out[i] = x.completion(e, it.Ask)
		}
	}
	return out
}

// completion is when a task would be done on a node that begins it now, in
// microseconds.
func (x *Index) completion(e *node, a *Ask) int64 {
	est := x.estimate(e, a)
	return int64(est.total() / api.Microsecond)
}

func needOf(a *Ask) (need [kinds]int64) {
	r := &a.Task.Resources
	for k := range dimensions {
		need[k] = dimensions[k].get(r)
	}
	for i := range r.Accelerators {
		need[kinds-1] += int64(r.Accelerators[i].Count)
	}
	return need
}

func (e *node) roomOf() (room [kinds]int64) {
	for k := range dimensions {
		room[k] = max(dimensions[k].get(&e.free), 0)
	}
	room[kinds-1] = int64(e.freeDevices)
	return room
}

// cheapest returns the node with room where a job costs least, among some of them
// or (nil) all; -1 when none has room.
func (m *model) cheapest(j *job, among []int32) int32 {
	best := int32(-1)
	try := func(i int32) {
		if c := j.costs[i]; c < never && (best < 0 || c < j.costs[best]) && m.nodes[i].fits(j.it.Ask) {
			best = i
		}
	}
	for _, i := range among {
		try(i)
	}
	if among == nil {
		for i := range m.nodes {
			try(int32(i))
		}
	}
	return best
}

func (m *model) put(j *job, i int32) {
	e := m.nodes[i]
	j.devices, _ = assign(e.devices, e.Capacity.Accelerators, j.it.Ask.Task.Resources.Accelerators)
	m.restore(j, i, j.devices)
}

func (m *model) restore(j *job, i int32, devices []api.DeviceShare) {
	j.at, j.devices = i, devices
	m.nodes[i].take(j.it.Ref, j.it.Ask, devices, 1)
}

func (m *model) lift(j *job) {
	m.nodes[j.at].take(j.it.Ref, j.it.Ask, j.devices, -1)
	j.at, j.devices = -1, nil
}

func (m *model) cost() (sum int64) {
	for _, j := range m.jobs {
		sum += j.costs[j.at]
	}
	return sum
}

// solve improves the first solution, and proves how good it can be at best.
func (m *model) solve(opt solver.Options) Plan {
	out := Plan{Planner: m.planner, Before: m.cost()}
	v := m.vector(out.Before)
	prices, bound := v.Bound(opt)
	m.rank(prices)
	out.Cost = newRebuild(m, bound, opt).run(out.Before)
	out.Bound = min(bound, out.Cost)
	if m.planner != PlannerCost && m.oneByOne(v) {
		m.sequence(opt)
		out.Cost = m.cost()
		out.Bound = min(out.Bound, out.Cost)
	}
	for _, j := range m.jobs {
		out.Places = append(out.Places, Placing{Ref: j.it.Ref, Try: j.it.Try, Node: m.nodes[j.at].Name})
	}
	return out
}

// vector is the model as numbers, with the room that there is without it.
func (m *model) vector(upper int64) *solver.Vector {
	v := &solver.Vector{Agents: len(m.nodes), Jobs: len(m.jobs), Kinds: kinds, Upper: upper}
	for _, e := range m.nodes {
		room := e.roomOf()
		v.Room = append(v.Room, room[:]...)
	}
	for _, j := range m.jobs {
		v.Cost, v.Need = append(v.Cost, j.costs), append(v.Need, j.need[:]...)
		for k, need := range j.need {
			v.Room[int(j.at)*kinds+k] += need
		}
	}
	return v
}

// nearest is how many nodes a job looks at first.
const nearest = 12

// rank orders each job's nodes by cost and the price of what it takes there.
func (m *model) rank(prices []float64) {
	order, value := make([]int32, len(m.nodes)), make([]float64, len(m.nodes))
	for _, j := range m.jobs {
		n := 0
		for i, c := range j.costs {
			if c == never {
				continue
			}
			value[i] = float64(c)
			for k, need := range j.need {
				value[i] += prices[i*kinds+k] * float64(need)
			}
			order[n] = int32(i)
			n++
		}
		some := min(n, nearest)
		for a := range some {
			low := a
			for b := a + 1; b < n; b++ {
				if value[order[b]] < value[order[low]] {
					low = b
				}
			}
			order[a], order[low] = order[low], order[a]
		}
		j.near = slices.Clone(order[:some])
	}
}
