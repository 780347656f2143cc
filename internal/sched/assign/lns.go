package assign

import (
	"slices"
)

// near is how many agents per job, those of least reduced cost, the search takes
// as related to it.
const near = 8

// search improves one assignment by solving parts of the problem exactly: all
// jobs of a few related agents at once. That is a very large neighbourhood
// (R. Ahuja, Ö. Ergun, J. Orlin and A. Punnen, 2002, "A survey of very
// large-scale neighborhood search techniques") that holds each ejection chain
// among these agents. Jobs without an agent wait on a spare one at a high cost,
// so that repair and improvement are one thing.
type search struct {
	p     *Problem
	opt   Options
	agent []int     // of each job, -1 when waiting
	jobs  [][]int32 // of each agent
	wait  []int32   // jobs without an agent
	alone int64     // cost of waiting

	near  []int32 // [job*width+k], agents by reduced cost
	width int
	u     []float64 // multipliers of the jobs in steps
	least []int64   // price of each agent at u
	waste []int64   // how far each agent's set is from its price, in steps
}

func newSearch(p *Problem, g *grid, lambda []float64, opt Options) *search {
	s := &search{
		p: p, opt: opt, agent: make([]int, p.Jobs), jobs: make([][]int32, p.Agents),
		width: min(near, p.Agents), waste: make([]int64, p.Agents), least: make([]int64, p.Agents),
	}
	for _, c := range p.Cost {
		s.alone = max(s.alone, c, -c)
	}
	s.alone = 3*s.alone + 1
	s.near = make([]int32, 0, p.Jobs*s.width)
	order, reduced := make([]int32, p.Agents), make([]float64, p.Agents)
	for j := range p.Jobs {
		for i, c := range g.job(j) {
			order[i], reduced[i] = int32(i), c.cost+lambda[i]*c.weight
		}
		partialSort(order, reduced, s.width)
		s.near = append(s.near, order[:s.width]...)
	}
	s.construct(g, lambda)
	return s
}

// partialSort moves the k agents of least value to the front, in order.
func partialSort(order []int32, value []float64, k int) {
	for a := range k {
		low := a
		for b := a + 1; b < len(order); b++ {
			if value[order[b]] < value[order[low]] {
				low = b
			}
		}
		order[a], order[low] = order[low], order[a]
	}
}

