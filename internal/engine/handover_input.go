package engine

import "drover.dev/api"

// CellHello is a child cell's registration, at its parent.
type CellHello struct {
	Cell api.Cell `cbor:"1,keyasint"`
}

// CellSilent says that nothing was heard of a child for the shell's threshold.
type CellSilent struct {
	Cell string `cbor:"1,keyasint"`
}

// CellBack says that a silent child was heard of again.
type CellBack struct {
	Cell string `cbor:"1,keyasint"`
}

// RemoveCell forgets a silent child; what it owns has failed.
type RemoveCell struct {
	Caller `cbor:"1,keyasint"`
	Cell   string `cbor:"2,keyasint"`
}

// Handovers are a child's reports, at its parent.
type Handovers struct {
	Cell    string               `cbor:"1,keyasint"`
	Reports []api.HandoverReport `cbor:"2,keyasint,omitempty"`
}

// Accept takes a parent's offer up, in the child, or a later wish about one that
// was accepted before. The workload was normalised and validated; what it needs
// is in the child's store.
type Accept struct {
	ID       api.HandoverID `cbor:"1,keyasint"`
	Asked    uint32         `cbor:"2,keyasint,omitempty"`
	Workload *api.Workload  `cbor:"3,keyasint"`
	Facts    []Fact         `cbor:"4,keyasint,omitempty"`
}

// Decline refuses a parent's offer, in the child, unless it was answered before.
type Decline struct {
	ID     api.HandoverID `cbor:"1,keyasint"`
	Reason string         `cbor:"2,keyasint,omitempty"`
}

// Settle says in the child that its parent's set has these no more.
type Settle struct {
	IDs []api.HandoverID `cbor:"1,keyasint"`
}

// InputKind implementations.
func (*CellHello) InputKind() InputKind  { return InputCellHello }
func (*CellSilent) InputKind() InputKind { return InputCellSilent }
func (*CellBack) InputKind() InputKind   { return InputCellBack }
func (*RemoveCell) InputKind() InputKind { return InputRemoveCell }
func (*Handovers) InputKind() InputKind  { return InputHandovers }
func (*Accept) InputKind() InputKind     { return InputAccept }
func (*Decline) InputKind() InputKind    { return InputDecline }
func (*Settle) InputKind() InputKind     { return InputSettle }

// cellInput folds one input about parents and children in.
func (e *Engine) cellInput(in Input) {
	switch v := in.(type) {
	case *CellSilent:
		e.cellSilent(v.Cell)
	case *CellBack:
		e.cellBack(v.Cell)
	case *Handovers:
		for i := range v.Reports {
			e.handover(v.Cell, &v.Reports[i])
		}
	case *Accept:
		e.accept(v)
	case *Decline:
		e.decline(v.ID, v.Reason)
	case *Settle:
		e.settleOrigins(v.IDs)
	}
}

// Clean makes all text of the reports valid UTF-8; see Reports.Clean.
func (in *Handovers) Clean() {
	for i := range in.Reports {
		r := &in.Reports[i]
		r.Reason, r.ID.Cell = plain(r.Reason), plain(r.ID.Cell)
		for j := range r.Elements {
			el := &r.Elements[j]
			el.Node, el.Reason = plain(el.Node), plain(el.Reason)
			if el.Result != nil {
				cleanResult(el.Result)
			}
		}
	}
}
