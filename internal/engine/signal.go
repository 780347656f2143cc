package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// PutSignal brings news of a signal: of what was measured or published, and forecasts.
type PutSignal struct {
	Caller `cbor:"1,keyasint"`
	Signal api.Signal `cbor:"2,keyasint"`
}

// InputKind implements Input.
func (*PutSignal) InputKind() InputKind { return InputPutSignal }

func (e *Engine) putSignal(in *PutSignal, key string) state.Answer {
	u := &in.Signal
	if faults := u.Validate(); len(faults) > 0 {
		return refuse(state.CodeInvalid, "signal %s is refused: %s", u.Key(), faultsText(faults))
	}
	if len(u.Values) > 0 && u.End() > e.st.Now.Add(api.MaxSignalAhead+api.Day) {
		return refuse(state.CodeInvalid, "signal %s is refused: it reaches to %s, more than %s ahead", u.Key(), u.End(), api.MaxSignalAhead)
	}
	old := e.st.Signals[u.Key()]
	switch {
	case old == nil && len(e.st.Signals) >= api.MaxSignals:
		return refuse(state.CodeConflict, "the cell keeps %d signals already", api.MaxSignals)
	case old == nil && u.Accepted != 0:
		return refuse(state.CodeConflict, "the cell has no signal %s: there is nothing that its source could be held against", u.Key())
	case old != nil && unmoved(old, u, e.st.Now):
		return state.Answer{Action: "unchanged"}
	}
	put := *u
	if put.Fault != "" && put.FaultSince == 0 {
		put.FaultSince = e.st.Now
	}
	e.emit(&state.SignalPut{Signal: put, Key: key})
	return state.Answer{Action: "updated"}
}

// unmoved reports whether an update says nothing new but when it was said.
func unmoved(old, u *api.Signal, now api.Time) bool {
	after := old.Merge(u, now)
	before := *old
	before.Issued, after.Issued = 0, 0
	if after.Fault == before.Fault {
		after.FaultSince = before.FaultSince
	}
	return same(before, *after)
}

func signalSize(s *api.Signal) int {
	return 3*smallSize + len(s.Zone) + len(s.Currency) + len(s.Origin) + len(s.Fault) + numberSize*(len(s.Values)+len(s.Spread))
}

// ViewSignal shows a signal as it stands at a moment.
func ViewSignal(s *api.Signal, now api.Time) api.SignalView {
	v := api.SignalView{
		Kind: s.Kind, Zone: s.Zone, Currency: s.Currency, Step: s.Step, KnownUntil: s.KnownUntil(), End: s.End(),
		Usual: s.Usual, Origin: s.Origin, Issued: s.Issued, Fault: s.Fault, FaultSince: s.FaultSince,
	}
	v.Now, v.Spread = s.At(now)
	if len(s.Values) == 0 {
		v.KnownUntil, v.End = 0, 0
	}
	for h := range api.Duration(24) {
		next, _ := s.At(now.Add(h * api.Hour))
		v.Next = append(v.Next, next)
	}
	return v
}

// ViewSignals lists the signals of the cell, by kind and zone, as they stand at a
// moment; that of the last record if it is later.
func (e *Engine) ViewSignals(now api.Time) (out []api.SignalView) {
	for _, key := range e.st.SortedSignals() {
		out = append(out, ViewSignal(e.st.Signals[key], max(now, e.st.Now)))
	}
	return out
}
