package assign

import (
	"math"
	"slices"
)

// chains improves assignments that may exceed capacities at a price: jobs shift,
// two jobs swap, and a job that is taken out lets others move up one after the
// other until it finds a place again. Prices of excess rise while solutions are
// infeasible and fall while they are not, so that the search goes to and fro across
// the border, where good solutions are. New searches begin between two good
// solutions (M. Yagiura, T. Ibaraki and F. Glover, 2004, "An Ejection Chain Approach
// for the Generalized Assignment Problem"; 2006, "A path relinking approach with
// ejection chains for the generalized assignment problem").
//
// All sums are in steps: costs times scale.
type chains struct {
	p      *Problem
	near   []int32   // [job*width+k], agents by reduced cost
	close  []bool    // [job*Agents+agent]: the agent is near
	fans   [][]int32 // of each agent: the jobs that have it near
	width  int
	random rng
	stop   func() bool

	agent []int32
	load  []int64
	jobs  [][]int32 // of each agent
	pos   []int32   // of each job among those
	price []float64 // of a unit of excess, by agent
	order []int32
	used  []int32 // job to the number of the chain that it was in
	turn  int32
	trail []shift
	work  int // effort since it was last asked for

	elite []elite
	best  []int // the best that exceeds nothing; nil: none yet
	cost  int64 // of best
}

// shift is a move of one job, from where it was.
type shift struct{ job, from int32 }

// elite is a good solution, feasible or nearly.
type elite struct {
	agent []int32
	cost  int64
	over  []int64 // excess by agent
}

const maxElite = 12

func newChains(s *search, lambda []float64, seed uint64) *chains {
	p := s.p
	c := &chains{
		p: p, near: s.near, width: s.width, random: rng(seed), stop: s.opt.Stop, close: make([]bool, p.Jobs*p.Agents),
		fans: make([][]int32, p.Agents), agent: make([]int32, p.Jobs), load: make([]int64, p.Agents), jobs: make([][]int32, p.Agents),
		pos: make([]int32, p.Jobs), price: make([]float64, p.Agents), order: make([]int32, p.Jobs), used: make([]int32, p.Jobs), cost: math.MaxInt64,
	}
	for j := range p.Jobs {
		c.order[j] = int32(j)
		for _, i := range c.near[j*c.width : (j+1)*c.width] {
			if p.Weight[int(i)*p.Jobs+j] <= p.Capacity[i] {
				c.close[j*p.Agents+int(i)] = true
				c.fans[i] = append(c.fans[i], int32(j))
			}
		}
	}
	for i := range c.price {
		c.price[i] = (1.5*lambda[i] + 0.1) * scale
	}
	first := make([]int32, p.Jobs) // every job where it is cheapest, whatever that exceeds
	for j := range first {
		first[j] = c.near[j*c.width]
	}
	c.begin(first)
	c.note()
	return c
}

func (c *chains) row(i int32, j int32) int { return int(i)*c.p.Jobs + int(j) }

// over is the price of the excess that an agent has with a load.
func (c *chains) over(i int32, load int64) float64 {
	if d := load - c.p.Capacity[i]; d > 0 {
		return c.price[i] * float64(d)
	}
	return 0
}

// adds is what agent i costs more with job j; leaves what it costs without.
func (c *chains) adds(i, j int32) float64 {
	k := c.row(i, j)
	return float64(c.p.Cost[k]*scale) + c.over(i, c.load[i]+c.p.Weight[k]) - c.over(i, c.load[i])
}

func (c *chains) leaves(i, j int32) float64 {
	k := c.row(i, j)
	return -float64(c.p.Cost[k]*scale) + c.over(i, c.load[i]-c.p.Weight[k]) - c.over(i, c.load[i])
}

