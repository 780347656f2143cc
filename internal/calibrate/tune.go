package calibrate

import (
	"cmp"
	"math"
	"slices"
)

// Run is a run that has ended. Times are in any one unit.
type Run struct {
	Keys             []string // see [Durations]
	Submitted, Ended float64
	Took             float64
}

// maxScored bounds how many runs tunings are compared on.
const maxScored = 2000

// Tune chooses how run times are weighed, by what would have predicted the latest of
// these runs best. Each is predicted when it was submitted, from those that had ended by then.
func Tune(runs []Run) Tuning {
	best, least := Tuning{Prior: 1, HalfLife: 8}, math.Inf(1)
	if len(runs) < 2 {
		return best
	}
	for _, t := range Tunings() {
		if s := score(runs, t); s < least {
			best, least = t, s
		}
	}
	return best
}

// deciles at which a distribution is scored.
const deciles = 9

// score is the mean pinball loss of the deciles of the logarithm: a proper score, so
// that it is least for the true distribution (Gneiting and Raftery, 2007, "Strictly
// Proper Scoring Rules, Prediction, and Estimation").
func score(runs []Run, t Tuning) float64 {
	submitted := order(runs, func(r *Run) float64 { return r.Submitted })
	ended := order(runs, func(r *Run) float64 { return r.Ended })
	d := NewDurations(t)
	loss, n, known := 0.0, 0, 0
	for k, i := range submitted {
		r := &runs[i]
		for ; known < len(ended) && runs[ended[known]].Ended <= r.Submitted; known++ {
			e := &runs[ended[known]]
			d.Observe(e.Keys, e.Took)
		}
		if k < len(submitted)-maxScored || known == 0 {
			continue
		}
		p := d.Predict(r.Keys)
		for q := 1; q <= deciles; q++ {
			level := float64(q) / (deciles + 1)
			loss += pinball(math.Log1p(r.Took)-math.Log1p(p.Quantile(level)), level)
		}
		n++
	}
	if n == 0 {
		return math.Inf(1)
	}
	return loss / float64(n)
}

func pinball(above, level float64) float64 {
	if above >= 0 {
		return level * above
	}
	return (level - 1) * above
}

func order(runs []Run, by func(*Run) float64) []int {
	out := make([]int, len(runs))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(by(&runs[a]), by(&runs[b])) })
	return out
}
