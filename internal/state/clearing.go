package state

import (
	"fmt"

	"drover.dev/api"
)

// Consolidation is what moving running work together has decided.
type Consolidation struct {
	Looked api.Time             `cbor:"1,keyasint,omitempty"` // when nodes were last looked at
	Nodes  map[string]*Clearing `cbor:"2,keyasint,omitempty"` // that work is moved off, or was lately, by name; replaced, never changed
	Moves  []Moved              `cbor:"3,keyasint,omitempty"` // within MoveMemory, oldest first
	Nap    api.Duration         `cbor:"4,keyasint,omitempty"` // how long nodes sleep, see UsualNap; 0: none was woken yet
	Ran    int64                `cbor:"5,keyasint,omitempty"` // seconds for which jobs ran that succeeded, in all
	Lost   int64                `cbor:"6,keyasint,omitempty"` // seconds by which moves delayed jobs, in all
	At     *LookedAt            `cbor:"7,keyasint,omitempty"` // how far a look has come; nil: none is under way
}

// LookedAt is how far a look at the nodes has come: all up to this one were looked at, in
// the order of the part of them that tasks hold, of what they draw idle, the most first, and
// of their names.
type LookedAt struct {
	Share  int64  `cbor:"1,keyasint,omitempty"` // in thousandths
	Thirst int64  `cbor:"2,keyasint,omitempty"` // mW for each core
	Node   string `cbor:"3,keyasint,omitempty"`
	Tries  int    `cbor:"4,keyasint,omitempty"` // nodes that the look may still try to empty
}

// Clearing is a node that running work is moved off.
type Clearing struct {
	For   ClearFor        `cbor:"1,keyasint"`
	Since api.Time        `cbor:"2,keyasint"`
	Over  api.Time        `cbor:"3,keyasint,omitempty"` // when it was given up; 0: it is under way
	Tasks []api.TaskRef   `cbor:"4,keyasint,omitempty"` // that are to leave, in order
	To    []string        `cbor:"5,keyasint,omitempty"` // where they were to find room, by name
	Watts int64           `cbor:"6,keyasint,omitempty"` // mW that are saved while it sleeps
	Empty api.Duration    `cbor:"7,keyasint,omitempty"` // for how long it is expected to sleep
	Cost  api.Microjoules `cbor:"8,keyasint,omitempty"` // of the moves, and of falling asleep and waking
	Why   string          `cbor:"9,keyasint,omitempty"` // in a phrase
}

// ClearFor says for what a node is cleared.
type ClearFor uint8

// The reasons to move running work off a node.
const (
	ClearNothing ClearFor = iota // it takes work again
	ClearSleep                   // it is to sleep
	ClearLoad                    // it has more than it can carry
)

// Moved is an element that was asked to leave its node for another.
type Moved struct {
	Ref api.TaskRef `cbor:"1,keyasint"`
	At  api.Time    `cbor:"2,keyasint"`
}

// MoveMemory is how long it is remembered that a task was moved, and that clearing a node
// was given up: for so long neither is tried again.
const MoveMemory = api.Hour

// NodesLooked says that nodes were looked at for work to move.
type NodesLooked struct {
	At *LookedAt `cbor:"1,keyasint,omitempty"` // the look goes on behind this one; nil: it has begun, or is over
}

// NodeClearing begins to move running work off a node, which takes no new work meanwhile,
// or (For ClearNothing) ends that before all of it has left.
type NodeClearing struct {
	Node  string          `cbor:"1,keyasint"`
	For   ClearFor        `cbor:"2,keyasint,omitempty"`
	Tasks []api.TaskRef   `cbor:"3,keyasint,omitempty"`
	To    []string        `cbor:"4,keyasint,omitempty"`
	Watts int64           `cbor:"5,keyasint,omitempty"`
	Empty api.Duration    `cbor:"6,keyasint,omitempty"`
	Cost  api.Microjoules `cbor:"7,keyasint,omitempty"`
	Why   string          `cbor:"8,keyasint,omitempty"`
	Delay api.Duration    `cbor:"9,keyasint,omitempty"` // of jobs, together
}