// move takes a job to an agent; -1 is nowhere.
func (c *chains) move(j, to int32) {
	if from := c.agent[j]; from >= 0 {
		c.load[from] -= c.p.Weight[c.row(from, j)]
		list := c.jobs[from]
		last := list[len(list)-1]
		list[c.pos[j]], c.pos[last] = last, c.pos[j]
		c.jobs[from] = list[:len(list)-1]
	}
	if c.agent[j] = to; to >= 0 {
		c.load[to] += c.p.Weight[c.row(to, j)]
		c.pos[j] = int32(len(c.jobs[to]))
		c.jobs[to] = append(c.jobs[to], j)
	}
}

// begin takes over an assignment.
func (c *chains) begin(agent []int32) {
	clear(c.load)
	for i := range c.jobs {
		c.jobs[i] = c.jobs[i][:0]
	}
	for j, i := range agent {
		c.agent[j] = -1
		c.move(int32(j), i)
	}
}

// descend goes to where neither a shift, nor a swap, nor a chain gains.
func (c *chains) descend() {
	for gained := true; gained && !c.stop(); {
		gained = c.sweep(c.shift)
		gained = c.sweep(c.swap) || gained
		if !gained {
			gained = c.sweep(c.chain)
		}
	}
}

// sweep tries a step for every job, in random order.
func (c *chains) sweep(step func(j int32) bool) (gained bool) {
	c.work += 8 * c.width * len(c.order)
	for i := len(c.order) - 1; i > 0; i-- {
		k := c.random.below(i + 1)
		c.order[i], c.order[k] = c.order[k], c.order[i]
	}
	for n, j := range c.order {
		if n%64 == 0 && c.stop() {
			break
		}
		gained = step(j) || gained
	}
	return gained
}

// least is a gain that counts; smaller ones may be rounding.
const leastGain = 0.5

func (c *chains) nearOf(j int32) []int32 { return c.near[int(j)*c.width : (int(j)+1)*c.width] }

func (c *chains) shift(j int32) bool {
	from := c.agent[j]
	saved, best, to := c.leaves(from, j), -leastGain, int32(-1)
	for _, i := range c.nearOf(j) {
		if i == from || !c.close[int(j)*c.p.Agents+int(i)] {
			continue
		}
		if d := saved + c.adds(i, j); d < best {
			best, to = d, i
		}
	}
	if to < 0 {
		return false
	}
	c.move(j, to)
	return true
}

// swap exchanges a job with the one of another agent with which that gains most.
func (c *chains) swap(j int32) bool {
	from, w := c.agent[j], c.p.Weight
	best, with := -leastGain, int32(-1)
	base := c.over(from, c.load[from])
	for _, i := range c.nearOf(j) {
		if i == from || !c.close[int(j)*c.p.Agents+int(i)] {
			continue
		}
		at := c.row(i, j)
		fixed := float64((c.p.Cost[at]-c.p.Cost[c.row(from, j)])*scale) - base - c.over(i, c.load[i])
		rest, other := c.load[from]-w[c.row(from, j)], c.load[i]+w[at]
		for _, k := range c.jobs[i] {
			if !c.close[int(k)*c.p.Agents+int(from)] {
				continue
			}
			here, there := c.row(i, k), c.row(from, k)
			d := fixed + float64((c.p.Cost[there]-c.p.Cost[here])*scale) + c.over(from, rest+w[there]) + c.over(i, other-w[here])
			if d < best {
				best, with = d, k
			}
		}
	}
	if with < 0 {
		return false
	}
	to := c.agent[with]
	c.move(with, from)
	c.move(j, to)
	return true
}

// longest is how many jobs move up in a chain.
const longest = 6

// chain takes job j out; then the job that gains most moves to where room was made,
// and so on. Where putting j back gains in all, the chain is kept.
func (c *chains) chain(j int32) bool {
	c.turn++
	c.used[j] = c.turn
	c.trail = append(c.trail[:0], shift{j, c.agent[j]})
	hole := c.agent[j]
	sum := c.leaves(hole, j)
	c.move(j, -1)
	for range longest {
		k, d := c.follower(hole)
		if k < 0 {
			break
		}
		c.used[k] = c.turn
		c.trail = append(c.trail, shift{k, c.agent[k]})
		next := c.agent[k]
		c.move(k, hole)
		hole, sum = next, sum+d
		to, add := c.place(j)
		if sum+add < -leastGain {
			c.move(j, to)
			return true
		}
	}
	for _, s := range slices.Backward(c.trail) {
		c.move(s.job, s.from)
	}
	return false
}

