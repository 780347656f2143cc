package api

import "strconv"

// What a cell and its child cells say to each other. A child is to its parent
// what an agent is to its leader, but its tasks are whole workloads: the parent
// keeps one set of hand-overs a child, messages are only hints that the set has
// changed, the child pulls it and makes its own journal agree with it.

// Cell is a child cell as it registers with its parent.
type Cell struct {
	Name    string   `json:"name" cbor:"1,keyasint,omitempty"`              // [a-z0-9-], unique among the parent's children
	Sites   []string `json:"sites,omitempty" cbor:"2,keyasint,omitempty"`   // where its nodes stand, at most MaxLabels
	Layers  []Layer  `json:"layers,omitempty" cbor:"3,keyasint,omitempty"`  // of its nodes
	Version string   `json:"version,omitempty" cbor:"4,keyasint,omitempty"` // of the program, at most 64 bytes
}

// Validate returns every fault of a child's description.
func (c *Cell) Validate() []FieldError {
	var steps [4]step
	k := checker{at: steps[:0]}
	k.name("name", c.Name)
	k.atMost("sites", len(c.Sites), MaxLabels)
	k.atMost("layers", len(c.Layers), MaxLabels)
	k.text("version", c.Version, 64)
	if len(c.Sites) == 0 || len(c.Layers) == 0 {
		k.fault("sites", "a cell stands at one site at least, in one layer")
	}
	for _, s := range c.Sites {
		k.name("sites", s)
	}
	for _, l := range c.Layers {
		k.layer(l)
	}
	return k.done()
}

// HandoverID names one offer of one workload by one cell. It is the same in the
// journals of both sides, and never used twice: At tells offers apart that a cell
// made before and after it lost its journal.
type HandoverID struct {
	Cell     string `json:"cell" cbor:"1,keyasint,omitempty"`              // the parent
	Workload uint64 `json:"workload" cbor:"2,keyasint,omitempty"`          // its number there
	Attempt  uint32 `json:"attempt,omitempty" cbor:"3,keyasint,omitempty"` // counts the offers of the workload, from 1
	At       Time   `json:"at,omitempty" cbor:"4,keyasint,omitempty"`      // when it was offered
}

// String is the form for logs: "parent/17.1".
func (id HandoverID) String() string {
	return id.Cell + "/" + strconv.FormatUint(id.Workload, 10) + "." + strconv.FormatUint(uint64(id.Attempt), 10)
}

// Key is a text that no other hand-over has.
func (id HandoverID) Key() string { return id.String() + "@" + strconv.FormatInt(int64(id.At), 10) }

// HandoverItem is one entry of a child's set.
type HandoverItem struct {
	ID    HandoverID `cbor:"1,keyasint"`
	Stop  bool       `cbor:"2,keyasint,omitempty"` // it is to end; not accepted yet, it is to be refused
	Asked uint32     `cbor:"3,keyasint,omitempty"` // counts what the parent asked for; above what the child knows: fetch the specification
}

// HandoverPull asks for the set, or for what follows workload After of it.
type HandoverPull struct {
	After uint64 `cbor:"1,keyasint,omitempty"`
}

// HandoverSet answers a HandoverPull, by workload, ascending.
type HandoverSet struct {
	Epoch uint64         `cbor:"1,keyasint,omitempty"`
	Cell  string         `cbor:"2,keyasint,omitempty"` // the parent's name
	Items []HandoverItem `cbor:"3,keyasint,omitempty"`
	More  bool           `cbor:"4,keyasint,omitempty"` // pull again after the last
}

// HandoverSpec answers a request for one specification, which names it by ID.
type HandoverSpec struct {
	ID       HandoverID `cbor:"1,keyasint"`
	Asked    uint32     `cbor:"2,keyasint,omitempty"`
	Workload *Workload  `cbor:"3,keyasint,omitempty"` // nil: it is not in the set any more
}

// HandoverElement is the end of elements [From, To) of one task of a job. Those
// with a result come one by one.
type HandoverElement struct {
	Task   uint16     `cbor:"1,keyasint,omitempty"`
	From   uint32     `cbor:"2,keyasint,omitempty"`
	To     uint32     `cbor:"3,keyasint,omitempty"`
	Status TaskStatus `cbor:"4,keyasint,omitempty"` // final
	Node   string     `cbor:"5,keyasint,omitempty"` // in the child
	Try    uint32     `cbor:"6,keyasint,omitempty"`
	Result *Result    `cbor:"7,keyasint,omitempty"`
	Reason string     `cbor:"8,keyasint,omitempty"`
}

// HandoverReport is how one hand-over stands in the child, read at record N of
// its journal. A later one replaces an earlier one; elements add up.
type HandoverReport struct {
	ID       HandoverID        `cbor:"1,keyasint"`
	N        uint64            `cbor:"2,keyasint,omitempty"`
	Refused  bool              `cbor:"3,keyasint,omitempty"` // else it is accepted
	Reason   string            `cbor:"4,keyasint,omitempty"` // why it was refused or ended so, at most 512 bytes
	Status   WorkloadStatus    `cbor:"5,keyasint,omitempty"`
	Revision uint32            `cbor:"6,keyasint,omitempty"` // the child's
	Asked    uint32            `cbor:"7,keyasint,omitempty"` // what of the parent's wishes the child has taken up
	Healthy  int32             `cbor:"8,keyasint,omitempty"`
	Counts   Counts            `cbor:"9,keyasint,omitempty"`
	Elements []HandoverElement `cbor:"10,keyasint,omitempty"`
}

// HandoverReports is a batch of them.
type HandoverReports struct {
	Reports []HandoverReport `cbor:"1,keyasint,omitempty"`
}

// CellHello registers a child.
type CellHello struct {
	Cell Cell `cbor:"1,keyasint"`
}

// CellWelcome answers a CellHello once the registration stands in the journal.
type CellWelcome struct {
	Epoch     uint64   `cbor:"1,keyasint,omitempty"`
	Cell      string   `cbor:"2,keyasint,omitempty"` // the parent's name
	Heartbeat Duration `cbor:"3,keyasint,omitempty"` // how often to say that the child lives
}

// The stands of a hand-over, as views show them.
const (
	HandoverOffered  = "offered"
	HandoverAccepted = "accepted"
	HandoverRefused  = "refused"
	HandoverWaiting  = "waiting" // it is for a cell that is not heard of
)

// HandoverView shows where a workload was handed over to, or where from.
type HandoverView struct {
	Cell   string `json:"cell"`             // the child; of a workload that came from a parent, the parent
	Stand  string `json:"stand"`            // "offered", "accepted", "refused", "waiting"
	ID     string `json:"id,omitempty"`     // "parent/17.1", the same in both cells
	Since  Time   `json:"since,omitempty"`  // when it came to stand so
	Reason string `json:"reason,omitempty"` // why it was refused, or waits
	Silent bool   `json:"silent,omitempty"` // nothing is heard of the child: what is shown is old
}

// CellView shows a child cell.
type CellView struct {
	Cell
	Status     string `json:"status"`   // "ready", "silent"
	Offered    int32  `json:"offered"`  // workloads that it has not answered for yet
	Accepted   int32  `json:"accepted"` // workloads that it owns and that have not ended
	Registered Time   `json:"registered"`
	LastSeen   Time   `json:"lastSeen,omitempty"` // leader's memory, not journalled
}

// CellList is every child of a cell, by name.
type CellList struct {
	Items []CellView `json:"items"`
}
