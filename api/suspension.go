package api

import "fmt"

// Suspension is until when an element is not to run, as a command asked: it stands still
// where it runs, and is not placed while it waits. The zero one is none.
type Suspension struct {
	Since    Time   `json:"since" cbor:"1,keyasint,omitempty"`
	Until    Time   `json:"until" cbor:"2,keyasint,omitempty"`
	By       string `json:"by,omitempty" cbor:"3,keyasint,omitempty"` // the principal
	Reason   string `json:"reason,omitempty" cbor:"4,keyasint,omitempty"`
	Operator bool   `json:"operator,omitempty" cbor:"5,keyasint,omitempty"` // see SuspendRequest
}

// Limits of suspensions.
const (
	MinSuspension     = Second
	MaxSuspension     = 7 * Day
	DefaultSuspension = Hour
	MaxElements       = 64  // of one request
	MaxWhy            = 256 // bytes of a reason

	maxTaskName = 63
)

// Elements are some elements of a task of a job: Count of them from From on; without a
// Count all of them.
type Elements struct {
	Task  string `json:"task" cbor:"1,keyasint,omitempty"`
	From  uint32 `json:"from,omitempty" cbor:"2,keyasint,omitempty"`
	Count uint32 `json:"count,omitempty" cbor:"3,keyasint,omitempty"`
}

// SuspendRequest has elements of a job stand still for a while; without Elements all that
// have not ended. A second one counts in place of the first.
type SuspendRequest struct {
	Elements []Elements `json:"elements,omitempty"`
	For      Duration   `json:"for,omitempty"`    // MinSuspension to MaxSuspension; 0: DefaultSuspension
	Reason   string     `json:"reason,omitempty"` // for people
	// Operator says that whoever runs the cell wishes it, and not whose job it is. Each may
	// suspend beside the other, and what stands still for its owner costs the price of its node.
	Operator bool `json:"operator,omitempty"`
}

// ResumeRequest ends suspensions before their time: those of the operator, or else of the
// owner. What neither wishes to stand still goes on.
type ResumeRequest struct {
	Elements []Elements `json:"elements,omitempty"`
	Operator bool       `json:"operator,omitempty"`
}

// Normalize fills defaults in.
func (r *SuspendRequest) Normalize() {
	if r.For == 0 {
		r.For = DefaultSuspension
	}
}

// Validate lists every fault with its path.
func (r *SuspendRequest) Validate() (faults []FieldError) {
	if r.For < MinSuspension || r.For > MaxSuspension {
		faults = append(faults, FieldError{Path: "for", Message: fmt.Sprintf("%s is out of range: %s to %s", r.For, MinSuspension, MaxSuspension)})
	}
	if len(r.Reason) > MaxWhy {
		faults = append(faults, FieldError{Path: "reason", Message: fmt.Sprintf("%d bytes are more than %d", len(r.Reason), MaxWhy)})
	}
	return append(faults, checkElements(r.Elements)...)
}

// Validate lists every fault with its path.
func (r *ResumeRequest) Validate() []FieldError { return checkElements(r.Elements) }

func checkElements(list []Elements) (faults []FieldError) {
	if len(list) > MaxElements {
		return []FieldError{{Path: "elements", Message: fmt.Sprintf("%d entries are more than %d: send several requests", len(list), MaxElements)}}
	}
	for i := range list {
		if n := len(list[i].Task); n == 0 || n > maxTaskName {
			faults = append(faults, FieldError{Path: fmt.Sprintf("elements[%d].task", i), Message: fmt.Sprintf("a name of %d bytes is out of range: 1 to %d", n, maxTaskName)})
		}
	}
	return faults
}

// Text says in a phrase until when a suspension is, as people read it at a moment.
func (s *Suspension) Text(now Time) string {
	text := "suspended until " + s.Until.Beside(now)
	if s.Operator {
		text += " by the cell's operator"
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}
