package storage

import (
	"fmt"
	"math"
)

// Optimal is the cheapest way through steps whose prices are all known. The
// battery starts and ends empty.
func Optimal(b Battery, steps []Step) (Outcome, error) {
	if err := check(b, steps); err != nil {
		return Outcome{}, err
	}
	o := Outcome{Levels: make([]float64, 0, len(steps))}
	level := 0.0
	for i, aim := range bands(b, steps, 0) {
		level = o.follow(b, steps[i], aim, level)
	}
	return o, o.ended(b, level)
}

// First is the level that the cheapest way through steps has after the first of them, in
// kWh, from a level on. What is in the cells behind the last step is worth nothing. Of the
// same arguments it is the same on every machine: products are rounded before they are
// added, so that no processor fuses the two.
func First(b Battery, steps []Step, level float64) (float64, error) {
	if err := check(b, steps); err != nil {
		return 0, err
	}
	if !(level >= 0 && level <= b.Capacity) {
		return 0, fmt.Errorf("a battery of %g kWh cannot hold %g", b.Capacity, level)
	}
	in, out := b.limits(steps[0])
	return bands(b, steps, b.Capacity)[0].next(level, in, out), nil
}

func (o *Outcome) follow(b Battery, s Step, aim band, level float64) float64 {
	in, out := b.limits(s)
	next := aim.next(level, in, out)
	o.add(b, s, level, next)
	return next
}

// ended checks the sums: the level can be off by rounding only.
func (o *Outcome) ended(b Battery, level float64) error {
	if math.Abs(level) > 1e-6*b.Capacity {
		return fmt.Errorf("%w: %g kWh are left", errEnd, level)
	}
	return nil
}

// Forecasts is what a rolling plan knows of prices.
type Forecasts struct {
	// Known is, for each step, how many steps from the first one on have a price
	// that is known when that step begins, itself included.
	Known []int
	// Predict tells the prices of steps from to to, of those before from only.
	Predict func(from, to int) []float64
	// Ahead is how many steps behind the known ones are planned on predictions.
	Ahead int
}

// Roll plans again whenever prices become known, on the known prices and on
// predictions behind them, and follows each plan until the next.
func Roll(b Battery, steps []Step, f Forecasts) (Outcome, error) {
	if err := check(b, steps); err != nil {
		return Outcome{}, err
	}
	if len(f.Known) != len(steps) || f.Ahead < 0 {
		return Outcome{}, fmt.Errorf("%d steps need to be told what is known at each, not at %d, and a horizon that is not negative", len(steps), len(f.Known))
	}
	o := Outcome{Levels: make([]float64, 0, len(steps))}
	left := b.emptied(steps)
	var plan []band
	level, begin, known := 0.0, 0, 0
	for i := range steps {
		if now := min(max(f.Known[i], i+1), len(steps)); now != known || i == 0 {
			ahead, err := f.ahead(steps, i, now)
			if err != nil {
				return Outcome{}, err
			}
			plan, begin, known = bands(b, ahead, left[i+len(ahead)]), i, now
		}
		level = o.follow(b, steps[i], plan[i-begin], level)
	}
	return o, o.ended(b, level)
}

// emptied is how much the steps from each on can take out of the cells: no plan may
// leave more to those behind its horizon, for the battery is to end empty.
func (b Battery) emptied(steps []Step) []float64 {
	left := make([]float64, len(steps)+1)
	for i := len(steps) - 1; i >= 0; i-- {
		_, out := b.limits(steps[i])
		left[i] = left[i+1] + out
	}
	return left
}

// ahead are the steps that a plan of now looks at.
func (f Forecasts) ahead(steps []Step, now, known int) ([]Step, error) {
	end := min(known+f.Ahead, len(steps))
	list := append([]Step(nil), steps[now:end]...)
	if end == known {
		return list, nil
	}
	predicted := f.Predict(known, end)
	if len(predicted) != end-known {
		return nil, fmt.Errorf("predict steps %d to %d: %d prices came", known, end, len(predicted))
	}
	for i, p := range predicted {
		if math.IsNaN(p) || math.Abs(p) > most {
			return nil, fmt.Errorf("predict step %d: a price of %g came", known+i, p)
		}
		list[known-now+i].Price = p
	}
	return list, nil
}
