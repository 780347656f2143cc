package calibrate

import "math"

// Levels are the two ends of an interval that learns from what it missed, so that in the
// long run a tenth lies below it and a tenth above, whatever the distribution and
// however it drifts (Gibbs and Candès, 2021, "Adaptive Conformal Inference Under
// Distribution Shift").
type Levels struct{ low, high float64 }

// NewLevels begins with an interval from the first decile to the last.
func NewLevels() *Levels { return &Levels{0.1, 0.1} }

// pace is how far a miss moves a level; it is as much for one of ten as the others move
// it back.
const pace = 0.02

// Of gives the interval of a distribution. An end beyond its last value reaches
// further: by the share that the level is below zero, times ten, of the value.
func (l *Levels) Of(d Distribution) (low, high float64) {
	low, high = d.Quantile(max(l.low, 1e-9)), d.Quantile(1-max(l.high, 1e-9))
	if l.low < 0 {
		low *= math.Exp(10 * l.low)
	}
	if l.high < 0 {
		high *= math.Exp(-10 * l.high)
	}
	return low, high
}

// Learn moves the levels by what came of an interval.
func (l *Levels) Learn(low, high, truth float64) {
	l.low = moved(l.low, truth < low)
	l.high = moved(l.high, truth > high)
}

func moved(level float64, miss bool) float64 {
	step := 0.1
	if miss {
		step -= 1
	}
	return min(max(level+pace*step, -0.3), 0.3)
}
