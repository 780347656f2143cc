package sched

import (
	"slices"

	solver "drover.dev/internal/sched/assign"
)

// Limits of a plan in sequence: it is solved exactly.
const maxSequenced = 1000

// oneByOne reports whether no two of the tasks fit on a node together: then they
// run there one after the other, and who comes first matters.
func (m *model) oneByOne(v *solver.Vector) bool {
	if len(m.all) <= len(m.jobs) || len(m.all) > maxSequenced {
		return false
	}
	least := m.all[0].need
	for _, j := range m.all {
		for k, need := range j.need {
			least[k] = min(least[k], need)
		}
	}
	for i := range m.nodes {
		alone := false
		for k, need := range least {
			alone = alone || need > 0 && 2*need > v.Room[i*kinds+k]
		}
		if !alone {
			return false
		}
	}
	return true
}

// sequence puts on each node the task that comes first there in a schedule of
// least Σ C_j of all that waits, exact where the work on each node is known and
// nothing else comes. What comes later in the schedule waits.
func (m *model) sequence(opt solver.Options) {
	p := &solver.Machines{Jobs: len(m.all)}
	var on []int32
	for i := range m.nodes {
		if slices.ContainsFunc(m.jobs, func(j *job) bool { return j.at == int32(i) }) {
			on = append(on, int32(i))
			p.Machines++
			for _, j := range m.all {
				p.Time = append(p.Time, sequenced(j.costs[i]))
			}
		}
	}
	if p.Machines == 0 || p.Validate() != nil {
		return
	}
	plan, err := solver.Completion(p, opt)
	if err != nil || plan.Order == nil {
		return // stopped: the plan side by side stands
	}
	for _, j := range m.jobs {
		m.lift(j)
	}
	m.jobs = m.jobs[:0]
	for k, list := range plan.Order {
		for _, n := range list {
			if j := m.all[n]; j.costs[on[k]] < never && m.nodes[on[k]].fits(j.it.Ask) {
				m.put(j, on[k])
				m.jobs = append(m.jobs, j)
				break
			}
		}
	}
}

// sequenced is a cost in microseconds as a time in milliseconds, within what the
// solver takes of maxSequenced jobs. A task that cannot run on a node takes longer
// there than any other.
func sequenced(cost int64) int64 {
	const most = int64(1) << 29 // about 6 days
	if cost == never {
		return 2 * most
	}
	return min(max(cost/1000, 0), most)
}
