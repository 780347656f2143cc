package consolidate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// selector picks the next VM to leave a host.
type selector func(s *sim, h *host) int

func (p Policy) selector() (selector, error) {
	switch p.Select {
	case MMT:
		return leastMemory, nil
	case MU:
		return leastUse, nil
	case MC:
		return mostCorrelated, nil
	case RS:
		rng := rand.New(rand.NewPCG(p.Seed, 0))
		return func(_ *sim, h *host) int { return h.vms[rng.IntN(len(h.vms))] }, nil
	}
	return nil, fmt.Errorf("there is no selection %.40q: it is one of %s", p.Select, strings.Join(Selections(), ", "))
}

func lowest(h *host, of func(v int) float64) int {
	best, least := -1, math.Inf(1)
	for _, v := range h.vms {
		if x := of(v); x < least || best < 0 {
			best, least = v, x
		}
	}
	return best
}

func leastMemory(s *sim, h *host) int {
	return lowest(h, func(v int) float64 { return s.vms[v].kind.Memory })
}

func leastUse(s *sim, h *host) int {
	return lowest(h, func(v int) float64 { return s.vms[v].asks / s.vms[v].kind.MIPS })
}

// mostCorrelated is the VM whose use is best told from that of the others: with the
// highest coefficient of determination of a multiple regression. Where there are
// too few samples for one it is that of the least memory.
func mostCorrelated(s *sim, h *host) int {
	n, m := len(h.vms), past
	for _, v := range h.vms {
		m = min(m, len(s.vms[v].history))
	}
	if n < 2 || m < n {
		return leastMemory(s, h)
	}
	samples := make([][]float64, n)
	for i, v := range h.vms {
		samples[i] = s.vms[v].history[:m]
	}
	best, most := h.vms[0], 0.0
	for i, r := range determinations(samples) {
		if r > most {
			best, most = h.vms[i], r
		}
	}
	return best
}

// collinear keeps the correlations of columns that tell each other exactly solvable.
const collinear = 1e-9

// determinations are, for each column, R² of its regression on all others and a
// constant: 1 − 1/(C⁻¹)ᵢᵢ with C the matrix of correlations. A column that does not
// vary has 0.
func determinations(columns [][]float64) []float64 {
	n := len(columns)
	unit := make([][]float64, n)
	for i, c := range columns {
		unit[i] = standardised(c)
	}
	// C = L·Lᵀ by Cholesky, and with it the squares of the columns of L⁻¹.
	l, inverse := make([][]float64, n), make([][]float64, n)
	out := make([]float64, n)
	for i := range n {
		l[i], inverse[i] = make([]float64, i+1), make([]float64, i+1)
		for j := range i + 1 {
			c := product(unit[i], unit[j]) - product(l[i][:j], l[j][:j])
			if i == j {
				l[i][i] = math.Sqrt(max(c+collinear, collinear))
			} else {
				l[i][j] = c / l[j][j]
			}
		}
		inverse[i][i] = 1 / l[i][i]
		for j := range i {
			sum := 0.0
			for k := j; k < i; k++ {
				sum += l[i][k] * inverse[k][j]
			}
			inverse[i][j] = -sum / l[i][i]
		}
		for j, v := range inverse[i] {
			out[j] += v * v
		}
	}
	for i, v := range out {
		out[i] = 1 - 1/v
		if product(unit[i], unit[i]) == 0 {
			out[i] = 0
		}
	}
	return out
}

// standardised has mean 0 and length 1, or is 0 throughout.
func standardised(x []float64) []float64 {
	mean, size := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - mean
		size += out[i] * out[i]
	}
	for i := range out {
		if size < 1e-18 {
			out[i] = 0
		} else {
			out[i] /= math.Sqrt(size)
		}
	}
	return out
}

func product(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
