package energy

import "math"

// Correction is what a meter's latest readings add to a model: by how much the
// model was off a moment ago, and how fast that knowledge ages.
type Correction struct {
	Watts float64 // mean error of the latest readings, measured − modelled
	Steps float64 // after so many steps it counts 1/e
}

// At is what to add to the model's power so many steps ahead.
func (c Correction) At(ahead int) float64 { return c.Watts * math.Exp(-float64(ahead)/c.Steps) }

// agings are the rates that a correction is chosen from, in shares of what is
// predicted: from one that is gone soon to one that stays.
var agings = [...]float64{0.25, 0.5, 1, 2, 4, 8, 16}

// Correct learns from the errors (measured − modelled, NaN where nothing was
// measured) up to now how to correct the steps to come. The level is the mean of
// the last recent errors; the ageing is the one that would have served best over
// all of errors, in mean absolute error.
func Correct(errors []float64, recent, ahead int) Correction {
	level, ok := mean(errors[max(len(errors)-recent, 0):])
	if !ok {
		return Correction{Steps: 1}
	}
	best, least := 1.0, math.Inf(1)
	for _, a := range agings {
		if loss := lossOf(errors, recent, ahead, a*float64(ahead)); loss < least {
			best, least = a*float64(ahead), loss
		}
	}
	return Correction{Watts: level, Steps: best}
}

// lossOf replays the correction over past errors at a thinned set of moments.
func lossOf(errors []float64, recent, ahead int, steps float64) float64 {
	loss, stride := 0.0, max(ahead/24, 1)
	for now := recent; now+ahead <= len(errors); now += max(ahead/12, 1) {
		level, ok := mean(errors[now-recent : now])
		if !ok {
			continue
		}
		for k := 0; k < ahead; k += stride {
			if e := errors[now+k]; !math.IsNaN(e) {
				loss += math.Abs(e - level*math.Exp(-float64(k)/steps))
			}
		}
	}
	return loss
}

// mean passes over NaN; ok says whether anything was left.
func mean(values []float64) (m float64, ok bool) {
	n := 0
	for _, v := range values {
		if !math.IsNaN(v) {
			m += v
			n++
		}
	}
	return m / float64(max(n, 1)), n > 0
}
