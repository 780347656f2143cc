package bench

import (
	"math"
	"slices"
)

// tolerance is by how many seconds of loss a decision may be worse than the best one and
// still be right.
const tolerance = 0.5

// looker says what a choice loses in one world.
type looker func(choice, world int) (float64, error)

// race looks at choices in more and more worlds, and gives the one that is taken. kept is what is done if nothing
// speaks against it. A world of one number is the same for all choices, so that what is compared are differences within worlds (common
// random numbers). Worlds are spent on the choices that may still be the best: each round doubles them, those that
// are worse with some certainty leave, as do those that come to the same as another, and it ends when one is left or it no longer
// matters which (sequential elimination, as in Maron and Moore, 1994, "Hoeffding Races", with Student's t).
func race(choices, kept, most int, look looker) (int, error) {
	losses := make([][]float64, choices)
	alive := []int{kept} // the first of those that come to the same stays
	for i := range choices {
		if i != kept {
			alive = append(alive, i)
		}
	}
	for seen := 0; seen < most; {
		round := min(max(seen, 2), most-seen)
		for _, choice := range alive {
			for world := seen; world < seen+round; world++ {
				loss, err := look(choice, world)
				if err != nil {
					return kept, err
				}
				losses[choice] = append(losses[choice], loss)
			}
		}
		seen += round
		var settled bool
		if alive, settled = contenders(losses, alive); settled {
			break
		}
	}
	return surest(losses, alive, kept), nil
}

// certain is how many standard deviations a mean difference of so many pairs must be away from
// nothing, at 95 % (Student's t, one-sided); 1.7 of more.
var certain = [...]float64{0, 0, 6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86}

// contenders are those that may still be the best; it is settled when that is one, or when none can be
// worse than another by what counts.
func contenders(losses [][]float64, alive []int) (left []int, settled bool) {
	best, sure := alive[0], 1.7
	for _, choice := range alive {
		if mean(losses[choice]) < mean(losses[best]) {
			best = choice
		}
	}
	if n := len(losses[best]); n < len(certain) {
		sure = certain[n]
	}
	settled = true
	for _, choice := range alive {
		same := func(other int) bool { return slices.Equal(losses[other], losses[choice]) }
		more, deviation := difference(losses[choice], losses[best])
		if more > tolerance/2 && more > sure*deviation || slices.ContainsFunc(left, same) {
			continue
		}
		left = append(left, choice)
		settled = settled && more+sure*deviation <= tolerance/2
	}
	return left, settled || len(left) == 1
}

// difference is the mean of differences in the same worlds, and its standard deviation.
func difference(a, b []float64) (more, deviation float64) {
	n := float64(len(a))
	for i := range a {
		more += (a[i] - b[i]) / n
	}
	for i := range a {
		d := a[i] - b[i] - more
		deviation += d * d
	}
	return more, math.Sqrt(deviation / max(n-1, 1) / n)
}

// surest is the choice of the least mean loss among those that are no worse than the
// kept one in three of four worlds: the least of a few noisy means is often only lucky.
// When the kept one itself is out of the race, the others are compared by their means alone.
func surest(losses [][]float64, alive []int, kept int) int {
	means := make([]float64, len(losses))
	for k := range losses {
		means[k] = math.Inf(1)
	}
	for _, k := range alive {
		worse := 0
		for i, l := range losses[k] {
			if slices.Contains(alive, kept) && l > losses[kept][i]+tolerance {
				worse++
			}
		}
		if 4*worse <= len(losses[k]) {
			means[k] = mean(losses[k])
		}
	}
	return least(means, kept)
}

// least is the first of those with the least loss; the kept one is left only for one that is better by more
// than what counts.
func least(losses []float64, kept int) int {
	best := kept
	for i, l := range losses {
		if l < losses[best] && (best != kept || l < losses[kept]-tolerance/2) {
			best = i
		}
	}
	return best
}