// follower is the job that is best moved to agent i.
func (c *chains) follower(i int32) (best int32, least float64) {
	best, least = -1, math.Inf(1)
	for _, k := range c.fans[i] {
		from := c.agent[k]
		if from == i || from < 0 || c.used[k] == c.turn {
			continue
		}
		if d := c.leaves(from, k) + c.adds(i, k); d < least {
			best, least = k, d
		}
	}
	return best, least
}

// place is the agent where job j adds least.
func (c *chains) place(j int32) (to int32, least float64) {
	to, least = -1, math.Inf(1)
	for _, i := range c.nearOf(j) {
		if !c.close[int(j)*c.p.Agents+int(i)] {
			continue
		}
		if d := c.adds(i, j); d < least {
			to, least = i, d
		}
	}
	return to, least
}

// note keeps what was reached, and moves the prices. It reports whether it is the
// best so far.
func (c *chains) note() bool {
	e := elite{agent: slices.Clone(c.agent), over: make([]int64, c.p.Agents)}
	for j, i := range c.agent {
		e.cost += c.p.Cost[c.row(i, int32(j))]
	}
	most := int64(0)
	for i := range e.over {
		e.over[i] = max(c.load[i]-c.p.Capacity[i], 0)
		most = max(most, e.over[i])
	}
	better := most == 0 && e.cost < c.cost
	if better {
		c.cost, c.best = e.cost, c.best[:0]
		for _, i := range e.agent {
			c.best = append(c.best, int(i))
		}
	}
	c.admit(e)
	for i := range c.price {
		if most == 0 {
			c.price[i] *= 0.9
		} else {
			c.price[i] *= 1 + 0.1*float64(e.over[i])/float64(most)
		}
	}
	return better
}

func (c *chains) worth(e *elite) float64 {
	sum := float64(e.cost * scale)
	for i, o := range e.over {
		sum += c.price[i] * float64(o)
	}
	return sum
}

// admit takes a solution among the good ones, instead of the worst of them.
func (c *chains) admit(e elite) {
	worst, most := -1, c.worth(&e)
	for n := range c.elite {
		if slices.Equal(c.elite[n].agent, e.agent) {
			return
		}
		if w := c.worth(&c.elite[n]); w >= most {
			worst, most = n, w
		}
	}
	switch {
	case len(c.elite) < maxElite:
		c.elite = append(c.elite, e)
	case worst >= 0:
		c.elite[worst] = e
	}
}

// relink begins on the way from one good solution to another.
func (c *chains) relink() {
	a := &c.elite[c.random.below(len(c.elite))]
	b := &c.elite[c.random.below(len(c.elite))]
	c.begin(a.agent)
	var differ []int32
	for j := range a.agent {
		if a.agent[j] != b.agent[j] {
			differ = append(differ, int32(j))
		}
	}
	if len(differ) < 4 {
		for range 3 + len(c.agent)/50 {
			j := int32(c.random.below(len(c.agent)))
			if i := c.nearOf(j)[c.random.below(c.width)]; c.close[int(j)*c.p.Agents+int(i)] {
				c.move(j, i)
			}
		}
		return
	}
	for range 1 + c.random.below(len(differ)/4) {
		j := differ[c.random.below(len(differ))]
		c.move(j, b.agent[j])
	}
}

// offer takes in a solution that was found elsewhere.
func (c *chains) offer(agent []int) {
	list := make([]int32, len(agent))
	for j, i := range agent {
		list[j] = int32(i)
	}
	c.begin(list)
	c.note()
}

// run searches on with about the given effort.
func (c *chains) run(effort int) {
	for effort > 0 && !c.stop() {
		c.relink()
		c.descend()
		c.note()
		effort -= c.work
		c.work = 0
	}
}
