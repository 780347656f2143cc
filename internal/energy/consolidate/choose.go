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
	best, most := h.vms[0], math.SmallestNonzeroFloat64
	for i, v := range h.vms {
		columns := [][]float64{}
		for k, other := range h.vms {
			if k != i {
				columns = append(columns, s.vms[other].history[:m])
			}
		}
		if r := determination(columns, s.vms[v].history[:m]); r > most {
			best, most = v, r
		}
	}
	return best
}

// determination is R² of y on columns and a constant, by Gram-Schmidt.
func determination(columns [][]float64, y []float64) float64 {
	var basis [][]float64
	rest := centred(y)
	total := product(rest, rest)
	for _, c := range columns {
		c = centred(c)
		size := product(c, c)
		for range 2 { // twice is enough (Giraud, Langou and Rozložník, 2005)
			for _, b := range basis {
				subtract(c, b, product(c, b))
			}
		}
		left := product(c, c)
		if left <= 1e-12*size || left == 0 {
			continue
		}
		for i := range c {
			c[i] /= math.Sqrt(left)
		}
		basis = append(basis, c)
		subtract(rest, c, product(rest, c))
	}
	if total == 0 {
		return 0
	}
	return 1 - product(rest, rest)/total
}

func centred(x []float64) []float64 {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - mean
	}
	return out
}

func product(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func subtract(from, what []float64, times float64) {
	for i, v := range what {
		from[i] -= times * v
	}
}
