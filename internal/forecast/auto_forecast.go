package forecast

import (
	"math"
	"slices"
)

// mixture is the hybrid on one series: the weighted mean of its candidates.
type mixture struct {
	h       int     // that it was judged for
	trust   float64 // in the mixture; the rest is the benchmark's
	base    path    // the benchmark
	parts   []path
	weights [][]float64 // of each part, by block of the horizon
	scale   float64     // mean error
	profile []float64   // by step, relative to the scale
	width   [2]float64  // of the intervals, relative to both
}

func (*mixture) kind() string { return "mixture" }

func (b *mixture) mean(h int) []float64 {
	out := combine(ahead(b.parts, h), b.weights, h, b.h)
	if b.trust < 1 {
		toward(out, b.base.mean(h), b.trust)
	}
	return out
}

func ahead(parts []path, h int) [][]float64 {
	out := make([][]float64, len(parts))
	for c, p := range parts {
		out[c] = p.mean(h)
	}
	return out
}

func (b *mixture) predict(h int) Forecast {
	mu := b.mean(h)
	out := Forecast{mu, make([]float64, h), make([]float64, h), make([]float64, h), make([]float64, h)}
	for i, v := range mu {
		s := b.scale * b.profile[min(i, b.h-1)]
		if i >= b.h { // further than was judged: like a random walk
			s *= math.Sqrt(float64(i+1) / float64(b.h))
		}
		out.Lo80[i], out.Hi80[i] = v-s*b.width[0], v+s*b.width[0]
		out.Lo95[i], out.Hi95[i] = v-s*b.width[1], v+s*b.width[1]
	}
	return out
}

func (b *mixture) learn(v float64) {
	learnAll(b.parts, v)
	if !slices.Contains(b.parts, b.base) {
		b.base.learn(v)
	}
}

func learnAll(parts []path, v float64) {
	for _, p := range parts {
		p.learn(v)
	}
}

// maxParts bounds the candidates of a stored model.
const maxParts = 64

func (c *codec) parts(v *[]path) {
	list(c, v, 2, c.path)
	c.require(len(*v) > 0 && len(*v) <= maxParts)
}

func (b *mixture) walk(c *codec) {
	c.number(&b.h)
	c.float(&b.trust)
	c.path(&b.base)
	c.parts(&b.parts)
	c.rows(&b.weights)
	c.float(&b.scale)
	c.floats(&b.profile)
	c.float(&b.width[0])
	c.float(&b.width[1])
	c.require(b.h >= 1 && len(b.profile) == b.h && len(b.weights) == len(b.parts))
	for _, w := range b.weights {
		c.require(len(w) == blocks)
	}
}

// middle is what a series gets that is too short to be judged: the median of its
// candidates, with the intervals of the (seasonal) naive model.
type middle struct {
	base  body
	parts []path
}

func (*middle) kind() string { return "middle" }

func (b *middle) mean(h int) []float64 { return combine(ahead(b.parts, h), nil, h, h) }

func (b *middle) predict(h int) Forecast {
	out := b.base.predict(h)
	for i, v := range b.mean(h) {
		d := v - out.Mean[i]
		for _, col := range [][]float64{out.Mean, out.Lo80, out.Hi80, out.Lo95, out.Hi95} {
			col[i] += d
		}
	}
	return out
}

func (b *middle) learn(v float64) {
	b.base.learn(v)
	learnAll(b.parts, v)
}

func (b *middle) walk(c *codec) {
	c.inner(&b.base)
	c.parts(&b.parts)
}
