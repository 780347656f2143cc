package forecast

import (
	"cmp"
	"math"
	"slices"
)

// How errors become weights: weight ∝ error^−sharp with full evidence, less sharply
// where the backtest graded fewer values; the error being that of the
// series itself and, as if seen in so many more folds, that of the whole group. The
// values were chosen on the last 48 training values of M4 Hourly, on carbon intensity and
// prices of 2022, and on parts of the traces of use and arrivals.
const (
	sharp    = 7.0
	evidence = 192.0 // graded values
	prior    = 2.0
	hopeless = 1.6 // candidates whose error is that much larger than the best's are left out
)

// few is up to how many series are judged each by itself: with more cuts, and with doubt.
const few = 30

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
		m.believe(g.h, len(g.members) <= few)
	})
}

// Doubt: a combination that is not better than the benchmark in the mean of the cuts by so
// many standard errors is drawn towards it. The spread of a few cuts is little known, and
// taken as if two more were seen that differ so much (in logarithms of the error).
const (
	doubtErrors = 2
	usualSpread = .3
)

// believe measures how much better than the benchmark the combination is from cut to cut,
// and sets how far it is believed, also without each cut.
func (m *member) believe(h int, doubt bool) {
	m.trust, m.trusts = 1, fill(m.folds, 1)
	m.bench = slices.IndexFunc(m.names, func(n string) bool { return n == "snaive" || n == "naive" })
	if !doubt || m.bench < 0 {
		m.bench = 0
		return
	}
	gain := make([]float64, m.folds)
	for f := range gain {
		actual := m.x[m.cut(f, h):][:h]
		mine, base := MAE(actual, combine(m.fold(f), m.weights, h, h)), MAE(actual, m.past[m.bench][f])
		tiny := 1e-9 * (rms(actual) + 1e-300)
		gain[f] = max(-2, min(2, math.Log((base+tiny)/(mine+tiny))))
	}
	m.trust = trust(gain)
	for f := range m.trusts {
		if m.folds > 1 {
			m.trusts[f] = trust(slices.Delete(slices.Clone(gain), f, f+1))
		}
	}
}

// trust is 0 where the gains are none, 1 where their mean is above doubt.
func trust(gain []float64) float64 {
	n := float64(len(gain))
	spread := math.Sqrt(((n-1)*variance(gain) + 2*usualSpread*usualSpread) / (n + 1))
	return max(0, min(1, mean(gain)/(doubtErrors*spread/math.Sqrt(n))))
}

// fold is the candidates' forecasts of a cut.
func (m *member) fold(f int) [][]float64 {
	parts := make([][]float64, len(m.names))
	for c := range parts {
		parts[c] = m.past[c][f]
	}
	return parts
}

// toward draws a forecast towards another one in place.
func toward(x, base []float64, trust float64) []float64 {
	if trust < 1 {
		for i := range min(len(x), len(base)) { // a base may reach less far
			x[i] = trust*x[i] + (1-trust)*base[i]
		}
	}
	return x
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

// combine puts candidate forecasts of n steps together, each weight among those that reach
// the step: by the mean of the middle half of the weight, so that one that goes astray does
// no harm; without weights by the median.
func combine(parts, weights [][]float64, n, h int) []float64 {
	out := make([]float64, n)
	at := make([]weighed, 0, len(parts))
	for i := range out {
		at = at[:0]
		for c, p := range parts {
			if i >= len(p) || math.IsNaN(p[i]) || math.IsInf(p[i], 0) {
				continue
			}
			w := 1.0
			if weights != nil {
				w = weights[c][block(min(i, h-1), h)]
			}
			at = append(at, weighed{p[i], w})
		}
		if weights == nil || total(at) == 0 {
			out[i] = middleOf(at)
		} else {
			out[i] = trimmed(at, .25)
		}
	}
	return out
}

// weighed is a forecast and its weight.
type weighed struct{ value, weight float64 }

func total(list []weighed) (sum float64) {
	for _, v := range list {
		sum += v.weight
	}
	return sum
}

// middleOf is the median, whatever the weights.
func middleOf(list []weighed) float64 {
	x := make([]float64, len(list))
	for i, v := range list {
		x[i] = v.value
	}
	return median(x)
}

// trimmed is the weighted mean of what is left of the values when a share of the weight is
// cut off below and above.
func trimmed(list []weighed, cut float64) float64 {
	all := total(list)
	lo, hi := cut*all, (1-cut)*all
	slices.SortFunc(list, func(a, b weighed) int { return cmp.Compare(a.value, b.value) })
	sum, kept, below := 0.0, 0.0, 0.0
	for _, v := range list {
		w := max(0, min(below+v.weight, hi)-max(below, lo))
		sum += w * v.value
		kept += w
		below += v.weight
	}
	return sum / kept
}
