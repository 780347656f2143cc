package forecast

import (
	"math"
	"slices"
)

// iterated is a fitted supervised model with the values that it looks back on.
type iterated struct {
	model  supervised
	x      []float64 // the last values, as far as the model looks back
	t      int       // the number of the next step
	lo, hi float64   // the range of the series
	spread spreads
}

func newIterated(s *supervised, x []float64, spread spreads) *iterated {
	return &iterated{*s, slices.Clone(x[len(x)-s.frame.reach():]), len(x), slices.Min(x), slices.Max(x), spread}
}

func (*iterated) kind() string             { return "iterated" }
func (b *iterated) mean(h int) []float64   { return b.model.onward(b.x, b.t, b.lo, b.hi, h) }
func (b *iterated) predict(h int) Forecast { return b.spread.around(b.mean(h)) }

func (b *iterated) learn(v float64) {
	b.x = append(b.x[1:], v)
	b.lo, b.hi, b.t = min(b.lo, v), max(b.hi, v), b.t+1
}

func (b *iterated) walk(c *codec) {
	if c.reading {
		b.model.frame = &frame{}
	}
	f := b.model.frame
	f.walk(c)
	c.regressor(&b.model.reg, f.width())
	c.floats(&b.x)
	c.number(&b.t)
	c.float(&b.lo)
	c.float(&b.hi)
	b.spread.walk(c)
	c.require(c.err != nil || len(b.x) == f.reach())
}

func (f *frame) walk(c *codec) {
	c.steps(&f.lags, MaxPoints)
	c.steps(&f.periods, MaxPeriod)
	c.number(&f.harmonic)
	c.rows(&f.exog)
	c.number(&f.anchor)
	c.require(len(f.lags) > 0 && len(f.lags) <= 1000 && len(f.periods) <= 100 && f.harmonic <= 100 && f.anchor >= 1 && f.anchor <= MaxPoints)
}

// width is the number of features.
func (f *frame) width() int {
	n := len(f.lags) + len(f.exog)
	for _, m := range f.periods {
		if f.harmonic == 0 {
			n++
		}
		n += 2 * min(f.harmonic, m/2)
	}
	return n
}

func (s *spreads) walk(c *codec) {
	c.some(&s.q80)
	c.floats(&s.q95)
	c.require(len(s.q80) == len(s.q95))
}

// The kinds of regressors in a stored model.
const (
	regLinear = iota
	regTree
	regEnsemble
)

// regressor walks over a regressor of so many features.
func (c *codec) regressor(r *regressor, width int) {
	kind := regLinear
	switch (*r).(type) {
	case tree:
		kind = regTree
	case *ensemble:
		kind = regEnsemble
	}
	c.number(&kind)
	if c.reading {
		*r = [...]regressor{&linear{}, tree{}, &ensemble{}}[min(kind, regEnsemble)]
		c.require(kind <= regEnsemble)
	}
	switch v := (*r).(type) {
	case *linear:
		c.float(&v.intercept)
		c.floats(&v.weights)
		c.require(len(v.weights) == width)
	case tree:
		v.walk(c, width)
		*r = v
	case *ensemble:
		c.float(&v.start)
		c.float(&v.rate)
		list(c, &v.trees, 10, func(t *tree) { t.walk(c, width) })
		c.require(len(v.trees) <= maxTrees)
	}
}

// Bounds of stored trees: what is fitted here stays far below.
const (
	maxTrees = 2000
	maxNodes = 4096
)

// walk stores an inner node as its column counted from 1, edge and left child, a leaf as
// 0 and its value: the right child follows the left one.
func (t *tree) walk(c *codec, width int) {
	at := 0
	list(c, (*[]node)(t), 9, func(n *node) {
		at++
		column, left := 0, int(n.left)
		if left != 0 {
			column = n.column + 1
		}
		c.number(&column)
		if column == 0 {
			c.float(&n.value)
			return
		}
		c.float(&n.edge)
		c.number(&left)
		c.require(column <= width && left >= at && left < maxNodes)
		n.column, n.left, n.right = column-1, int32(left), int32(left+1)
	})
	c.require(len(*t) > 0 && len(*t) <= maxNodes)
	for _, n := range *t {
		c.require(n.left == 0 || int(n.right) < len(*t))
	}
	if len(*t) == 0 {
		*t = tree{{value: math.NaN()}}
	}
}
