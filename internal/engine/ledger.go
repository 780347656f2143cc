package engine

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// BuyOffset adds an offset to the ledger.
type BuyOffset struct {
	Caller `cbor:"1,keyasint"`
	Offset api.Offset `cbor:"2,keyasint"`
}

// EndOffset sells an offset, or retires it.
type EndOffset struct {
	Caller   `cbor:"1,keyasint"`
	Serial   string     `cbor:"2,keyasint"`
	To       string     `cbor:"3,keyasint"`
	Proceeds *api.Money `cbor:"4,keyasint,omitempty"`
	Note     string     `cbor:"5,keyasint,omitempty"`
}

// InputKind implements Input.
func (*BuyOffset) InputKind() InputKind { return InputBuyOffset }

// InputKind implements Input.
func (*EndOffset) InputKind() InputKind { return InputEndOffset }

func (e *Engine) buyOffset(in *BuyOffset, key string) state.Answer {
	o := in.Offset
	if faults := o.Validate(); len(faults) > 0 {
		return refuse(state.CodeInvalid, "offset %s is refused: %s", o.Serial, faultsText(faults))
	}
	old := e.st.Ledger[o.Serial]
	switch {
	case old != nil && same(old.Offset, o) && old.Status == api.OffsetHeld:
		return state.Answer{Action: "unchanged"}
	case old != nil:
		return refuse(state.CodeConflict, "offset %s is in the ledger already, and %s; a serial counts once", o.Serial, old.Status)
	case len(e.st.Ledger) >= api.MaxOffsets:
		return refuse(state.CodeConflict, "the ledger keeps %d offsets already", api.MaxOffsets)
	}
	e.emit(&state.OffsetBought{Offset: o, By: clipTo(in.Principal, maxName), Key: key})
	return state.Answer{Action: "created"}
}

func (e *Engine) endOffset(in *EndOffset, key string) state.Answer {
	d := api.OffsetDeed{To: in.To, Price: in.Proceeds, Note: in.Note}
	if faults := d.Validate(); len(faults) > 0 {
		return refuse(state.CodeInvalid, "offset %s: %s", in.Serial, faultsText(faults))
	}
	o := e.st.Ledger[in.Serial]
	switch {
	case o == nil:
		return refuse(state.CodeNotFound, "there is no offset %s in the ledger; drover carbon ledger lists them", in.Serial)
	case o.Status != api.OffsetHeld:
		return refuse(state.CodeConflict, "offset %s was %s at %s; that happens once", in.Serial, o.Status, o.Done)
	}
	e.emit(&state.OffsetEnded{Serial: in.Serial, Status: in.To, Proceeds: in.Proceeds, Note: in.Note, Key: key})
	return state.Answer{Action: "updated"}
}

// ViewLedger adds up what was emitted, offset and held, and lists the offsets.
func (e *Engine) ViewLedger() api.LedgerView {
	v := api.LedgerView{Items: []api.OffsetView{}}
	for _, name := range e.st.SortedBooks() {
		b := e.st.Books[name]
		v.Emitted += b.Carbon
		v.Embodied += b.Embodied
		v.Unknown += b.Unknown
	}
	for _, serial := range e.st.SortedLedger() {
		o := e.st.Ledger[serial]
		amount, energy := &v.Held, &v.Certificates.Held
		switch o.Status {
		case api.OffsetRetired:
			amount, energy = &v.Retired, &v.Certificates.Retired
		case api.OffsetSold:
			amount, energy = &v.Sold, &v.Certificates.Sold
		}
		*amount += api.Micrograms(o.Amount)
		*energy = min(*energy, math.MaxInt64-api.Microjoules(o.Energy)) + api.Microjoules(o.Energy)
		v.Items = append(v.Items, api.OffsetView{
			Offset: o.Offset, Status: o.Status, Bought: o.Bought, Done: o.Done, Proceeds: o.Proceeds, Note: o.Note, By: o.By,
		})
	}
	v.Net = v.Emitted + v.Embodied - v.Retired
	return v
}

func offsetSize(o *api.Offset) int { return 3*smallSize + len(o.Serial) + len(o.Zone) + len(o.Kind) }
