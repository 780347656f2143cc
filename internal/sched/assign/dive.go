package assign

import (
	"math"
	"math/bits"
	"slices"
)

// diver constructs assignments from the relaxation: it puts the jobs that the
// relaxation is surest of on their agents, improves the multipliers for what is
// left, and goes on until all jobs have an agent (R. Sadykov, F. Vanderbeck,
// A. Pessoa, I. Tahiri and E. Uchoa, 2019, "Primal Heuristics for Branch and
// Price: The Assets of Diving Methods"). How sure it is of a pair says the share
// of the recent knapsack solutions that hold it (F. Barahona and R. Anbil, 2000,
// "The volume algorithm: producing primal solutions with a subgradient method").
//
// Each dive aims at a cost not far above the bound: the nearer, the more pairs
// reduced costs exclude at once. Aims move away with each dive that fails and
// nearer with each that succeeds.
type diver struct {
	r      *relaxation
	t      *tree // holds the decisions, and fixes by reduced cost
	random rng

	u     []float64 // multipliers of the dive; those of the bound when it began
	dir   []float64
	bestU []float64
	mean  []float32 // [agent*n+job], share of the recent sets that hold the pair
	sure  []surePair
	trail []plunge
	flips int     // decisions that were turned round in this dive
	share float64 // of the open jobs that are decided at once
	doubt float32 // chance that is added to how sure the relaxation is
	aim   float64 // how far the aim is from the bound, as a share of it
	dives uint    // begun so far
	fresh bool    // the multipliers have not been improved since the dive began
	under bool    // a dive is under way
}

// surePair is a pair [agent*n+job] and how sure the relaxation is of it.
type surePair struct {
	at   int32
	sure float32
}

// plunge is a decision of a dive: the surest of some pairs that were decided
// together, and what to go back to.
type plunge struct {
	mark int
	at   int32
	u    []float64
}

const (
	widestShare = 0.25 // of the open jobs, decided at once in the quickest dives
	levels      = 4    // each level decides half as many at once as the one before
	mostFlips   = 5
	leastDoubt  = 0.05 // the least chance that is added to how sure the relaxation is
	memory      = 0.15 // how much of mean the latest sets make up
)

func newDiver(r *relaxation, seed uint64) *diver {
	return &diver{
		r: r, t: &tree{r: r}, random: rng(seed), u: make([]float64, r.n), dir: make([]float64, r.n), bestU: make([]float64, r.n),
		mean: make([]float32, r.m*r.n), aim: 0.0015,
	}
}

// run dives with about the given effort from multipliers u, whose bound is low
// in units of cost, for assignments below upper. It returns the first one found.
func (d *diver) run(effort int, u []float64, low, upper int64) []int {
	for effort > 0 && low < upper && !d.r.opt.Stop() {
		if !d.under {
			d.begin(u, low, upper)
		}
		d.t.upper = min(d.t.upper, upper)
		effort -= d.step(upper)
		if d.t.best != nil {
			d.end()
			d.aim = 0.5 * float64(d.t.upper-1-low) / (math.Abs(float64(low)) + 1)
			return d.t.best
		}
	}
	return nil
}

// once makes a single dive that aims at that share of the gap between low and
// upper, at a random level. It returns what it found, nil for nothing, and the
// effort.
func (d *diver) once(u []float64, low, upper int64, share float64) (found []int, work int) {
	d.aim = share * float64(upper-low) / (math.Abs(float64(low)) + 1)
	d.dives = uint(d.random.below(1 << levels))
	for d.begin(u, low, upper); d.under && d.t.best == nil && !d.r.opt.Stop(); {
		work += d.step(upper)
	}
	return d.t.best, work
}

// begin starts a dive. Levels take turns so that each gets the same effort.
func (d *diver) begin(u []float64, low, upper int64) {
	d.dives++
	d.share = widestShare / float64(int(1)<<min(bits.TrailingZeros(d.dives), levels-1))
	d.doubt = leastDoubt * float32(int(1)<<d.random.below(levels))
	copy(d.u, u)
	clear(d.mean)
	d.t.best, d.flips, d.trail, d.fresh, d.under = nil, 0, d.trail[:0], true, true
	d.t.upper = upper
	if far := d.aim * (math.Abs(float64(low)) + 1); far < float64(upper-low) {
		d.t.upper = low + int64(far) + 1
	}
}

