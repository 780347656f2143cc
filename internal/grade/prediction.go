// Package grade holds predictions against the truth: errors, coverage of intervals,
// persistence beside it, and an alarm when predictions become worse than they were.
package grade

import (
	"fmt"

	"drover.dev/api"
)

// Origin says who made a prediction.
type Origin uint8

// The origins of predictions.
const (
	OfMirror Origin = iota // by the mirror of a running cell, when the workload had come
	OfPlan                 // by drover plan --twin, before it was submitted
)

// Quantiles are three quantiles of a moment; one that lies beyond what was looked at
// is 0. P10 to P90 is the 80 % interval.
type Quantiles struct {
	P10 api.Time `cbor:"1,keyasint,omitempty" json:"p10,omitempty"`
	P50 api.Time `cbor:"2,keyasint,omitempty" json:"p50,omitempty"`
	P90 api.Time `cbor:"3,keyasint,omitempty" json:"p90,omitempty"`
}

// Later gives quantiles that are so much later.
func (q Quantiles) Later(by api.Duration) Quantiles {
	move := func(t api.Time) api.Time {
		if t == 0 {
			return 0
		}
		return t.Add(by)
	}
	return Quantiles{move(q.P10), move(q.P50), move(q.P90)}
}

// holds reports whether a moment lies in the interval.
func (q *Quantiles) holds(t api.Time) bool {
	return q.P10 != 0 && q.P10 <= t && (q.P90 == 0 || t <= q.P90)
}

// Lengths are three quantiles of a time; all 0 when none is known.
type Lengths struct {
	P10 api.Duration `cbor:"1,keyasint,omitempty" json:"p10,omitempty"`
	P50 api.Duration `cbor:"2,keyasint,omitempty" json:"p50,omitempty"`
	P90 api.Duration `cbor:"3,keyasint,omitempty" json:"p90,omitempty"`
}

// Prediction is what was said of a workload before it was known.
type Prediction struct {
	ID        uint64   `cbor:"1,keyasint" json:"id"` // of the workload
	Tenant    string   `cbor:"2,keyasint" json:"tenant"`
	Name      string   `cbor:"3,keyasint" json:"name"`
	Class     string   `cbor:"4,keyasint,omitempty" json:"class"`
	Origin    Origin   `cbor:"5,keyasint,omitempty" json:"-"`
	Record    uint64   `cbor:"6,keyasint" json:"record"` // of the journal: nothing later was known
	Made      api.Time `cbor:"7,keyasint" json:"made"`   // when that record was decided
	Submitted api.Time `cbor:"8,keyasint" json:"submitted"`
	// Began is when its first element had begun to run already; then no start is
	// predicted.
	Began api.Time  `cbor:"9,keyasint,omitempty" json:"began,omitempty"`
	Start Quantiles `cbor:"10,keyasint" json:"start"` // of its first element
	End   Quantiles `cbor:"11,keyasint" json:"end"`   // of its last one
	Run   Lengths   `cbor:"12,keyasint" json:"run"`   // from one to the other
	// NaiveStart, NaiveEnd and NaiveRun are what persistence says: as long as the last
	// run of this workload took, and as long as the one that ended last waited. 0:
	// nothing had ended before.
	NaiveStart api.Time     `cbor:"13,keyasint,omitempty" json:"naiveStart,omitempty"`
	NaiveEnd   api.Time     `cbor:"14,keyasint,omitempty" json:"naiveEnd,omitempty"`
	NaiveRun   api.Duration `cbor:"15,keyasint,omitempty" json:"naiveRun,omitempty"`
	// Round counts the predictions that were made at once, of one state.
	Round uint64 `cbor:"16,keyasint,omitempty" json:"round,omitempty"`
	// New says that of one of its tasks no run was known, nor did it say how long it runs.
	New bool `cbor:"17,keyasint,omitempty" json:"new,omitempty"`
	// Raw is how far ahead each figure lay before [Conform] moved it; 0 where nothing was
	// foreseen of it.
	Raw [figures]api.Duration `cbor:"18,keyasint,omitempty" json:"-"`
}

// Key tells predictions apart: there may be one of each origin of a workload.
type Key struct {
	ID     uint64
	Origin Origin
}

// Key names the prediction.
func (p *Prediction) Key() Key { return Key{p.ID, p.Origin} }

// Graded is a prediction whose truth has arrived.
type Graded struct {
	Prediction
	Started api.Time `cbor:"20,keyasint,omitempty" json:"started,omitempty"` // 0: the journal does not tell
	Ended   api.Time `cbor:"21,keyasint" json:"ended"`
}

// Figure is something that is predicted of a workload.
type Figure uint8

// The figures.
const (
	Start    Figure = iota // when its first element begins to run
	End                    // when its last one has ended
	Duration               // from one to the other
	figures
)

var figureNames = [...]string{"start", "end", "duration"}

func (f Figure) String() string { return figureNames[min(int(f), len(figureNames)-1)] }

// MarshalText implements encoding.TextMarshaler.
func (f Figure) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Figure) UnmarshalText(b []byte) error {
	for i, name := range figureNames {
		if name == string(b) {
			*f = Figure(i)
			return nil
		}
	}
	return fmt.Errorf("there is no figure %.20q: it is start, end or duration", b)
}

// grain is what hints, pulls and reports make times vary by: an error counts at most
// in proportion to that much.
const grain = 100 * api.Millisecond

// outcome is how one figure of a prediction did.
type outcome struct {
	ahead    api.Duration // from when it was made to the truth
	off      api.Duration // without its sign
	relative float64      // off by what was predicted: waiting, completion, running
	covered  bool
	guess    bool // no run was known
	naive    bool // persistence said something, too
	naiveOff api.Duration
	naiveRel float64
}

// outcome grades a figure; false when nothing was predicted, or nothing is known.
func (g *Graded) outcome(f Figure) (out outcome, ok bool) {
	switch f {
	case Start:
		if g.Began != 0 || g.Started == 0 || g.Start.P50 == 0 {
			return out, false
		}
		out.of(g.Start.P50.Sub(g.Started), g.Started.Sub(g.Submitted), g.Start.holds(g.Started))
		out.beside(g.NaiveStart != 0, g.NaiveStart.Sub(g.Started), g.Started.Sub(g.Submitted))
		out.ahead = g.Started.Sub(g.Made)
	case End:
		if g.End.P50 == 0 {
			return out, false
		}
		out.of(g.End.P50.Sub(g.Ended), g.Ended.Sub(g.Submitted), g.End.holds(g.Ended))
		out.beside(g.NaiveEnd != 0, g.NaiveEnd.Sub(g.Ended), g.Ended.Sub(g.Submitted))
		out.ahead = g.Ended.Sub(g.Made)
	default:
		if g.Started == 0 || g.Run.P50 == 0 {
			return out, false
		}
		took := g.Ended.Sub(g.Started)
		out.of(g.Run.P50-took, took, g.Run.P10 <= took && took <= g.Run.P90)
		out.beside(g.NaiveRun != 0, g.NaiveRun-took, took)
		out.ahead = g.Ended.Sub(g.Made)
	}
	return out, true
}

func (o *outcome) of(off, truth api.Duration, covered bool) {
	o.off, o.relative, o.covered = abs(off), relative(off, truth), covered
}

func (o *outcome) beside(known bool, off, truth api.Duration) {
	if o.naive = known; known {
		o.naiveOff, o.naiveRel = abs(off), relative(off, truth)
	}
}

func abs(d api.Duration) api.Duration { return max(d, -d) }

func relative(off, truth api.Duration) float64 {
	return float64(abs(off)) / float64(max(truth, grain))
}
