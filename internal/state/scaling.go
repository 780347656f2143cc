package state

import "drover.dev/api"

// Scaling is how many replicas a service with a scale has, and since when.
type Scaling struct {
	Replicas int32    `cbor:"1,keyasint"`
	From     int32    `cbor:"2,keyasint,omitempty"` // the number before
	Since    api.Time `cbor:"3,keyasint"`
	Why      *Outlook `cbor:"4,keyasint,omitempty"` // nil: the specification was given another number
}

// Outlook is what was known of a service's load when a number of replicas was worked
// out from it.
type Outlook struct {
	Forecast api.Milli `cbor:"1,keyasint,omitempty"` // CPU: the largest quantile of the forecast in the time ahead
	Quantile api.Milli `cbor:"2,keyasint"`           // as the specification says
	Target   api.Milli `cbor:"3,keyasint"`           // as the specification says
	For      api.Time  `cbor:"4,keyasint,omitempty"` // the moment of Forecast
	Origin   api.Time  `cbor:"5,keyasint,omitempty"` // from where the forecast looked ahead
	Model    string    `cbor:"6,keyasint,omitempty"`
	Load     api.Milli `cbor:"7,keyasint,omitempty"` // CPU that was used then
}

// ServiceScaled changes the number of a service's replicas. Its revision stays.
type ServiceScaled struct {
	ID       uint64  `cbor:"1,keyasint"`
	Replicas int32   `cbor:"2,keyasint"`
	Why      Outlook `cbor:"3,keyasint"`
}

// Kind implements Event.
func (*ServiceScaled) Kind() Kind { return KindServiceScaled }

// Replicas is how many replicas of a service are wished for: the number in its
// specification, unless it scales and has got another one.
func (w *Workload) Replicas() int32 {
	switch {
	case w.Spec.Scale == nil:
		return w.Spec.Replicas
	case w.Scaling == nil:
		return w.Spec.Scale.Bounds(w.Spec.Replicas)
	}
	return w.Spec.Scale.Bounds(w.Scaling.Replicas)
}

func (s *State) scaled(w *Workload, e *ServiceScaled) {
	why := e.Why
	s.scaleTo(w, &Scaling{Replicas: e.Replicas, From: w.Replicas(), Since: s.Now, Why: &why})
}

// scaleAsked keeps the number of a workload that gets another specification, unless
// that does not scale, or wishes for another number to begin with.
func (s *State) scaleAsked(w *Workload, spec *api.Workload) {
	switch {
	case spec.Scale == nil:
		s.unscale(w)
	case w.Spec.Scale == nil, spec.Replicas != w.Spec.Replicas:
		s.scaleTo(w, &Scaling{Replicas: spec.Replicas, From: w.Replicas(), Since: s.Now})
	}
}

func (s *State) scaleTo(w *Workload, c *Scaling) { s.Scalings[w.ID], w.Scaling = c, c }

func (s *State) unscale(w *Workload) {
	delete(s.Scalings, w.ID)
	w.Scaling = nil
}
