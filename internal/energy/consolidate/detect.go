package consolidate

import (
	"math"
	"slices"
)

// regressed is how many of the latest samples local regression looks at.
const regressed = 10

// enough is how many samples the spread of a host's use is taken from at least.
const enough = 12

// unsure is the threshold while there are too few samples.
const unsure = 0.7

// detector says whether a host is overloaded, by its use in the past, the latest
// first, and by the share of it that its VMs ask for now.
type detector func(past []float64, asked float64) bool

func (p Policy) detector() detector {
	switch p.Detect {
	case THR:
		return func(_ []float64, asked float64) bool { return asked > p.Safety }
	case IQR:
		return spreadAbove(p.Safety, interquartile)
	case MAD:
		return spreadAbove(p.Safety, deviation)
	}
	// The robust regression weighs samples by their residuals. CloudSim multiplies
	// by the weights only when two fifths of them are zero, which they never are, so
	// that both give what plain least squares give.
	return func(past []float64, asked float64) bool {
		if len(past) < regressed {
			return asked > unsure
		}
		return p.Safety*predicted(past[:regressed]) >= 1
	}
}

// predicted is the next value but none on the least-squares line through values,
// the latest first: one interval after the last, which a migration takes.
func predicted(values []float64) float64 {
	n := float64(len(values))
	middle := (n + 1) / 2
	mean, slope, spread := 0.0, 0.0, 0.0
	for _, y := range values {
		mean += y / n
	}
	for i, y := range values {
		x := n - float64(i) - middle
		slope += x * (y - mean)
		spread += x * x
	}
	return mean + slope/spread*(n+1-middle)
}

func spreadAbove(safety float64, spread func([]float64) float64) detector {
	return func(past []float64, asked float64) bool {
		if len(past) < enough {
			return asked > unsure
		}
		return asked > 1-safety*spread(past)
	}
}

// sorted sorts at most past values on the stack: this is done for every host that is
// tried.
func sorted(values []float64, room *[past]float64) []float64 {
	list := room[:copy(room[:], values)]
	slices.Sort(list)
	return list
}

func interquartile(values []float64) float64 {
	var room [past]float64
	list := sorted(values, &room)
	at := func(share float64) float64 {
		return list[int(math.Round(share*float64(len(list)+1)))-1]
	}
	return at(0.75) - at(0.25)
}

func median(values []float64) float64 {
	var room [past]float64
	list := sorted(values, &room)
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}

func deviation(values []float64) float64 {
	m := median(values)
	var off [past]float64
	for i, v := range values {
		off[i] = math.Abs(v - m)
	}
	return median(off[:len(values)])
}
