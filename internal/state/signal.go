package state

import "drover.dev/api"

// SignalPut brings news of a signal. What it means for what was known before,
// api.Signal.Merge says.
type SignalPut struct {
	Signal api.Signal `cbor:"1,keyasint"`
	Key    string     `cbor:"2,keyasint,omitempty"`
}

// Kind implements Event.
func (*SignalPut) Kind() Kind { return KindSignalPut }

// putSignal keeps what is known of a signal now.
func (s *State) putSignal(e *SignalPut) {
	key := e.Signal.Key()
	old := s.Signals[key]
	if old == nil {
		old = &api.Signal{}
	}
	s.Signals[key] = old.Merge(&e.Signal, s.Now)
	s.unsettle("", e.Signal.Zone)
	s.remember(e.Key, Answer{Action: "updated"})
}

// SortedSignals returns the keys of all signals in order.
func (s *State) SortedSignals() []string { return sortedKeys(s.Signals) }
