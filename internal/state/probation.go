package state

import (
	"fmt"
	"math/bits"

	"drover.dev/api"
)

// Probation is a change of the cell's strategy that is watched, or was.
type Probation struct {
	To      string        `cbor:"1,keyasint"` // the strategy
	Asked   api.Probation `cbor:"2,keyasint"`
	Since   api.Time      `cbor:"3,keyasint"`
	Looks   uint32        `cbor:"4,keyasint,omitempty"` // how many of its looks have passed
	Tallies []Tally       `cbor:"5,keyasint"`           // by goal, of what has ended
	Judged  ProbationEnd  `cbor:"6,keyasint,omitempty"`
	Ended   api.Time      `cbor:"7,keyasint,omitempty"`
	Reason  string        `cbor:"8,keyasint,omitempty"`
}

// ProbationEnd is how a probation ended.
type ProbationEnd uint8

// The ends of a probation.
const (
	ProbationOpen ProbationEnd = iota
	ProbationKept
	ProbationRolledBack
	ProbationReplaced
)

var probationNames = [...]string{api.ProbationOpen, api.ProbationKept, api.ProbationRolledBack, api.ProbationReplaced}

func (e ProbationEnd) String() string { return probationNames[min(int(e), len(probationNames)-1)] }

// Tally adds up times, in whole microseconds.
type Tally struct {
	N      uint64 `cbor:"1,keyasint,omitempty"`
	Sum    uint64 `cbor:"2,keyasint,omitempty"`
	High   uint64 `cbor:"3,keyasint,omitempty"` // of the sum of squares, with Low
	Low    uint64 `cbor:"4,keyasint,omitempty"`
	Beyond uint64 `cbor:"5,keyasint,omitempty"` // how many were longer than the limit
}

// Add counts a time against a limit.
func (t *Tally) Add(d, limit api.Duration) {
	us := uint64(max(d, 0) / api.Microsecond)
	t.N++
	t.Sum += us
	hi, lo := bits.Mul64(us, us)
	var carry uint64
	t.Low, carry = bits.Add64(t.Low, lo, 0)
	t.High += hi + carry
	if d > limit {
		t.Beyond++
	}
}

// ProbationBegun has the strategy that was just set watched.
type ProbationBegun struct {
	To    string        `cbor:"1,keyasint"`
	Asked api.Probation `cbor:"2,keyasint"`
}

// ProbationJudged is a look at a probation. A roll-back's change of the settings
// follows it.
type ProbationJudged struct {
	Look   uint32       `cbor:"1,keyasint"`
	End    ProbationEnd `cbor:"2,keyasint,omitempty"` // open: it goes on
	Reason string       `cbor:"3,keyasint,omitempty"`
}

// Kind implements Event.
func (*ProbationBegun) Kind() Kind { return KindProbationBegun }

// Kind implements Event.
func (*ProbationJudged) Kind() Kind { return KindProbationJudged }

// OnProbation is the probation that is open, or nil.
func (s *State) OnProbation() *Probation {
	if p := s.Probation; p != nil && p.Judged == ProbationOpen {
		return p
	}
	return nil
}

// applyProbation folds its events in; false when ev is none.
func (s *State) applyProbation(ev Event) (bool, error) {
	switch e := ev.(type) {
	case *ProbationBegun:
		s.Probation = &Probation{To: e.To, Asked: e.Asked, Since: s.Now, Tallies: make([]Tally, len(e.Asked.Goals))}
	case *ProbationJudged:
		p := s.OnProbation()
		if p == nil || e.Look < p.Looks {
			return true, fmt.Errorf("look %d at a probation: there is none, or it was looked at later", e.Look)
		}
		p.Looks, p.Judged, p.Reason = e.Look, e.End, e.Reason
		if e.End != ProbationOpen {
			p.Ended = s.Now
		}
	default:
		return false, nil
	}
	return true, nil
}

// Watches reports whether the times of a workload count for a probation: a job's
// that came after the change, and that no child has.
func (p *Probation) Watches(w *Workload) bool {
	return w.Submitted >= p.Since && w.Spec.Kind == api.KindJob && (w.Spec.Schedule == nil || w.Parent != 0) && !w.Away()
}

// tally counts a time that is over for the canary and for the probation that go on.
func (s *State) tally(w *Workload, wait bool) {
	s.tallyCanary(w, wait)
	if p := s.OnProbation(); p != nil && p.Watches(w) {
		countTime(p.Asked.Goals, p.Tallies, wait, s.Now.Sub(w.Submitted))
	}
}
