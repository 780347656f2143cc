package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// calibrate measures the combination on the backtest. An error is scored relative
// to its series and to the usual error at its distance; quantiles of a series' own
// scores give its intervals (split conformal prediction: Vovk, Gammerman and Shafer,
// 2005, "Algorithmic Learning in a Random World"), widened by what was missing when
// each fold was predicted from the others.
func (g *group) calibrate() {
	for _, m := range g.members {
		m.residuals(g.h)
	}
	g.profile = make([]float64, g.h)
	n := 0.0
	for _, m := range g.members {
		if m.scores == nil {
			continue
		}
		n++
		for i := range g.profile {
			s := 0.0
			for _, f := range m.scores {
				s += min(20, f[i]) / float64(len(m.scores))
			}
			g.profile[i] += s
		}
	}
	g.smoothProfile(n)
	for _, m := range g.members {
		for _, f := range m.scores {
			for i := range f {
				f[i] /= g.profile[i]
			}
		}
	}
	for k, level := range levels {
		g.widen[k] = g.widening(level)
		for _, m := range g.members {
			m.width[k] = g.widen[k] * m.quantile(level, -1)
		}
	}
}

// The levels of the two intervals.
var levels = [2]float64{.80, .95}

// residuals fills scale and scores with absolute errors over the scale.
func (m *member) residuals(h int) {
	if m.weights == nil {
		return
	}
	sum := 0.0
	m.scores = make([][]float64, m.folds)
	for f := range m.scores {
		parts, at := m.fold(f), m.cut(f, h)
		m.scores[f] = toward(combine(parts, m.without[f], h, h), parts[m.bench], m.trusts[f])
		for i, v := range m.scores[f] {
			m.scores[f][i] = math.Abs(m.x[at+i] - v)
			sum += m.scores[f][i]
		}
	}
	m.scale = sum/float64(m.folds*h) + 1e-9*math.Abs(m.x[len(m.x)-1]) + 1e-300
	for _, f := range m.scores {
		for i := range f {
			f[i] /= m.scale
		}
	}
}

// smoothProfile averages the profile over neighbours, more where there are few
// series, and sets it to 1 where nothing is known.
func (g *group) smoothProfile(n float64) {
	if n == 0 {
		g.profile = fill(g.h, 1)
		return
	}
	w := max(1, int(float64(g.h)/(2+n/4)))
	out := make([]float64, g.h)
	for i := range out {
		out[i] = max(.05, mean(g.profile[max(0, i-w):min(g.h, i+w+1)])/n)
	}
	g.profile = out
}

// quantile is the conformal quantile of the scores, without one fold.
func (m *member) quantile(level float64, without int) float64 {
	var all []float64
	for f, s := range m.scores {
		if f != without {
			all = append(all, s...)
		}
	}
	slices.Sort(all)
	return quantile(all, min(1, level*(1+1/float64(max(1, len(all))))))
}

// widening is the factor that makes the intervals of left-out folds as often right
// as they say.
func (g *group) widening(level float64) float64 {
	var need []float64
	for _, m := range g.members {
		if m.folds < 2 || m.scores == nil {
			continue
		}
		for f, s := range m.scores {
			q := m.quantile(level, f)
			for _, v := range s {
				need = append(need, v/max(q, 1e-12))
			}
		}
	}
	if len(need) < 20 {
		return 1.2
	}
	slices.Sort(need)
	return max(.8, min(3, quantile(need, level)))
}

// fitted makes the Fitted of a member.
func (m *member) fitted(g *group) Fitted {
	if m.weights == nil {
		return m.simple()
	}
	sum := plain("auto", m.form())
	sum.Notes = m.notes
	for c := range m.names {
		sum.Coefficients = append(sum.Coefficients, Coefficient{"weight " + m.key(c), mean(m.weights[c]), math.NaN()})
	}
	if m.trust < 1 {
		sum.Coefficients = append(sum.Coefficients, Coefficient{"trust", m.trust, math.NaN()})
	}
	b := &mixture{h: g.h, trust: m.trust, base: m.future[m.bench], scale: m.scale, profile: g.profile, width: m.width}
	for c, p := range m.future {
		if slices.Max(m.weights[c]) > 0 {
			b.parts, b.weights = append(b.parts, p), append(b.weights, m.weights[c])
		}
	}
	return &fit{summary: sum, body: b}
}

// form lists the candidates by weight.
func (m *member) form() string {
	order := everyColumn(len(m.names))
	slices.SortStableFunc(order, func(a, b int) int {
		if d := mean(m.weights[b]) - mean(m.weights[a]); d != 0 {
			return int(math.Copysign(1, d))
		}
		return 0
	})
	var out []string
	for _, c := range order {
		if w := mean(m.weights[c]); w >= .005 {
			out = append(out, fmt.Sprintf("%.0f %% %s", 100*w, m.key(c)))
		}
	}
	return strings.Join(out, ", ")
}

// simple is what short and constant series get: the median of the candidates, with
// the intervals of the (seasonal) naive model.
func (m *member) simple() Fitted {
	base, err := SeasonalNaive{}.Fit(Series{Values: m.x, Periods: m.series.Periods})
	if err != nil {
		return &fit{summary: plain("auto", "none"), body: &nothing{}}
	}
	sum := base.Summary()
	sum.Model, sum.Notes = "auto", append(sum.Notes, m.notes...)
	inner := base.(*fit).body
	if len(m.names) == 0 || constant(m.x) {
		return &fit{summary: sum, body: inner}
	}
	sum.Form = "median of " + strings.Join(m.names, ", ")
	return &fit{summary: sum, body: &middle{inner, m.future}}
}
