package assign

import "math"

// bounder proves: first by improving the multipliers, then by trees that look
// for a solution at the bound.
type bounder struct {
	r       *relaxation
	u       []float64
	low     int64 // no solution costs less
	upper   int64 // a solution of this cost is known, or ceiling+1
	ceiling int64
	found   []int // a solution below upper
	fresh   bool  // u changed

	step   float64 // of the ascent; it is over when this is small
	steps  int64   // best bound in steps
	tree   *tree
	target int64 // the tree looks for solutions that cost at most this
}

func newBounder(r *relaxation, ceiling int64) *bounder {
	return &bounder{r: r, u: make([]float64, r.n), low: math.MinInt64, ceiling: ceiling, step: 1, steps: math.MinInt64}
}

const leastStep = 0.02

// improved notes a bound in steps.
func (b *bounder) improved(steps int64) {
	b.steps = max(b.steps, steps)
	if b.steps >= hopeless {
		b.low = b.ceiling + 1
		return
	}
	b.low = max(b.low, ceilSteps(b.steps))
}

// worthwhile says whether this round should go to the bound.
func (b *bounder) worthwhile(round int) bool {
	if b.step > leastStep {
		return true
	}
	if b.r.m*b.r.n > 12_000 {
		return round%16 == 0
	}
	return b.upper-b.low <= 4 || round%4 == 0 // so near, a proof may come
}

// run spends about the given effort.
func (b *bounder) run(effort int) {
	for effort > 0 && b.low < b.upper && !b.r.opt.Stop() {
		if b.step > leastStep {
			b.ascend()
		} else {
			b.grow()
		}
		effort -= b.r.o.effort(0)
	}
}

// ascend runs some rounds of the ascent and halves its step when they gain
// little.
func (b *bounder) ascend() {
	was := b.steps
	top := (b.upper - 1) * scale
	if most := b.steps + max(b.steps, -b.steps)/200 + scale; top > most {
		top = most
	}
	steps := b.r.ascend(b.u, ascent{
		rounds: 20, step: b.step, patient: 8, serial: true,
		target: func() int64 { return top + 1 },
		seen: func(bound int64) bool {
			if bound < hopeless && b.r.exact() {
				b.found = b.r.assignment()
			}
			return b.found == nil && ceilSteps(bound) < b.upper
		},
	})
	b.improved(steps)
	b.fresh = true
	if b.found != nil {
		b.step = 0
	}
	if b.steps-was < max(scale/50, (top-b.steps)/200) {
		b.step /= 2
	}
}

// grow visits some nodes of the tree of the present target.
func (b *bounder) grow() {
	if b.tree != nil && b.target >= b.upper { // it looks for what another lane has found meanwhile
		b.tree.close()
		b.tree = nil
	}
	if b.tree == nil {
		b.target = b.low
		if b.upper > b.ceiling { // first any solution
			b.target = b.ceiling
		}
		b.tree = &tree{r: b.r, upper: b.target + 1, rounds: 12}
		b.tree.begin(append([]float64(nil), b.u...), 20)
	}
	if !b.tree.run(1) {
		return
	}
	b.tree.close()
	if b.tree.best != nil {
		b.found, b.low = b.tree.best, b.tree.upper
	} else {
		b.low = b.target + 1
	}
	b.tree = nil
	if b.found != nil {
		b.upper = b.low
	}
}
