package state

import (
	"fmt"

	"drover.dev/api"
)

// Offset is an entry of the ledger.
type Offset struct {
	api.Offset `cbor:"1,keyasint"`
	Status     string     `cbor:"2,keyasint"`
	Bought     api.Time   `cbor:"3,keyasint"`
	Done       api.Time   `cbor:"4,keyasint,omitempty"`
	Proceeds   *api.Money `cbor:"5,keyasint,omitempty"`
	Note       string     `cbor:"6,keyasint,omitempty"`
	By         string     `cbor:"7,keyasint,omitempty"`
}

// OffsetBought adds an entry to the ledger.
type OffsetBought struct {
	Offset api.Offset `cbor:"1,keyasint"`
	By     string     `cbor:"2,keyasint,omitempty"`
	Key    string     `cbor:"3,keyasint,omitempty"`
}

// OffsetEnded sells an entry, or retires it, for good.
type OffsetEnded struct {
	Serial   string     `cbor:"1,keyasint"`
	Status   string     `cbor:"2,keyasint"` // api.OffsetSold or api.OffsetRetired
	Proceeds *api.Money `cbor:"3,keyasint,omitempty"`
	Note     string     `cbor:"4,keyasint,omitempty"`
	Key      string     `cbor:"5,keyasint,omitempty"`
}

// Kind implements Event.
func (*OffsetBought) Kind() Kind { return KindOffsetBought }

// Kind implements Event.
func (*OffsetEnded) Kind() Kind { return KindOffsetEnded }

// applyLedger folds an event of the ledger. What would count twice does not fit.
func (s *State) applyLedger(ev Event) error {
	switch e := ev.(type) {
	case *OffsetBought:
		if s.Ledger[e.Offset.Serial] != nil {
			return fmt.Errorf("buy offset %q: it is in the ledger already", e.Offset.Serial)
		}
		s.Ledger[e.Offset.Serial] = &Offset{Offset: e.Offset, Status: api.OffsetHeld, Bought: s.Now, By: e.By}
		s.remember(e.Key, Answer{Action: "created"})
	case *OffsetEnded:
		o := s.Ledger[e.Serial]
		if o == nil || o.Status != api.OffsetHeld {
			return fmt.Errorf("end offset %q as %s: it is not held", e.Serial, e.Status)
		}
		next := *o
		next.Status, next.Done, next.Proceeds, next.Note = e.Status, s.Now, e.Proceeds, e.Note
		s.Ledger[e.Serial] = &next
		s.remember(e.Key, Answer{Action: "updated"})
	}
	return nil
}

// SortedLedger returns the serials of all offsets in order.
func (s *State) SortedLedger() []string { return sortedKeys(s.Ledger) }