// Kind implements Event.
func (*NodesLooked) Kind() Kind { return KindNodesLooked }

// Kind implements Event.
func (*NodeClearing) Kind() Kind { return KindNodeClearing }

func (s *State) applyClearing(ev Event) (mine bool, err error) {
	switch e := ev.(type) {
	case *NodesLooked:
		c := s.consolidation()
		if c.At == nil {
			c.looked(s.Now)
		}
		c.At = e.At
	case *NodeClearing:
		return true, s.clearNode(e)
	case *DemandForeseen:
		s.Foresight = &Foresight{*e, s.Now}
	case *NodeStrained:
		return true, s.strain(e)
	case *NodeEased:
		delete(s.Strains, e.Node)
	default:
		return false, nil
	}
	return true, nil
}

func (s *State) consolidation() *Consolidation {
	if s.Consolidation == nil {
		s.Consolidation = &Consolidation{Nodes: map[string]*Clearing{}}
	}
	return s.Consolidation
}

// looked begins a look at the nodes, and forgets what is too old to matter.
func (c *Consolidation) looked(now api.Time) {
	c.Looked = now
	c.forget(now)
}

// forget drops what is too old to matter.
func (c *Consolidation) forget(now api.Time) {
	drop := 0
	for drop < len(c.Moves) && c.Moves[drop].At.Add(MoveMemory) <= now {
		drop++
	}
	c.Moves = trimFront(c.Moves, drop)
	for name, n := range c.Nodes { // order-free: each for itself
		if n.Over != 0 && n.Over.Add(MoveMemory) <= now {
			delete(c.Nodes, name)
		}
	}
}

func (s *State) clearNode(e *NodeClearing) error {
	if s.Nodes[e.Node] == nil {
		return fmt.Errorf("clear node %q: it is not registered", e.Node)
	}
	c := s.consolidation()
	if e.For != ClearNothing {
		c.Nodes[e.Node] = &Clearing{For: e.For, Since: s.Now, Tasks: e.Tasks, To: e.To, Watts: e.Watts, Empty: e.Empty, Cost: e.Cost, Why: e.Why}
		c.Lost += int64(e.Delay / api.Second)
		for _, ref := range e.Tasks {
			c.Moves = append(c.Moves, Moved{ref, s.Now})
		}
		return nil
	}
	if old := c.Nodes[e.Node]; old != nil {
		n := *old
		n.Over, n.Why = s.Now, e.Why
		c.Nodes[e.Node] = &n
	}
	return nil
}

// succeeded takes in how long a job's task ran that succeeded.
func (s *State) succeeded(d api.Duration) {
	if s.Consolidation != nil {
		s.Consolidation.Ran += int64(max(d, 0) / api.Second)
	}
}

// Clearing is what is under way on a node; nil when no work is being moved off it.
func (s *State) Clearing(node string) *Clearing {
	if s.Consolidation == nil {
		return nil
	}
	if c := s.Consolidation.Nodes[node]; c != nil && c.Over == 0 {
		return c
	}
	return nil
}

// cleared ends what is under way on a node that sleeps now, or is no more.
func (s *State) cleared(node string) {
	if s.Consolidation != nil {
		delete(s.Consolidation.Nodes, node)
	}
}

// defaultNap is how long a node is taken to sleep while little is known, in the mean, and
// napWeight how much each nap that ended counts: 1/napWeight.
const (
	defaultNap = 3 * api.Hour
	napWeight  = 8
)

// UsualNap is how long nodes sleep until they are woken: the exponentially weighted mean
// of those that were, beginning at three hours.
func (s *State) UsualNap() api.Duration {
	if s.Consolidation == nil || s.Consolidation.Nap == 0 {
		return defaultNap
	}
	return s.Consolidation.Nap
}

// slept takes in how long a node slept that is woken now.
func (s *State) slept(n *Node) {
	if n.Power == api.PowerSleeping {
		mean := s.UsualNap()
		s.consolidation().Nap = max(mean+(s.Now.Sub(n.PowerAt)-mean)/napWeight, api.Second)
	}
}