func (d *diver) end() {
	d.t.rewind(0)
	d.under = false
}

// step improves the multipliers and decides some pairs. It returns the effort.
func (d *diver) step(upper int64) int {
	rounds := 6
	if d.fresh {
		rounds, d.fresh = 18, false
	}
	ok := d.t.propagate()
	if ok {
		bound := d.ascend(rounds)
		if bound > d.t.limit() && bound < hopeless && d.t.upper < upper {
			d.t.upper = upper // the aim is missed, but an improvement may be left
		}
		ok = bound <= d.t.limit() && d.t.fix(d.u) >= 0
	}
	switch {
	case d.t.best != nil:
	case !ok:
		d.back()
	default:
		d.t.offer(d.r.assignment(), d.u)
		if d.t.best == nil {
			d.plunge()
		}
	}
	return d.r.o.effort(0) + len(d.mean)/8
}

// back turns the last decision round, or gives up.
func (d *diver) back() {
	if d.flips++; len(d.trail) == 0 || d.flips > mostFlips {
		d.end()
		d.aim *= 1.1
		return
	}
	last := d.trail[len(d.trail)-1]
	d.trail = d.trail[:len(d.trail)-1]
	d.t.rewind(last.mark)
	d.t.set(int(last.at), out)
	copy(d.u, last.u)
	d.t.pool = append(d.t.pool, last.u)
}

// plunge decides the surest pairs.
func (d *diver) plunge() {
	d.sure = d.sure[:0]
	for j := range d.r.n {
		at, most := -1, float32(-1)
		for k := j; k < len(d.mean); k += d.r.n {
			if d.r.known[k] != free {
				continue
			}
			if v := d.mean[k] + d.doubt*float32(d.random.below(1<<16))/(1<<16); v > most {
				at, most = k, v
			}
		}
		if at >= 0 {
			d.sure = append(d.sure, surePair{int32(at), most})
		}
	}
	if len(d.sure) == 0 { // all is decided, and it is no improvement
		d.back()
		return
	}
	slices.SortFunc(d.sure, func(a, b surePair) int { return compare(float64(b.sure), float64(a.sure)) })
	d.trail = append(d.trail, plunge{len(d.t.trail), d.sure[0].at, append(d.t.vector(), d.u...)})
	for _, s := range d.sure[:1+int(d.share*float64(len(d.sure)))] {
		d.t.set(int(s.at), in)
	}
}

// ascend improves the multipliers for some rounds, remembers in mean what the
// sets hold, and returns the best bound in steps.
func (d *diver) ascend(rounds int) int64 {
	best, step, stale := int64(math.MinInt64), 0.7, 0
	clear(d.dir)
	for range rounds {
		bound := d.r.evaluate(d.u, true)
		if bound >= hopeless {
			return bound
		}
		d.remember()
		if bound > best {
			best, stale = bound, 0
			copy(d.bestU, d.u)
		} else if stale++; stale > 5 {
			step, stale = step*0.6, 0
			copy(d.u, d.bestU)
		}
		if bound > d.t.limit() {
			break
		}
		if d.r.exact() {
			d.t.offer(d.r.assignment(), nil)
			break
		}
		if !d.move(step * float64(max(d.t.limit()+1-bound, scale/4))) {
			break
		}
	}
	copy(d.u, d.bestU)
	return best
}

func (d *diver) remember() {
	for k := range d.mean {
		d.mean[k] *= 1 - memory
	}
	for i, set := range d.r.sets {
		row := d.mean[i*d.r.n:]
		for _, j := range set {
			row[j] += memory
		}
	}
}

// move steps along the smoothed subgradient; false when it is zero.
func (d *diver) move(gap float64) bool {
	length := 0.0
	for j, c := range d.r.count {
		d.dir[j] = 0.5*d.dir[j] + float64(1-c)
		length += d.dir[j] * d.dir[j]
	}
	if length == 0 {
		return false
	}
	for j := range d.u {
		d.u[j] += gap / length * d.dir[j]
	}
	return true
}
