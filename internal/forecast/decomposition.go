package forecast

import (
	"math"
	"slices"
)

// decomposition continues the last season of each period around a level.
type decomposition struct {
	seasons [][]float64 // the next step's value first
	level   float64
	alpha   float64 // by which the level follows
}

// decomposed takes the seasons off by STL, the shortest first, smooths the rest and adds
// the last season of each again.
func decomposed(x []float64, periods []int) path {
	adjusted := slices.Clone(x)
	b := &decomposition{alpha: 1}
	for _, m := range periods {
		if len(x) < 2*m+2 {
			continue
		}
		d := Decompose(adjusted, m, 11)
		for i, s := range d.Season {
			adjusted[i] -= s
		}
		b.seasons = append(b.seasons, slices.Clone(d.Season[len(x)-m:]))
	}
	tail := adjusted[max(0, len(adjusted)-400):]
	b.level = tail[len(tail)-1]
	if len(tail) > 8 && !constant(tail) {
		if f := simpleSmoothing.choose(tail, 1); f != nil {
			b.level, b.alpha = f.states.level, f.body().weights.alpha
		}
	}
	if math.IsNaN(b.mean(1)[0]) {
		return &repeating{last: slices.Clone(x[len(x)-1:])}
	}
	return b
}

func (*decomposition) kind() string { return "decomposition" }

func (b *decomposition) mean(h int) []float64 {
	out := make([]float64, h)
	for i := range out {
		for _, s := range b.seasons {
			out[i] += s[i%len(s)]
		}
		out[i] += b.level
	}
	return out
}

func (b *decomposition) learn(v float64) {
	b.level += b.alpha * (v - b.mean(1)[0])
	for k, s := range b.seasons {
		b.seasons[k] = append(s[1:], s[0])
	}
}

func (b *decomposition) walk(c *codec) {
	c.rows(&b.seasons)
	c.float(&b.level)
	c.float(&b.alpha)
}
