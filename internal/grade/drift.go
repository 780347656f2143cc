package grade

import (
	"math"
	"slices"

	"drover.dev/api"
)

// Drift raises an alarm when predictions become worse than they were: when the 80 %
// interval is missed more often, or when errors are larger. It sees one prediction of
// each round, since those that are made of one state share their fate. Both are watched
// by the cumulative sum of Bernoulli trials (Page, 1954, "Continuous Inspection Schemes";
// Reynolds and Stoumbos, 1999, "A CUSUM Chart for Monitoring a Proportion When Inspecting
// Continuously"): S grows by ln(p₁/p₀) with a failure and by ln((1-p₁)/(1-p₀)) without,
// and never below 0. The zero value is ready.
type Drift struct {
	// Reference is what the first rounds showed: relative errors of the end.
	Reference []float64 `cbor:"1,keyasint,omitempty"`
	Missed    int       `cbor:"2,keyasint,omitempty"` // of those, how many missed the interval
	Round     uint64    `cbor:"3,keyasint,omitempty"` // the last one seen
	Coverage  Sum       `cbor:"4,keyasint"`
	Error     Sum       `cbor:"5,keyasint"`
	Usual     float64   `cbor:"6,keyasint,omitempty"` // the error that 1 of 4 was beyond
}

// Sum is a cumulative sum of Bernoulli trials.
type Sum struct {
	P0    float64  `cbor:"1,keyasint" json:"usual"`            // share of failures before, rather too high
	P1    float64  `cbor:"2,keyasint" json:"worse"`            // share that is looked for
	S     float64  `cbor:"3,keyasint" json:"sum"`              // the sum
	N     int64    `cbor:"4,keyasint" json:"n"`                // trials
	Since api.Time `cbor:"5,keyasint" json:"since,omitempty"`  // of the alarm that stands; 0: none does
	Alarm int64    `cbor:"6,keyasint" json:"alarms,omitempty"` // how many there were
}

// References is how many rounds what is usual is learnt from.
const References = 100

// between is how many trials there are between two false alarms in the mean, or more,
// were p₀ the true share: an alarm takes a sum of its logarithm (Lorden, 1971,
// "Procedures for Reacting to a Change in Distribution").
const between = 1000

// Threshold is what a sum must reach for an alarm.
func Threshold() float64 { return math.Log(between) }

// Learning reports whether what is usual is still being learnt.
func (d *Drift) Learning() bool { return len(d.Reference) < References }

// Alarmed reports whether an alarm stands.
func (d *Drift) Alarmed() bool { return d.Coverage.Since != 0 || d.Error.Since != 0 }

// Add takes a graded prediction in, the first of its round of which runs were known.
func (d *Drift) Add(g *Graded) {
	o, ok := g.outcome(End)
	if !ok || g.Origin != OfMirror || g.New || g.Round <= d.Round {
		return
	}
	d.Round = g.Round
	if d.Learning() {
		d.learn(&o)
		return
	}
	d.Coverage.add(!o.covered, g.Ended)
	d.Error.add(o.relative > d.Usual, g.Ended)
}

func (d *Drift) learn(o *outcome) {
	d.Reference = append(d.Reference, o.relative)
	if !o.covered {
		d.Missed++
	}
	if d.Learning() {
		return
	}
	sorted := slices.Sorted(slices.Values(d.Reference))
	d.Usual = sorted[References*3/4-1]
	beyond := 0
	for _, e := range sorted {
		if e > d.Usual {
			beyond++
		}
	}
	d.Coverage, d.Error = sumOf(d.Missed), sumOf(beyond)
}

// sumOf begins a sum after so many failures among the references. What was usual is
// taken at the upper end of Wilson's 90 % interval (Wilson, 1927, "Probable Inference,
// the Law of Succession, and Statistical Inference"): by chance it may have looked too
// good. What is looked for is halfway from there to always, but no more than a fifth more.
func sumOf(failures int) Sum {
	const n, z = float64(References), 1.645
	p := float64(failures) / n
	upper := (p + z*z/(2*n) + z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
	return Sum{P0: upper, P1: min(upper+0.2, (1+upper)/2)}
}

// add counts a trial. The sum goes no higher than twice what an alarm takes, so that
// an alarm ends when things are as they were for as long as it took.
func (s *Sum) add(failed bool, at api.Time) {
	s.N++
	step := math.Log((1 - s.P1) / (1 - s.P0))
	if failed {
		step = math.Log(s.P1 / s.P0)
	}
	s.S = min(max(s.S+step, 0), 2*Threshold())
	switch {
	case s.S >= Threshold() && s.Since == 0:
		s.Since = at
		s.Alarm++
	case s.S == 0:
		s.Since = 0
	}
}
