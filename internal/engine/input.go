package engine

import "drover.dev/api"

// InputKind numbers the types of inputs in the journal. A number is never reused.
type InputKind uint16

// Input is what reaches the engine from outside: a command, reports of an agent,
// a silence, the start of a leader.
type Input interface{ InputKind() InputKind }

// The kinds of inputs.
const (
	InputLead InputKind = iota + 1
	InputSubmit
	InputCancel
	InputRollback
	InputDrain
	InputRemoveNode
	InputPutSite
	InputSettings
	InputRegister
	InputSilent
	InputBack
	InputReports
	InputLoss
	InputCellHello
	InputCellSilent
	InputCellBack
	InputRemoveCell
	InputHandovers
	InputAccept
	InputDecline
	InputSettle
	InputPutStrategy
	InputPutTenant
	InputPlanned
	InputShadowed
	InputPutSignal
	InputBuyOffset
	InputEndOffset
	InputScaled
	InputPower
	InputResized
	InputSuspend
	InputForeseen
	InputBattery
	InputStrained
)

// Caller is part of every command: who asks, and the idempotency key under which
// the answer is remembered. The key is unique per principal; an empty key is not
// remembered.
type Caller struct {
	Principal string `cbor:"1,keyasint,omitempty"`
	Key       string `cbor:"2,keyasint,omitempty"`
}

// Lead opens an epoch for a new leader. Home is the site of its store.
type Lead struct {
	Epoch  uint64 `cbor:"1,keyasint"`
	Server string `cbor:"2,keyasint"`
}

// Loss says that the leader goes on without records that were damaged or gone,
// as an operator accepted.
type Loss struct {
	From    uint64 `cbor:"1,keyasint"` // number of the first record given up
	Entries uint64 `cbor:"2,keyasint"` // how many stored entries were dropped
}

// Submit asks for a workload: a new one, or a revision of one of the same name.
// The workload was normalised and validated before. Facts holds what the server
// knows of each task's program and inputs, by task.
type Submit struct {
	Caller   `cbor:"1,keyasint"`
	Workload *api.Workload `cbor:"2,keyasint"`
	Facts    []Fact        `cbor:"3,keyasint,omitempty"`
}

// Fact is what is known of a task's program before it runs.
type Fact struct {
	Program api.Bytes `cbor:"1,keyasint,omitempty"` // size of its artifact
	Inputs  api.Bytes `cbor:"2,keyasint,omitempty"` // size of its input artifacts
	Memory  api.Bytes `cbor:"3,keyasint,omitempty"` // least memory that a WASM module declares
	Imports []string  `cbor:"4,keyasint,omitempty"` // modules that a WASM module imports from
}

// Cancel ends the newest workload of a name, or the one with the number ID.
type Cancel struct {
	Caller `cbor:"1,keyasint"`
	Tenant string `cbor:"2,keyasint"`
	Name   string `cbor:"3,keyasint,omitempty"`
	ID     uint64 `cbor:"4,keyasint,omitempty"`
}

// Rollback gives a service an earlier revision's specification again. Revision 0
// is the last one that became healthy before the present.
type Rollback struct {
	Caller   `cbor:"1,keyasint"`
	Tenant   string `cbor:"2,keyasint"`
	Name     string `cbor:"3,keyasint"`
	Revision uint32 `cbor:"4,keyasint,omitempty"`
}

// Drain empties a node, or (Off) lets it take work again. Running job tasks may
// go on for Grace before they are moved.
type Drain struct {
	Caller `cbor:"1,keyasint"`
	Node   string       `cbor:"2,keyasint"`
	Off    bool         `cbor:"3,keyasint,omitempty"`
	Grace  api.Duration `cbor:"4,keyasint,omitempty"`
}

// RemoveNode forgets a node that holds nothing.
type RemoveNode struct {
	Caller `cbor:"1,keyasint"`
	Node   string `cbor:"2,keyasint"`
}

// PutSite declares or replaces a site.
type PutSite struct {
	Caller `cbor:"1,keyasint"`
	Site   api.Site `cbor:"2,keyasint"`
}

