package assign

import (
	"math"
	"slices"
)

// WeightedCompletion returns the best schedule for Σ w_j C_j found until
// opt.Stop says true, and the best bound proven. It ends by itself when they
// meet. With equal weights it is [Completion] times the weight.
func WeightedCompletion(p *Machines, opt Options) (Schedule, error) {
	if err := p.Validate(); err != nil {
		return Schedule{}, err
	}
	opt = opt.withDefaults()
	if p.Jobs == 0 || slices.Max(weightsOf(p)) == slices.Min(weightsOf(p)) {
		s, err := Completion(p, opt)
		if p.Jobs > 0 {
			s.Objective, s.LowerBound = s.Objective*p.weight(0), s.LowerBound*p.weight(0)
		}
		return s, err
	}
	o := newSequencing(p)
	none := slices.Repeat([]int{-1}, p.Jobs)
	o.complete(none, nil)
	best := newDispatch(o, none)
	best.descend(opt.Stop)
	bound := improveWeighted(o, best, opt)
	s := Schedule{Order: o.sequences(best.agent), Objective: best.total}
	s.LowerBound = min(bound, best.total)
	s.Optimal = s.LowerBound == s.Objective
	return s, nil
}

func weightsOf(p *Machines) []int64 {
	w := make([]int64, p.Jobs)
	for j := range w {
		w[j] = p.weight(j)
	}
	return w
}

// improveWeighted improves the schedule in one lane and the bound in the other
// until they meet, and returns the bound.
func improveWeighted(o *sequencing, best *dispatch, opt Options) int64 {
	b := newBounder(newRelaxation(o.p.Machines, o.p.Jobs, o, opt), math.MaxInt64/4/scale)
	for j := range b.u { // as if each job ended where it does, plus what it delays
		b.u[j] = float64(best.added(best.agent[j], int32(j))) * scale
	}
	b.low = 0
	random := rng(opt.Seed)
	for b.low < best.total && !opt.Stop() {
		b.upper = best.total
		trial := newDispatch(o, best.agent)
		opt.Par(lanes, func(lane int) {
			if lane == 1 {
				b.run(slice / 8)
				return
			}
			for range 1 + 2000/len(best.agent) {
				start := newDispatch(o, trial.agent)
				start.kick(&random, 2+len(best.agent)/100)
				start.descend(opt.Stop)
				if start.total <= trial.total {
					trial = start
				}
			}
		})
		if trial.total <= best.total {
			*best = *trial
		}
		if b.found != nil {
			if d := newDispatch(o, b.found); d.total < best.total {
				*best = *d
			}
			b.found = nil
		}
	}
	return b.low
}
