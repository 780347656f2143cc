package state

import (
	"fmt"

	"drover.dev/api"
)

// Strain is that of a node whose use was measured to be near what it has, for some time.
type Strain struct {
	Said    NodeStrained `cbor:"1,keyasint"`
	Since   api.Time     `cbor:"2,keyasint"`           // when the cell heard of it first
	At      api.Time     `cbor:"3,keyasint"`           // and last
	Seats   []Seat       `cbor:"4,keyasint,omitempty"` // of those that were moved last
	Settled api.Time     `cbor:"5,keyasint,omitempty"` // when those were chosen
}

// Seat is where a task that leaves a strained node has room by what it uses.
type Seat struct {
	Ref  api.TaskRef `cbor:"1,keyasint"`
	Node string      `cbor:"2,keyasint"`
}

// NodeStrained says that a node is used to near what it has, more than its tasks were
// promised. It takes no new work meanwhile.
type NodeStrained struct {
	Node   string   `cbor:"1,keyasint"`
	Used   Room     `cbor:"2,keyasint"`           // at most, as is expected
	Of     Room     `cbor:"3,keyasint"`           // what that is a part of
	CPU    api.Time `cbor:"4,keyasint,omitempty"` // since when too much of its cpu is used; 0: it is not
	Memory api.Time `cbor:"5,keyasint,omitempty"` // likewise of its memory
	Seats  []Seat   `cbor:"6,keyasint,omitempty"` // of those that leave it now, in order
}

// NodeEased says that a node is not strained any more, or that nothing is known of that.
type NodeEased struct {
	Node string `cbor:"1,keyasint"`
	Why  string `cbor:"2,keyasint,omitempty"`
}

// Kind implements Event.
func (*NodeStrained) Kind() Kind { return KindNodeStrained }

// Kind implements Event.
func (*NodeEased) Kind() Kind { return KindNodeEased }

// strain keeps what is said of a node, and forgets moves that are too old to matter: where
// no node can sleep, nobody looks at the nodes otherwise.
func (s *State) strain(e *NodeStrained) error {
	if s.Nodes[e.Node] == nil {
		return fmt.Errorf("strain of node %q: it is not registered", e.Node)
	}
	n := Strain{Said: *e, Since: s.Now, At: s.Now, Seats: e.Seats, Settled: s.Now}
	n.Said.Seats = nil
	if old := s.Strains[e.Node]; old != nil {
		n.Since = old.Since
		if len(e.Seats) == 0 {
			n.Seats, n.Settled = old.Seats, old.Settled
		}
	}
	if len(n.Seats) == 0 {
		n.Settled = 0
	}
	s.Strains[e.Node] = &n
	s.consolidation().forget(s.Now)
	return nil
}