// PutSettings changes settings; zero fields stay as they are.
type PutSettings struct {
	Caller    `cbor:"1,keyasint"`
	RetainFor api.Duration `cbor:"2,keyasint,omitempty"`
	RetainMax int32        `cbor:"3,keyasint,omitempty"`
	Lease     api.Duration `cbor:"4,keyasint,omitempty"`
	Home      string       `cbor:"5,keyasint,omitempty"`
	Strategy  string       `cbor:"6,keyasint,omitempty"`
	// Probation has the change of the strategy watched; nil does not.
	Probation *api.Probation `cbor:"7,keyasint,omitempty"`
	// Stages has the strategy tried step by step first; nil makes it the cell's at once.
	Stages *api.Stages `cbor:"8,keyasint,omitempty"`
}

// PutStrategy declares or replaces a strategy.
type PutStrategy struct {
	Caller   `cbor:"1,keyasint"`
	Strategy api.Strategy `cbor:"2,keyasint"`
}

// PutTenant declares or replaces what holds for a tenant.
type PutTenant struct {
	Caller `cbor:"1,keyasint"`
	Tenant api.Tenant `cbor:"2,keyasint"`
}

// Register is an agent's Hello.
type Register struct {
	Node api.Node `cbor:"1,keyasint"`
}

// Silent says that nothing was heard of a node for the shell's threshold.
type Silent struct {
	Node string `cbor:"1,keyasint"`
}

// Back says that a silent node was heard of again.
type Back struct {
	Node string `cbor:"1,keyasint"`
}

// Reports are facts from a node's outbox.
type Reports struct {
	Node    string       `cbor:"1,keyasint"`
	Reports []api.Report `cbor:"2,keyasint"`
}

// InputKind implementations.
func (*Lead) InputKind() InputKind        { return InputLead }
func (*Submit) InputKind() InputKind      { return InputSubmit }
func (*Cancel) InputKind() InputKind      { return InputCancel }
func (*Rollback) InputKind() InputKind    { return InputRollback }
func (*Drain) InputKind() InputKind       { return InputDrain }
func (*RemoveNode) InputKind() InputKind  { return InputRemoveNode }
func (*PutSite) InputKind() InputKind     { return InputPutSite }
func (*PutSettings) InputKind() InputKind { return InputSettings }
func (*PutStrategy) InputKind() InputKind { return InputPutStrategy }
func (*PutTenant) InputKind() InputKind   { return InputPutTenant }
func (*Register) InputKind() InputKind    { return InputRegister }
func (*Silent) InputKind() InputKind      { return InputSilent }
func (*Back) InputKind() InputKind        { return InputBack }
func (*Reports) InputKind() InputKind     { return InputReports }
func (*Loss) InputKind() InputKind        { return InputLoss }

// NewInput returns an empty input of a kind, or nil when this build does not
// know the kind.
func NewInput(k InputKind) Input {
	switch k {
	case InputLead:
		return new(Lead)
	case InputSubmit:
		return new(Submit)
	case InputCancel:
		return new(Cancel)
	case InputRollback:
		return new(Rollback)
	case InputDrain:
		return new(Drain)
	case InputRemoveNode:
		return new(RemoveNode)
	case InputPutSite:
		return new(PutSite)
	case InputSettings:
		return new(PutSettings)
	case InputPutStrategy:
		return new(PutStrategy)
	case InputPutTenant:
		return new(PutTenant)
	case InputRegister:
		return new(Register)
	case InputSilent:
		return new(Silent)
	case InputBack:
		return new(Back)
	case InputReports:
		return new(Reports)
	case InputCellHello:
		return new(CellHello)
	case InputCellSilent:
		return new(CellSilent)
	case InputCellBack:
		return new(CellBack)
	case InputRemoveCell:
		return new(RemoveCell)
	case InputHandovers:
		return new(Handovers)
	case InputAccept:
		return new(Accept)
	case InputDecline:
		return new(Decline)
	case InputSettle:
		return new(Settle)
	case InputLoss:
		return new(Loss)
	case InputPlanned:
		return new(Planned)
	case InputShadowed:
		return new(Shadowed)
	case InputPutSignal:
		return new(PutSignal)
	case InputBuyOffset:
		return new(BuyOffset)
	case InputEndOffset:
		return new(EndOffset)
	case InputScaled:
		return new(Scaled)
	case InputPower:
		return new(Power)
	case InputResized:
		return new(Resized)
	case InputForeseen:
		return new(Foreseen)
	case InputBattery:
		return new(Battery)
	case InputSuspend:
		return new(Suspend)
	case InputStrained:
		return new(Strained)
	}
	return nil
}
