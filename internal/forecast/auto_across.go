package forecast

import (
	"math/rand/v2"
	"slices"
)

// The size of the training set of the model that learns across series.
const (
	acrossRows   = 200_000
	acrossEach   = 5_000 // and from each series, over and above
	acrossBase   = 15_000
	acrossFewest = 400 // rows below which it is not worth while
)

// across is boosted trees on lags, seasons and recent movement of all series in
// units of each, for any step of the horizon; what it learns is the correction of
// the value one season ago (the last value when there is none).
type across struct {
	layout layout
	reg    regressor
}

// learnAcross trains once without the backtest's values, to be judged, and once
// with all. Series of the same seasons learn together.
func (g *group) learnAcross() {
	for _, list := range g.kin() {
		shortest := len(list[0].x)
		for _, m := range list {
			shortest = min(shortest, m.earliest(g.h))
		}
		l := newLayout(list[0].series.Periods, g.h, shortest)
		judged := g.train(list, l, func(m *member) int { return m.earliest(g.h) }, g.auto.Seed)
		if judged == nil {
			continue
		}
		final := g.train(list, l, func(m *member) int { return len(m.x) }, g.auto.Seed+1)
		g.run.par(len(list), func(i int) { list[i].takeAcross(judged, final, g.h) })
	}
}

func (m *member) earliest(h int) int {
	if m.folds == 0 {
		return len(m.x)
	}
	return m.cut(m.folds-1, h)
}

// kin groups the series that can be judged by their seasons, in order.
func (g *group) kin() [][]*member {
	var out [][]*member
	at := map[[2]int]int{}
	for _, m := range g.members {
		if m.folds == 0 || len(m.names) == 0 {
			continue
		}
		key := [2]int{m.series.Period(), len(m.series.Periods)}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], m)
	}
	return out
}

// train draws rows evenly over series and time and learns; nil when there are few.
func (g *group) train(list []*member, l layout, until func(*member) int, seed uint64) *across {
	origins := 0
	for _, m := range list {
		origins += max(0, until(m)-g.h-l.reach)
	}
	each := min(g.h, 8)
	if origins*each < acrossFewest || g.run.stopped() {
		return nil
	}
	stride := max(1, float64(origins*each)/float64(min(acrossRows, acrossBase+acrossEach*len(list))))
	rng := rand.New(rand.NewPCG(seed, 7))
	var cols [][]float64
	var y []float64
	var row []float64
	for _, m := range list {
		u := newUnit(m.x[:until(m)], m.series.Periods)
		for at := float64(l.reach) + stride*rng.Float64(); int(at)+g.h < len(u.x); at += stride {
			for range each {
				h := 1 + rng.IntN(g.h)
				var base float64
				row, base = l.row(u.x, int(at), h, row[:0])
				if cols == nil {
					cols = make([][]float64, len(row))
				}
				for c, v := range row {
					cols[c] = append(cols[c], v)
				}
				y = append(y, u.x[int(at)+h]-base)
			}
		}
	}
	if len(y) < acrossFewest {
		return nil
	}
	how := boosting{trees: 400, leaves: 48, minLeaf: 60, rate: .06, rows: .5, columns: .5, absolute: true}
	if len(y) < 50_000 {
		how.trees, how.leaves, how.minLeaf = 200, 16, 20
	}
	return &across{l, how.learn(cols, y, seed, g.run)}
}

// takeAcross makes a candidate of the model.
func (m *member) takeAcross(judged, final *across, h int) {
	past := make([][]float64, m.folds)
	for f := range past {
		past[f] = judged.predict(newUnit(m.x[:m.cut(f, h)], m.series.Periods), h)
	}
	u := newUnit(m.x, m.series.Periods)
	m.names = append(m.names, "trees")
	m.past = append(m.past, past)
	u.x = slices.Clone(u.x[max(0, len(u.x)-final.layout.need()):])
	m.future = append(m.future, &boosted{*final, u})
}

func (a *across) predict(u unit, h int) []float64 {
	out := make([]float64, h)
	var row []float64
	for i := range out {
		var base float64
		row, base = a.layout.row(u.x, len(u.x)-1, i+1, row[:0])
		out[i] = u.level + u.scale*(base+a.reg.at(row))
	}
	return out
}

// boosted is the model across series with the end of one of them.
type boosted struct {
	model across
	u     unit
}

func (*boosted) kind() string { return "boosted" }

// mean reaches no further than the horizon that the model was trained for.
func (b *boosted) mean(h int) []float64 { return b.model.predict(b.u, min(h, b.model.layout.horizon)) }

func (b *boosted) learn(v float64) {
	b.u.x = append(b.u.x, (v-b.u.level)/b.u.scale)
	b.u.x = b.u.x[max(0, len(b.u.x)-b.model.layout.need()):]
}

func (b *boosted) walk(c *codec) {
	l := &b.model.layout
	l.walk(c)
	b.u.walk(c)
	longest := 1
	for _, m := range l.periods {
		longest = max(longest, m)
	}
	c.require(len(b.u.x) >= 2*longest)
	if c.err == nil {
		row, _ := l.row(b.u.x, len(b.u.x)-1, 1, nil)
		c.regressor(&b.model.reg, len(row))
	}
}
