package state

import (
	"fmt"

	"drover.dev/api"
)

// Planning is where a cell stands with its global planner: while a plan is open,
// tasks whose strategy names a planner wait for it.
type Planning struct {
	N    uint64   `cbor:"1,keyasint"`           // of the last plan that was asked for; they count from 1
	At   api.Time `cbor:"2,keyasint,omitempty"` // when it was asked for
	Open bool     `cbor:"3,keyasint,omitempty"` // its answer is waited for

	Closed api.Time     `cbor:"4,keyasint,omitempty"` // when the last one was closed
	Last   *PlanOutcome `cbor:"5,keyasint,omitempty"` // what became of it
}

// PlanOutcome says what became of a plan.
type PlanOutcome struct {
	Planner string `cbor:"1,keyasint,omitempty"` // "" when none came in time
	Seq     uint64 `cbor:"2,keyasint,omitempty"` // of the last record that it had seen
	Tasks   int32  `cbor:"3,keyasint,omitempty"` // that it named; those that went where it said have it in their decision
	Cost    int64  `cbor:"6,keyasint,omitempty"` // of the plan, in the planner's unit
	Bound   int64  `cbor:"7,keyasint,omitempty"` // no plan for that view costs less
}

// PlanAsked asks the shell for a plan of what waits.
type PlanAsked struct {
	N uint64 `cbor:"1,keyasint"`
}

// PlanClosed ends the wait for a plan: it has been followed as far as it holds, or
// it did not come in time. What it left waiting goes the ordinary way.
type PlanClosed struct {
	N       uint64      `cbor:"1,keyasint"`
	Outcome PlanOutcome `cbor:"2,keyasint"`
}

// Kind implements Event.
func (*PlanAsked) Kind() Kind { return KindPlanAsked }

// Kind implements Event.
func (*PlanClosed) Kind() Kind { return KindPlanClosed }

// applyPlan folds the events of plans in; false when ev is none.
func (s *State) applyPlan(ev Event) (bool, error) {
	switch e := ev.(type) {
	case *PlanAsked:
		if s.Planning == nil {
			s.Planning = &Planning{}
		}
		p := s.Planning
		if p.Open || e.N != p.N+1 {
			return true, fmt.Errorf("plan %d is asked for after plan %d (open: %v)", e.N, p.N, p.Open)
		}
		p.N, p.At, p.Open = e.N, s.Now, true
	case *PlanClosed:
		p := s.Planning
		if p == nil || !p.Open || p.N != e.N {
			return true, fmt.Errorf("plan %d is closed, which is not open", e.N)
		}
		o := e.Outcome
		p.Open, p.Closed, p.Last = false, s.Now, &o
	default:
		return false, nil
	}
	return true, nil
}
