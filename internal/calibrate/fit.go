package calibrate

import (
	"math"
	"slices"
)

// Fit is what was learnt of one quantity from its values, the oldest first.
type Fit struct {
	What    string `json:"what"` // run, start-cold, start-warm, link
	Of      string `json:"of"`   // which one
	Unit    string `json:"unit"`
	Samples int    `json:"samples"`
	// Median and the 80 % interval are of the next value.
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	// What the fit would have said of each value but the first ones, from those before it:
	// the share that its interval covered, and mean absolute percentage errors of the
	// value with the least expected one, and of persistence, the value just before.
	Graded      int     `json:"graded"`
	Coverage    float64 `json:"coveragePercent"`
	Error       float64 `json:"mape"`
	Persistence float64 `json:"persistenceMape"`
	Drift       string  `json:"drift"` // "", or higher or lower: the latest values are no more as they were
}

// tuning of the fit of a single quantity: its latest values count, the last sixteen
// about as much as all before.
var tuning = Tuning{Prior: 1, HalfLife: 16}

// graded is from which value on fits are graded.
const graded = 5

// FitOf fits a quantity to its values, which are above zero; others are passed over.
func FitOf(what, of, unit string, values []float64) Fit {
	f := Fit{What: what, Of: of, Unit: unit}
	d, levels, keys, last := NewDurations(tuning), NewLevels(), []string{""}, 0.0
	kept := make([]float64, 0, len(values))
	for _, v := range values {
		if !(v > 0) || math.IsInf(v, 0) {
			continue
		}
		if len(kept) >= graded {
			p := d.Predict(keys)
			low, high := levels.Of(p)
			f.Graded++
			f.Error += 100 * math.Abs(p.LeastPercent()-v) / v
			f.Persistence += 100 * math.Abs(last-v) / v
			if low <= v && v <= high {
				f.Coverage += 100
			}
			levels.Learn(low, high, v)
		}
		d.Observe(keys, v)
		kept, last = append(kept, v), v
	}
	f.Samples = len(kept)
	if f.Graded > 0 {
		n := float64(f.Graded)
		f.Coverage, f.Error, f.Persistence = f.Coverage/n, f.Error/n, f.Persistence/n
	}
	p := d.Predict(keys)
	f.Median = p.Quantile(0.5)
	f.Low, f.High = levels.Of(p)
	f.Drift = Drift(kept)
	return f
}

// Bounds of the alarm.
const (
	reference = 20 // values that say what is usual, before any counts
	slack     = 0.5
	threshold = 8
	watched   = 1024 // of the latest values
)

// Drift says whether the latest values lie higher or lower than those before, and "" when
// they do not, or there are too few. It watches the cumulative sums, up and down, with a
// slack of half a deviation (Page, 1954, "Continuous Inspection Schemes"), of the normal
// score of each value's rank among itself and those before it. Where nothing changes
// these ranks are independent and uniform whatever the distribution is, so that false
// alarms are as rare for all of them (McDonald, 1990, "A CUSUM Procedure Based on
// Sequential Ranks"): of 2,000 histories of 256 values, 32 raised one. An alarm ends when
// what is new has become usual.
func Drift(values []float64) string {
	values = values[max(0, len(values)-watched):]
	if len(values) < 2*reference {
		return ""
	}
	seen := make([]float64, 0, len(values))
	up, down := 0.0, 0.0
	for i, v := range values {
		below, _ := slices.BinarySearch(seen, v)
		upto := below
		for upto < len(seen) && seen[upto] == v {
			upto++
		}
		seen = slices.Insert(seen, below, v)
		if i < reference {
			continue
		}
		rank := (float64(below+upto) + 1) / 2 / float64(i+1) // of equal ones the middle
		z := math.Sqrt2 * math.Erfinv(2*rank-1)
		up, down = min(max(up+z-slack, 0), 2*threshold), min(max(down-z-slack, 0), 2*threshold)
	}
	switch {
	case up >= threshold:
		return "higher"
	case down >= threshold:
		return "lower"
	}
	return ""
}
