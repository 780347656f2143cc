package modes

import (
	"math"
	"slices"

	"drover.dev/api"
)

// step is one prediction.
type step struct {
	at, window        int // mirroring, and window, from the split on
	predicted, actual quantities
	before            quantities // the same length of time just before
}

// Errors are mean absolute percentage errors of one quantity.
type Errors struct {
	MAPE float64 `json:"mape"` // of the totals of windows
	// Persistence is that of totals of: as much as in the time just before. It is only a shift by
	// one step of the truth, whose errors cancel: Step and StepPersistence are the fairer match.
	Persistence float64 `json:"persistenceMape"`
	// Weighted is the sum of absolute errors of windows over the sum of the truth (Kolassa and
	// Schütz, 2007, "Advantages of the MAD/Mean Ratio over the MAPE"): windows in
	// which next to nothing happens do not rule it.
	Weighted            float64 `json:"weightedMape"`
	WeightedPersistence float64 `json:"weightedPersistenceMape"`
	Total               float64 `json:"totalErrorPercent"` // of the sum over all windows, with its sign
	Step                float64 `json:"stepMape"`          // of single predictions
	StepPersistence     float64 `json:"stepPersistenceMape"`
	Beats               bool    `json:"beatsPersistence"` // in single predictions
	// BestConstant is the least MAPE that one number for all windows can have, were it
	// chosen with the truth at hand: a bound on what is told before all of them.
	BestConstant float64 `json:"bestConstantMape"`
	Windows      int     `json:"windows"`
	Empty        int     `json:"emptyWindows"` // in which the truth is zero
}

// modeOf sums up the steps of a mode. idle is what a window draws when nothing runs.
func modeOf(name, knows string, ahead api.Duration, steps []step, idle float64) Mode {
	m := Mode{Mode: name, Knows: knows, AheadSeconds: ahead.Std().Seconds()}
	m.Energy = errorsOf(steps, func(q quantities) float64 { return q.joules })
	m.Completion = errorsOf(steps, func(q quantities) float64 { return q.jobs })
	m.EnergyAccuracy, m.CompletionAccuracy = 100-m.Energy.MAPE, 100-m.Completion.MAPE
	m.IntervalCoverage = coverage(steps)
	m.EnergyAboveIdle = aboveIdle(steps, idle)
	return m
}

// pair is a prediction and a persistence beside the truth.
type pair struct{ predicted, before, actual float64 }

// totals sums steps by window.
func totals(steps []step, of func(quantities) float64) (list []pair) {
	last := -1
	for i := range steps {
		s := &steps[i]
		if s.window != last {
			list, last = append(list, pair{}), s.window
		}
		p := &list[len(list)-1]
		p.predicted += of(s.predicted)
		p.before += of(s.before)
		p.actual += of(s.actual)
	}
	return list
}

func errorsOf(steps []step, of func(quantities) float64) Errors {
	windows := totals(steps, of)
	var e Errors
	e.MAPE, e.Persistence, e.Windows = mape(windows)
	e.Empty = len(windows) - e.Windows
	missed, naive, predicted, actual := 0.0, 0.0, 0.0, 0.0
	var known []float64
	for _, p := range windows {
		missed += math.Abs(p.predicted - p.actual)
		naive += math.Abs(p.before - p.actual)
		predicted, actual = predicted+p.predicted, actual+p.actual
		if p.actual > 0 {
			known = append(known, p.actual)
		}
	}
	e.Weighted, e.WeightedPersistence, e.Total = percent(missed, actual), percent(naive, actual), percent(predicted-actual, actual)
	e.BestConstant = bestConstant(known)
	single := make([]pair, len(steps))
	for i := range steps {
		single[i] = pair{of(steps[i].predicted), of(steps[i].before), of(steps[i].actual)}
	}
	e.Step, e.StepPersistence, _ = mape(single)
	e.Beats = e.Step < e.StepPersistence
	return e
}

// percent is a share of the truth; 0 where the truth is zero, which has no percentage.
func percent(part, truth float64) float64 {
	if truth <= 0 {
		return 0
	}
	return 100 * part / truth
}

// mape is the mean absolute percentage error of predictions and of persistence, and of how
// many.
func mape(list []pair) (predicted, before float64, n int) {
	for _, p := range list {
		if p.actual <= 0 {
			continue
		}
		n++
		predicted += 100 * math.Abs(p.predicted-p.actual) / p.actual
		before += 100 * math.Abs(p.before-p.actual) / p.actual
	}
	return predicted / float64(max(n, 1)), before / float64(max(n, 1)), n
}

// bestConstant is reached at one of the values: the error is linear between them.
func bestConstant(values []float64) float64 {
	least := math.Inf(1)
	for _, c := range values {
		sum := 0.0
		for _, v := range values {
			sum += 100 * math.Abs(c-v) / v
		}
		least = min(least, sum/float64(len(values)))
	}
	if len(values) == 0 {
		return 0
	}
	return least
}

// aboveIdle is the weighted error of what is drawn beyond idle, in percent: a fleet that is large
// beside its work makes every prediction of all that it draws look good.
func aboveIdle(steps []step, idle float64) float64 {
	missed, actual := 0.0, 0.0
	for _, p := range totals(steps, func(q quantities) float64 { return q.joules }) {
		missed += math.Abs(p.predicted - p.actual)
		actual += p.actual - idle
	}
	return percent(missed, actual)
}

// enough is how many errors must be known before they make an interval.
const enough = 20

// coverage is the share of steps whose energy lies in an 80 % interval made of the
// relative errors of the steps before; 0 while there are too few.
func coverage(steps []step) float64 {
	var errs []float64
	inside, judged := 0, 0
	for i := range steps {
		p, a := steps[i].predicted.joules, steps[i].actual.joules
		if p <= 0 {
			continue // a fleet that draws nothing has no relative error
		}
		if len(errs) >= enough {
			judged++
			if math.Abs(a-p) <= p*errs[min(int(math.Ceil(0.8*float64(len(errs)+1))), len(errs))-1] {
				inside++
			}
		}
		e := math.Abs(a-p) / p
		at, _ := slices.BinarySearch(errs, e)
		errs = slices.Insert(errs, at, e)
	}
	return 100 * float64(inside) / float64(max(judged, 1))
}
