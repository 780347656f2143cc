package calibrate

import (
	"cmp"
	"math"
	"slices"
)

// window is how many of the latest runs of a key are remembered.
const window = 64

// maxKeys bounds how many keys are: runs of further ones count for their more general
// keys only.
const maxKeys = 200_000

// Tuning is how run times are weighed.
type Tuning struct {
	// Prior is how many runs a key must have seen to count as much as all that is
	// more general.
	Prior float64 `json:"prior"`
	// HalfLife is after how many later runs of the same key a run counts half.
	HalfLife float64 `json:"halfLifeRuns"`
}

// Tunings are those that [Tune] chooses from.
func Tunings() (list []Tuning) {
	for _, prior := range [...]float64{0.25, 0.5, 1, 2, 4} {
		for _, life := range [...]float64{2, 4, 8, 16, 64} {
			list = append(list, Tuning{prior, life})
		}
	}
	return list
}

// Durations learns how long jobs run. A job has several keys, from the most particular
// (its user, program and size) to the most general (none). What is predicted is a
// distribution: the latest runs of each key, in which a particular key's share grows
// with its number of runs, and what it leaves goes to the next one, as in
// interpolated back-off (Jelinek and Mercer, 1980, "Interpolated Estimation of Markov
// Source Parameters from Sparse Data"). That users' next runs are like their last ones is known from Tsafrir,
// Etsion and Feitelson, 2007, "Backfilling Using System-Generated Predictions Rather
// than User Runtime Estimates". The zero value is not ready: see [NewDurations].
type Durations struct {
	tuning Tuning
	keys   map[string]*past
}

// past is the latest runs of a key, the oldest first.
type past struct{ runs []float64 }

// NewDurations knows of no run yet.
func NewDurations(t Tuning) *Durations { return &Durations{t, map[string]*past{}} }

// Observe learns from a run, in any unit, of a job with these keys.
func (d *Durations) Observe(keys []string, run float64) {
	if !(run >= 0) || math.IsInf(run, 0) {
		return
	}
	for _, key := range keys {
		p := d.keys[key]
		if p == nil {
			if len(d.keys) == maxKeys {
				continue
			}
			p = &past{}
			d.keys[key] = p
		}
		if len(p.runs) == window {
			p.runs = p.runs[:copy(p.runs, p.runs[1:])]
		}
		p.runs = append(p.runs, run)
	}
}

// Predict gives the distribution of a job's run time; it is empty while nothing is
// known.
func (d *Durations) Predict(keys []string) Distribution {
	var out Distribution
	left := 1.0
	for _, key := range keys {
		p := d.keys[key]
		if p == nil {
			continue
		}
		weights, sum := d.weights(len(p.runs))
		share := left * sum / (sum + d.tuning.Prior)
		for i, run := range p.runs {
			out = append(out, Likely{run, share * weights[i] / sum})
		}
		left -= share
	}
	return out.settled()
}

// weights of so many runs, the oldest first, and their sum.
func (d *Durations) weights(n int) (list [window]float64, sum float64) {
	for i := range n {
		list[i] = math.Exp2(-float64(n-1-i) / d.tuning.HalfLife)
		sum += list[i]
	}
	return list, sum
}

// Likely is a value and its probability.
type Likely struct{ Value, Weight float64 }

// Distribution is values in ascending order with probabilities that sum to 1. An empty
// one says nothing.
type Distribution []Likely

// settled sorts the values and makes the weights sum to 1.
func (d Distribution) settled() Distribution {
	slices.SortFunc(d, func(a, b Likely) int { return cmp.Compare(a.Value, b.Value) })
	sum := 0.0
	for i := range d {
		sum += d[i].Weight
	}
	for i := range d {
		d[i].Weight /= sum
	}
	return d
}

// lindy is how much longer, as multiples, something is taken to last that has outlived
// all that is known of.
var lindy = [...]float64{1.05, 1.2, 1.5, 2, 3}

// Beyond is the distribution of those that last longer than what has passed. When none
// does, it is between 5 % longer and three times as long.
func (d Distribution) Beyond(passed float64) Distribution {
	i := slices.IndexFunc(d, func(l Likely) bool { return l.Value > passed })
	if len(d) == 0 || passed <= 0 || i == 0 {
		return d
	}
	var out Distribution
	if i > 0 {
		out = append(out, d[i:]...)
		return out.settled()
	}
	for _, f := range lindy {
		out = append(out, Likely{passed * f, 1 / float64(len(lindy))})
	}
	return out
}

// Quantile is the least value that a share q of all do not exceed; 0 of an empty
// distribution.
func (d Distribution) Quantile(q float64) float64 {
	sum := 0.0
	for _, l := range d {
		if sum += l.Weight; sum >= q {
			return l.Value
		}
	}
	if len(d) == 0 {
		return 0
	}
	return d[len(d)-1].Value
}

// Mean is the expected value.
func (d Distribution) Mean() (sum float64) {
	for _, l := range d {
		sum += l.Value * l.Weight
	}
	return sum
}

// LeastPercent is the one prediction whose absolute percentage error is least in
// expectation: the median under weights that are divided by the value (Gneiting, 2011,
// "Making and Evaluating Point Forecasts"). It lies below the median.
func (d Distribution) LeastPercent() float64 {
	out := make(Distribution, 0, len(d))
	for _, l := range d {
		if l.Value > 0 {
			out = append(out, Likely{l.Value, l.Weight / l.Value})
		}
	}
	if len(out) == 0 {
		return d.Quantile(0.5)
	}
	return out.settled().Quantile(0.5)
}