// construct gives each job the agent of least reduced cost that has room, those
// first that lose most by their second choice.
func (s *search) construct(g *grid, lambda []float64) {
	order, regret := make([]int, s.p.Jobs), make([]float64, s.p.Jobs)
	for j := range order {
		order[j] = j
		if s.width > 1 {
			a, b := s.near[j*s.width], s.near[j*s.width+1]
			x, y := g.job(j)[a], g.job(j)[b]
			regret[j] = y.cost + lambda[b]*y.weight - x.cost - lambda[a]*x.weight
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(regret[b], regret[a]) })
	room := slices.Clone(s.p.Capacity)
	for _, j := range order {
		s.agent[j] = -1
		for _, i := range s.near[j*s.width : (j+1)*s.width] {
			if w := s.p.Weight[int(i)*s.p.Jobs+j]; w <= room[i] {
				room[i] -= w
				s.agent[j] = int(i)
				break
			}
		}
		s.file(int32(j))
	}
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// file enters a job in the list of its agent.
func (s *search) file(j int32) {
	if i := s.agent[j]; i >= 0 {
		s.jobs[i] = append(s.jobs[i], j)
	} else {
		s.wait = append(s.wait, j)
	}
}

// adopt replaces the assignment, which is one without waiting jobs.
func (s *search) adopt(agent []int) {
	copy(s.agent, agent)
	s.wait = s.wait[:0]
	for i := range s.jobs {
		s.jobs[i] = s.jobs[i][:0]
	}
	for j := range s.agent {
		s.file(int32(j))
	}
	s.weigh()
}

// total returns the cost of the assignment, and whether it is complete.
func (s *search) total() (int64, bool) {
	c := int64(0)
	for j, i := range s.agent {
		if i >= 0 {
			c += s.p.Cost[i*s.p.Jobs+j]
		}
	}
	return c, len(s.wait) == 0
}

// guide sets the multipliers that say where the waste is, from an evaluation of
// r at u.
func (s *search) guide(r *relaxation, u []float64) {
	s.u = append(s.u[:0], u...)
	r.evaluate(u, false)
	copy(s.least, r.value)
	s.weigh()
}

func (s *search) weigh() {
	for i := range s.jobs {
		s.weighAgent(i)
	}
}

func (s *search) weighAgent(i int) {
	w := -s.least[i]
	for _, j := range s.jobs[i] {
		w += s.p.Cost[i*s.p.Jobs+int(j)]*scale - int64(s.u[j])
	}
	s.waste[i] = w
}

// shares are the parts of the gap of a part, in percent, that a dive aims at:
// the less, the more pairs are decided at once and the sooner a solution is
// found, if there is one.
var shares = [...]int64{10, 25, 50, 100}

// part is the search among some agents at a time.
type part struct {
	s      *search
	random rng
	size   int // agents that are solved together
	failed int // attempts in a row without gain
}

func newPart(s *search, seed uint64) *part {
	return &part{s: s, random: rng(seed), size: 2}
}

// run improves the assignment with about the given effort.
func (q *part) run(effort int) {
	for effort > 0 && !q.s.opt.Stop() {
		effort -= 500
		agents := q.pick()
		waste := int64(0)
		for _, i := range agents {
			waste += q.s.waste[i]
		}
		if waste < scale && len(q.s.wait) == 0 {
			q.fail()
			continue
		}
		gain, work := q.improve(agents)
		effort -= work
		if gain > 0 {
			q.failed = 0
		} else {
			q.fail()
		}
	}
}

// fail takes more agents at once when those of this size are exhausted.
func (q *part) fail() {
	if q.failed++; q.failed > 2*q.s.p.Agents+10 {
		q.failed = 0
		if q.size < q.s.p.Agents {
			q.size++
		}
	}
}

// pick returns agents to solve together: a wasteful one or one that a waiting
// job wants, and others that are near jobs of those.
func (q *part) pick() []int32 {
	var picked []int32
	take := func(i int32) {
		if !slices.Contains(picked, i) {
			picked = append(picked, i)
		}
	}
	if len(q.s.wait) > 0 {
		j := q.s.wait[q.random.below(len(q.s.wait))]
		take(q.s.near[int(j)*q.s.width+q.random.below(q.s.width)])
	}
	for tries := 0; len(picked) < q.size && tries < 10*q.size; tries++ {
		if len(picked) == 0 || q.random.below(4) == 0 {
			take(q.wasteful())
			continue
		}
		list := q.s.jobs[picked[q.random.below(len(picked))]]
		if len(list) > 0 {
			j := list[q.random.below(len(list))]
			take(q.s.near[int(j)*q.s.width+q.random.below(q.s.width)])
		}
	}
	return picked
}

// wasteful returns the most wasteful of three agents.
func (q *part) wasteful() int32 {
	best := int32(q.random.below(q.s.p.Agents))
	for range 2 {
		if i := int32(q.random.below(q.s.p.Agents)); q.s.waste[i] > q.s.waste[best] {
			best = i
		}
	}
	return best
}

// improve solves the jobs of the agents anew and returns what that saves, and
// the effort.
func (q *part) improve(agents []int32) (gain int64, work int) {
	s := q.s
	var jobs []int32
	for _, i := range agents {
		jobs = append(jobs, s.jobs[i]...)
	}
	spare := len(s.wait) > 0
	if spare {
		jobs = append(jobs, s.wait[:min(len(s.wait), 8)]...)
	}
	if len(jobs) == 0 {
		return 0, 0
	}
	sub, before := s.extract(agents, jobs, spare)
	upper := before
	if q.random.below(2) == 0 {
		upper++ // another solution of the same cost moves the search on
	}
	u := make([]float64, len(jobs))
	for k, j := range jobs {
		u[k] = s.u[j]
	}
	o := &packing{p: sub}
	d := newDiver(newRelaxation(sub.Agents, sub.Jobs, o, s.opt), q.random.next())
	low := ceilSteps(d.r.evaluate(u, true))
	work = len(sub.Cost) + o.effort(0)
	if low >= upper {
		return 0, work
	}
	share := float64(shares[q.random.below(len(shares))]) / 100
	found, dived := d.once(u, low, upper, share)
	if found != nil {
		s.replace(agents, jobs, found)
		gain = before - d.t.upper
	}
	return gain, work + dived
}

// extract returns the problem of the jobs on the agents, with a spare agent at
// the end when asked for, and what the jobs cost now.
func (s *search) extract(agents, jobs []int32, spare bool) (*Problem, int64) {
	m, n := len(agents), len(jobs)
	if spare {
		m++
	}
	sub := &Problem{
		Agents: m, Jobs: n, Cost: make([]int64, m*n), Weight: make([]int64, m*n), Capacity: make([]int64, m),
	}
	before := int64(0)
	for a, i := range agents {
		sub.Capacity[a] = s.p.Capacity[i]
		row := int(i) * s.p.Jobs
		for k, j := range jobs {
			sub.Cost[a*n+k], sub.Weight[a*n+k] = s.p.Cost[row+int(j)], s.p.Weight[row+int(j)]
			if s.agent[j] == int(i) {
				before += s.p.Cost[row+int(j)]
			}
		}
	}
	if spare {
		for k, j := range jobs {
			sub.Cost[(m-1)*n+k] = s.alone
			if s.agent[j] < 0 {
				before += s.alone
			}
		}
	}
	return sub, before
}

// replace puts the jobs where a part's solution says.
func (s *search) replace(agents, jobs []int32, to []int) {
	for _, i := range agents {
		s.jobs[i] = s.jobs[i][:0]
	}
	waited := len(agents) > 0 && slices.ContainsFunc(jobs, func(j int32) bool { return s.agent[j] < 0 })
	if waited {
		s.wait = slices.DeleteFunc(s.wait, func(j int32) bool { return slices.Contains(jobs, j) })
	}
	for k, j := range jobs {
		s.agent[j] = -1
		if to[k] < len(agents) {
			s.agent[j] = int(agents[to[k]])
		}
		s.file(j)
	}
	for _, i := range agents {
		s.weighAgent(int(i))
	}
}
