package state

import (
	"fmt"
	"slices"

	"drover.dev/api"
)

// Suspensions are until when an element is not to run, as its owner and the operator of
// the cell asked, each for itself. They are replaced, never changed.
type Suspensions struct {
	Owner    *api.Suspension `cbor:"1,keyasint,omitempty"`
	Operator *api.Suspension `cbor:"2,keyasint,omitempty"`
}

// SuspensionPut has elements [From, To) of a task of a job stand still, as far as they
// have not ended, or lifts that: the operator's suspensions or the owner's, or, with a
// Due, those of both that end by then.
type SuspensionPut struct {
	Workload   uint64          `cbor:"1,keyasint"`
	Task       uint16          `cbor:"2,keyasint,omitempty"`
	From       uint32          `cbor:"3,keyasint,omitempty"`
	To         uint32          `cbor:"4,keyasint"`
	Suspension *api.Suspension `cbor:"5,keyasint,omitempty"` // nil lifts
	Operator   bool            `cbor:"6,keyasint,omitempty"` // whose are lifted
	Due        api.Time        `cbor:"7,keyasint,omitempty"`
}

// Kind implements Event.
func (*SuspensionPut) Kind() Kind { return KindSuspensionPut }

func (s *State) applySuspension(ev Event) (mine bool, err error) {
	e, mine := ev.(*SuspensionPut)
	if !mine {
		return false, nil
	}
	w := s.Workloads[e.Workload]
	if w == nil || int(e.Task) >= len(w.Groups) {
		return true, fmt.Errorf("suspend task %d of workload %d: there is none", e.Task, e.Workload)
	}
	var was, next *Suspensions // of the element before: most are alike, and share one
	for _, t := range w.Groups[e.Task].Tasks {
		if t.Ref.Index < e.From || t.Ref.Index >= e.To || t.Status.Final() && e.Suspension != nil {
			continue
		}
		if next == nil || was != t.Suspension {
			was, next = t.Suspension, e.next(t.Suspension)
		}
		if *next != was.each() {
			s.suspend(t, next)
		}
	}
	return true, nil
}

// next is what an event makes of the suspensions of an element.
func (e *SuspensionPut) next(old *Suspensions) *Suspensions {
	out := old.each()
	switch {
	case e.Due != 0:
		out.Owner, out.Operator = after(out.Owner, e.Due), after(out.Operator, e.Due)
	case e.Suspension != nil && e.Suspension.Operator:
		out.Operator = e.Suspension
	case e.Suspension != nil:
		out.Owner = e.Suspension
	case e.Operator:
		out.Operator = nil
	default:
		out.Owner = nil
	}
	return &out
}

// after keeps a suspension that goes on after a moment.
func after(s *api.Suspension, at api.Time) *api.Suspension {
	if s != nil && s.Until <= at {
		return nil
	}
	return s
}

// suspend replaces the suspensions of an element. A stretch in which it stands still is
// of one kind: it ends, and another begins, when its owner comes to wish it, or no longer.
func (s *State) suspend(t *Task, next *Suspensions) {
	if t.Still != 0 && (t.Suspension.each().Owner != nil) != (next.Owner != nil) {
		t.stood(Stood{From: t.Still, To: s.Now, Owner: t.Suspension.each().Owner != nil})
		t.Still = s.Now
	}
	if *next == (Suspensions{}) {
		next = nil
	}
	if t.Suspension = next; next != nil {
		t.Booking = nil
	}
	if t.Status.Holds() {
		s.touch(t)
	}
}

// each are the suspensions one by one, also of an element that has none.
func (s *Suspensions) each() Suspensions {
	if s == nil {
		return Suspensions{}
	}
	return *s
}

// All are the suspensions that there are, the owner's first.
func (s *Suspensions) All() (out []api.Suspension) {
	for _, one := range [...]*api.Suspension{s.each().Owner, s.each().Operator} {
		if one != nil {
			out = append(out, *one)
		}
	}
	return out
}

// Suspends reports whether an element of a workload is suspended.
func (w *Workload) Suspends() bool {
	return slices.ContainsFunc(w.Groups, func(g Group) bool {
		return slices.ContainsFunc(g.Tasks, func(t *Task) bool { return t.Suspension != nil })
	})
}

// Of is the operator's suspension, or the owner's; nil when there is none.
func (s *Suspensions) Of(operator bool) *api.Suspension {
	if operator {
		return s.each().Operator
	}
	return s.each().Owner
}

// Last is the suspension that ends last; nil when there is none.
func (s *Suspensions) Last() *api.Suspension {
	one, other := s.each().Owner, s.each().Operator
	if one == nil || other != nil && other.Until > one.Until {
		return other
	}
	return one
}

// Stands reports whether an element is to stand still where it runs: time-slicing, its
// owner or the operator wishes it.
func (t *Task) Stands() bool { return t.Suspension != nil || t.Slice != nil && t.Slice.Pause }

// StoodFor is how long the present attempt has stood still for its owner by a moment.
func (t *Task) StoodFor(now api.Time) (d api.Duration) {
	for _, s := range t.Stills.All() {
		if s.Owner {
			d += s.To.Sub(s.From)
		}
	}
	if t.Still != 0 && t.Suspension.each().Owner != nil {
		d += max(now.Sub(t.Still), 0)
	}
	return d
}
