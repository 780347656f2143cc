package forecast

import (
	"math"
	"slices"
)

// How errors become weights: weight ∝ error^−sharp with full evidence, less sharply
// where the backtest graded fewer values; the error being that of the
// series itself and, as if seen in so many more folds, that of the whole group. The
// values were chosen on the last 48 training values of M4 Hourly.
const (
	sharp    = 10.0
	evidence = 192.0 // graded values
	prior    = 2.0
	hopeless = 1.3 // candidates whose error is that much larger than the best's are left out
)

// weigh sets the weights of all members, and those that each fold would have got
// from the other folds, by which the combination is judged.
func (g *group) weigh() {
	common := g.common()
	g.run.par(len(g.members), func(i int) {
		m := g.members[i]
		if m.loss == nil {
			return
		}
		m.weights = m.weightsFrom(common, -1, len(g.members) > 1)
		for f := range m.folds {
			m.without = append(m.without, m.weightsFrom(common, f, len(g.members) > 1))
		}
	})
}

// relative returns the mean log of the errors over the best candidate's in one
// block; a fold can be left out.
func (m *member) relative(b, without int) []float64 {
	out := make([]float64, len(m.names))
	for c := range out {
		n := 0.0
		for f, l := range m.loss[c] {
			if f != without || m.folds == 1 {
				out[c] += l[b]
				n++
			}
		}
		out[c] = math.Log(out[c]/n + 1e-9)
	}
	best := slices.Min(out)
	for c := range out {
		out[c] = min(3, out[c]-best)
	}
	return out
}

// common is each candidate's mean relative error over the group, by block.
func (g *group) common() map[string][]float64 {
	sum, n := map[string][]float64{}, map[string]float64{}
	for _, m := range g.members {
		if m.loss == nil {
			continue
		}
		for c := range m.names {
			n[m.key(c)]++
			if sum[m.key(c)] == nil {
				sum[m.key(c)] = make([]float64, blocks)
			}
		}
		for b := range blocks {
			for c, r := range m.relative(b, -1) {
				sum[m.key(c)][b] += r
			}
		}
	}
	for name, s := range sum { // order-free: each entry on its own
		for b := range s {
			s[b] /= n[name]
		}
	}
	return sum
}

// key names a candidate within the group; two seasonal naive ones differ by place.
func (m *member) key(c int) string {
	if c > 0 && m.names[c] == m.names[c-1] {
		return m.names[c] + "+"
	}
	return m.names[c]
}

func (m *member) weightsFrom(common map[string][]float64, without int, shared bool) [][]float64 {
	out := make([][]float64, len(m.names))
	for c := range out {
		out[c] = make([]float64, blocks)
	}
	own, k := float64(m.folds), 0.0
	exponent := sharp * min(1, own*float64(len(m.past[0][0]))/evidence)
	if shared {
		k = prior
	}
	for b := range blocks {
		rel := m.relative(b, without)
		for c := range rel {
			rel[c] = (own*rel[c] + k*common[m.key(c)][b]) / (own + k)
		}
		best := slices.Min(rel)
		total := 0.0
		for c, r := range rel {
			if r-best < math.Log(hopeless) {
				out[c][b] = math.Exp(-exponent * (r - best))
				total += out[c][b]
			}
		}
		for c := range rel {
			out[c][b] /= total
		}
	}
	return out
}

// combine is the weighted mean of candidate forecasts, each weight among those that
// reach the step. Without weights it is the median.
func combine(parts, weights [][]float64, n, h int) []float64 {
	out := make([]float64, n)
	for i := range out {
		var at []float64
		sum, total := 0.0, 0.0
		for c, p := range parts {
			if i >= len(p) || math.IsNaN(p[i]) || math.IsInf(p[i], 0) {
				continue
			}
			at = append(at, p[i])
			if weights != nil {
				w := weights[c][block(min(i, h-1), h)]
				sum += w * p[i]
				total += w
			}
		}
		if total > 0 {
			out[i] = sum / total
		} else {
			out[i] = median(at)
		}
	}
	return out
}
