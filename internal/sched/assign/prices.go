package assign

import "math"

// capacityPrices returns a price per unit of each agent's capacity, near the
// optimal dual of the linear relaxation, by the subgradient method on
// Σ_j min_i (c_ij + λ_i r_ij) − Σ_i λ_i C_i. They guide the search; nothing
// proven rests on them.
func capacityPrices(g *grid, rounds int, stop func() bool) []float64 {
	lambda, best := make([]float64, g.m), make([]float64, g.m)
	load, dir := make([]float64, g.m), make([]float64, g.m)
	top, step, stale := math.Inf(-1), 1.0, 0
	for range rounds {
		if stop() {
			break
		}
		bound := g.relaxCapacities(lambda, load)
		if bound > top+1e-9*math.Abs(top) || math.IsInf(top, -1) {
			top, stale = bound, 0
			copy(best, lambda)
		} else if stale++; stale > 12 {
			step, stale = step*0.6, 0
			copy(lambda, best)
			g.relaxCapacities(lambda, load) // for the loads at the best prices
			clear(dir)
		}
		norm := 0.0
		for i := range dir {
			grad := (load[i] - g.capacity[i]) / g.unit[i]
			if lambda[i] == 0 && grad < 0 {
				grad = 0
			}
			dir[i] = 0.6*dir[i] + 0.4*grad
			norm += dir[i] * dir[i]
		}
		if norm == 0 || step < 1e-5 {
			break
		}
		length := step * (0.05*math.Abs(top) + 1) / norm
		for i := range lambda {
			lambda[i] = max(0, lambda[i]+length*dir[i]/g.unit[i])
		}
	}
	return best
}

// relaxCapacities puts each job where c + λ r is least, into load, and returns
// the value of the relaxation.
func (g *grid) relaxCapacities(lambda, load []float64) float64 {
	clear(load)
	total := 0.0
	for j := range g.n {
		cells := g.job(j)
		at, least := -1, math.Inf(1)
		for i, c := range cells {
			if v := c.cost + lambda[i]*c.weight; v < least {
				at, least = i, v
			}
		}
		if at >= 0 {
			load[at] += cells[at].weight
			total += least
		}
	}
	for i, l := range lambda {
		total -= l * g.capacity[i]
	}
	return total
}

// cell is a pair of job and agent. A forbidden one costs +Inf.
type cell struct{ cost, weight float64 }

// grid is a problem laid out job by job for the search.
type grid struct {
	m, n     int
	cells    []cell // [job*m+agent]
	capacity []float64
	unit     []float64 // mean weight on each agent, at least 1: its natural unit of load
}

func newGrid(p *Problem) *grid {
	g := &grid{
		m: p.Agents, n: p.Jobs, cells: make([]cell, p.Agents*p.Jobs),
		capacity: make([]float64, p.Agents), unit: make([]float64, p.Agents),
	}
	for i := range g.m {
		g.capacity[i] = float64(p.Capacity[i])
		sum := 0.0
		for j := range g.n {
			k := i*g.n + j
			c := cell{float64(p.Cost[k]), float64(p.Weight[k])}
			sum += min(c.weight, g.capacity[i])
			if p.Weight[k] > p.Capacity[i] {
				c.cost = math.Inf(1)
			}
			g.cells[j*g.m+i] = c
		}
		g.unit[i] = max(1, sum/float64(max(1, g.n)))
	}
	return g
}

func (g *grid) job(j int) []cell { return g.cells[j*g.m : (j+1)*g.m] }
