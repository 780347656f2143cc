package assign

import (
	"math"
)

// Vector is an assignment of jobs to agents under several capacities: minimise the
// sum of the costs of the chosen pairs, each job on one agent, and on no agent is
// more of a kind needed than there is room.
type Vector struct {
	Agents, Jobs, Kinds int
	Cost                [][]int64 // [job][agent]; math.MaxInt64 forbids the pair
	Need                []int64   // [job*Kinds+kind], ≥ 0
	Room                []int64   // [agent*Kinds+kind], ≥ 0
	Upper               int64     // cost of some solution: it sets the length of the first steps
}

// rounds of the subgradient method: each looks at every pair once.
const vectorRounds = 120

// Bound returns a price for a unit of each agent's room of each kind
// ([agent*Kinds+kind]), and what no solution costs less than: the best value found
// of Σ_j min_i (c_ij + Σ_k λ_ik r_jk) − Σ_ik λ_ik C_ik over λ ≥ 0 (M. Fisher, 1981,
// "The Lagrangian Relaxation Method for Solving Integer Programming Problems"), by
// deflected subgradients with the steps of Polyak. It is asked to stop between
// rounds. A job that no agent may do makes the bound math.MaxInt64.
func (v *Vector) Bound(opt Options) ([]float64, int64) {
	opt = opt.withDefaults()
	p := newPricing(v)
	for range vectorRounds {
		value := p.relax()
		if math.IsInf(value, 1) {
			return p.top, math.MaxInt64
		}
		if !p.step(value) || opt.Stop() {
			break
		}
	}
	// Rounding in the sums is far below a millionth of what was added up.
	return p.top, int64(math.Ceil(p.best - 1e-6 - 1e-12*p.size))
}

// pricing is the state of the subgradient method.
type pricing struct {
	v           *Vector
	unit        []float64 // [kind]: mean need, the natural unit of a price
	lambda, top []float64 // prices now, and those of the best value
	load        []float64 // [agent*Kinds+kind] of the relaxed solution
	slope       []float64
	best, size  float64
	length      float64
	stale       int
}

func newPricing(v *Vector) *pricing {
	n := v.Agents * v.Kinds
	p := &pricing{
		v: v, unit: make([]float64, v.Kinds), lambda: make([]float64, n), top: make([]float64, n),
		load: make([]float64, n), slope: make([]float64, n), best: math.Inf(-1), length: 1,
	}
	for j := range v.Jobs {
		for k := range v.Kinds {
			p.unit[k] += float64(v.Need[j*v.Kinds+k]) / float64(v.Jobs)
		}
	}
	return p
}

// relax gives each job the agent that is cheapest at the present prices.
func (p *pricing) relax() (value float64) {
	v := p.v
	clear(p.load)
	p.size = 0
	for i, l := range p.lambda {
		value -= l * float64(v.Room[i])
		p.size += l * float64(v.Room[i])
	}
	for j := range v.Jobs {
		need := v.Need[j*v.Kinds : (j+1)*v.Kinds]
		at, least := -1, math.Inf(1)
		for i, c := range v.Cost[j] {
			if c == math.MaxInt64 {
				continue
			}
			sum := float64(c)
			for k, l := range p.lambda[i*v.Kinds : (i+1)*v.Kinds] {
				sum += l * float64(need[k])
			}
			if sum < least {
				at, least = i, sum
			}
		}
		if value += least; at < 0 {
			return math.Inf(1)
		}
		p.size += math.Abs(least)
		for k, n := range need {
			p.load[at*v.Kinds+k] += float64(n)
		}
	}
	return value
}

// step moves the prices up the slope; false when there is nothing left to climb.
func (p *pricing) step(value float64) bool {
	if value > p.best {
		p.best, p.stale = value, 0
		copy(p.top, p.lambda)
	} else if p.stale++; p.stale > 6 {
		p.length, p.stale = p.length/2, 0
		copy(p.lambda, p.top)
		clear(p.slope)
		return p.length > 1e-3
	}
	norm := 0.0
	for i := range p.slope {
		unit := p.unit[i%p.v.Kinds]
		if unit == 0 {
			continue
		}
		over := (p.load[i] - float64(p.v.Room[i])) / unit
		if over < 0 && p.lambda[i] == 0 {
			over = 0
		}
		p.slope[i] = 0.5*p.slope[i] + 0.5*over
		norm += p.slope[i] * p.slope[i]
	}
	gap := float64(p.v.Upper) - value
	if norm == 0 || gap <= 0 {
		return false
	}
	far := p.length * gap / norm
	for i := range p.lambda {
		if unit := p.unit[i%p.v.Kinds]; unit > 0 {
			p.lambda[i] = max(0, p.lambda[i]+far*p.slope[i]/unit)
		}
	}
	return true
}
