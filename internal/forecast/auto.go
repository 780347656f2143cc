package forecast

import (
	"fmt"
	"math"
	"slices"
)

// Auto is the hybrid and the default: several models that suit the length and the
// seasons of a series, one of them learnt across all series, are judged by a rolling
// backtest on the past and combined by their errors at each distance; the errors of
// the combination give its intervals (conformal prediction). The zero value works.
type Auto struct {
	Horizon int    // steps that the models are judged and trained for; 0: two seasons, at least 12
	Seed    uint64 // of random choices
}

var _ Group = Auto{}

// Fit implements Model.
func (a Auto) Fit(s Series) (Fitted, error) {
	out, err := a.FitAll([]Series{s}, Run{})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// FitAll implements Group. An error names the series, counted from 1.
func (a Auto) FitAll(all []Series, run Run) ([]Fitted, error) {
	g := &group{auto: a, run: run, members: make([]*member, len(all))}
	total := 0
	for i, s := range all {
		if err := s.Check(); err != nil {
			return nil, fmt.Errorf("series %d: %w", i+1, err)
		}
		total += len(s.Values)
	}
	g.horizon(all)
	g.wide = total > 2_000_000 || len(all) > 2000
	run.par(len(all), func(i int) { g.members[i] = newMember(all[i], g.h, g.foldsFor(len(all))) })
	g.learn()
	for _, m := range g.members {
		if m.folds > 0 && len(m.names) > 0 {
			m.errors(g.h)
		}
	}
	g.weigh()
	g.calibrate()
	if run.stopped() {
		return nil, ErrStopped
	}
	out := make([]Fitted, len(all))
	for i, m := range g.members {
		out[i] = m.fitted(g)
	}
	return out, nil
}

// group is the series of one call.
type group struct {
	auto    Auto
	run     Run
	h       int // horizon
	wide    bool
	members []*member
	profile []float64 // mean error by step over the scale of its series
	widen   [2]float64
}

func (g *group) horizon(all []Series) {
	g.h = g.auto.Horizon
	if g.h <= 0 {
		g.h = 12
		for _, s := range all {
			g.h = max(g.h, 2*s.Period())
		}
	}
	g.h = min(g.h, MaxHorizon)
}

// foldsFor is how often a series is cut for the backtest: more when there are few.
func (g *group) foldsFor(n int) int {
	switch {
	case n <= few:
		return 8
	case g.wide:
		return 2
	}
	return 4
}

// member is one series on its way.
type member struct {
	series  Series
	x       []float64
	notes   []string
	folds   int
	step    int           // between the cuts
	names   []string      // of the candidates
	past    [][][]float64 // candidate, fold, step: forecasts of the backtest
	future  []path        // candidate: from the end of the series
	loss    [][][]float64 // candidate, fold, block of steps: mean of the absolute error, relative and over the scale
	weights [][]float64   // candidate, block
	without [][][]float64 // fold: the weights from the other folds
	bench   int           // the candidate that is the benchmark
	trust   float64       // in the combination, 0 to 1; the rest is the benchmark's
	trusts  []float64     // fold: the same from the other folds
	scale   float64       // mean error of the combination
	scores  [][]float64   // fold, step: absolute errors of the combination over scale and profile
	width   [2]float64    // quantiles of the scores for 80 % and 95 %
}

// recent is how many of the last values the hybrid looks at, at least.
const recent = 4000

// blocks is how many stretches of the horizon have their own weights.
const blocks = 3

func newMember(s Series, h, folds int) *member {
	m := &member{series: s}
	if cut := len(s.Values) - max(recent, 30*s.Period(), 10*h); cut > 0 {
		m.series.Values = s.Values[cut:]
		m.series.Exog = nil
		for _, e := range s.Exog {
			m.series.Exog = append(m.series.Exog, e[cut:])
		}
	}
	var gaps int
	m.x, gaps = m.series.filled()
	if gaps > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%d missing values were filled", gaps))
	}
	m.series.Values = m.x
	m.series.Periods = weekly(s.Periods, len(m.x)-h)
	n := len(m.x)
	m.step = h
	if n < 8*h {
		m.step = max(1, h/2)
	}
	keep := max(2*s.Period()+2, 10)
	for m.folds < folds && n-h-m.folds*m.step >= max(keep, min(h, 3*s.Period())) {
		m.folds++
	}
	if m.folds == 0 {
		m.notes = append(m.notes, "too short for a backtest: equal weights of simple models")
	}
	if constant(m.x) {
		m.folds = 0
	}
	return m
}

// weekly adds the week to a series of a daily season when it is long enough.
func weekly(periods []int, n int) []int {
	if len(periods) != 1 || !slices.Contains([]int{24, 48, 72, 96, 144, 288, 1440}, periods[0]) || n < 21*periods[0] {
		return periods
	}
	return []int{periods[0], 7 * periods[0]}
}

// cut is how many values the model of a fold sees; fold 0 is the last one.
func (m *member) cut(fold, h int) int { return len(m.x) - h - fold*m.step }

// learn fits every candidate to every fold and to the whole.
func (g *group) learn() {
	g.run.par(len(g.members), func(i int) {
		if g.run.stopped() {
			return
		}
		g.members[i].learnLocal(g)
	})
	g.learnAcross()
}

func (m *member) learnLocal(g *group) {
	for _, c := range candidates(m.series, g) {
		last := c.fit(m.series)
		if last == nil {
			continue
		}
		past := make([][]float64, m.folds)
		for f := range past {
			if p := c.fit(m.series.head(m.cut(f, g.h))); p != nil {
				past[f] = p.mean(g.h)
			} else {
				past = nil
				break
			}
		}
		if past == nil && m.folds > 0 {
			continue
		}
		m.names, m.past, m.future = append(m.names, c.name), append(m.past, past), append(m.future, last)
	}
}

// block is the stretch of the horizon that step i (from 0) belongs to.
func block(i, h int) int { return min(blocks-1, i*blocks/h) }

// errors measures the candidates' backtest. An error counts by its size against the
// seasonal naive model's, as in MASE, and against the value, as in sMAPE.
func (m *member) errors(h int) {
	unit := MASEScale(m.x, min(m.series.Period(), len(m.x)-1)) + 1e-9*rms(m.x) + 1e-300
	m.loss = make([][][]float64, len(m.names))
	for c := range m.names {
		m.loss[c] = make([][]float64, m.folds)
		for f, p := range m.past[c] {
			m.loss[c][f] = foldLoss(m.x[m.cut(f, h):], p, unit)
		}
	}
}

func foldLoss(actual, predicted []float64, unit float64) []float64 {
	sum, n := make([]float64, blocks), make([]float64, blocks)
	for i, v := range predicted {
		b := block(i, len(predicted))
		d := math.Abs(actual[i] - v)
		n[b]++
		if math.IsNaN(d) || math.IsInf(d, 0) {
			sum[b] += 1e6
			continue
		}
		sum[b] += d / unit
		if both := math.Abs(actual[i]) + math.Abs(v); both > 0 {
			sum[b] += relativeShare * d / both
		}
	}
	for b := range sum {
		sum[b] /= max(1, n[b])
	}
	return sum
}

// relativeShare balances the two parts of a loss: among the M4 competition's
// published entries an sMAPE of 8 % goes with a MASE of 1 in the mean.
const relativeShare = 25
