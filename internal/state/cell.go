package state

import (
	"fmt"
	"slices"

	"drover.dev/api"
)

// Cell is a child cell and what was handed over to it.
type Cell struct {
	api.Cell   `cbor:"1,keyasint"`
	Silent     bool     `cbor:"2,keyasint,omitempty"`
	SilentAt   api.Time `cbor:"3,keyasint,omitempty"`
	Registered api.Time `cbor:"4,keyasint"`

	Held map[uint64]*Workload `cbor:"-"` // offered or accepted, not ended
}

// Stand is how far a hand-over has come.
type Stand uint8

// The stands of a hand-over. A workload that is offered or accepted is Away: its
// own cell does not run it.
const (
	Offered  Stand = iota + 1 // the child has not answered: it may have accepted
	Accepted                  // the child owns it
	Refused                   // the child will never run it: the workload is its own cell's again
)

var standNames = [...]string{"", api.HandoverOffered, api.HandoverAccepted, api.HandoverRefused}

func (s Stand) String() string { return standNames[min(int(s), len(standNames)-1)] }

// Handover is a workload's last hand-over to a child, and what is known of it
// from there.
type Handover struct {
	Cell    string   `cbor:"1,keyasint"`
	Attempt uint32   `cbor:"2,keyasint"`
	At      api.Time `cbor:"3,keyasint"` // when it was offered
	Stand   Stand    `cbor:"4,keyasint"`
	Since   api.Time `cbor:"5,keyasint"` // when it came to stand so
	Asked   uint32   `cbor:"6,keyasint"` // counts what this cell wishes; from 1

	N        uint64             `cbor:"7,keyasint,omitempty"` // record of the child's journal that the rest was read at
	Status   api.WorkloadStatus `cbor:"8,keyasint,omitempty"`
	Reason   string             `cbor:"9,keyasint,omitempty"`
	Revision uint32             `cbor:"10,keyasint,omitempty"`
	Taken    uint32             `cbor:"11,keyasint,omitempty"` // what of Asked the child has taken up
	Healthy  int32              `cbor:"12,keyasint,omitempty"`
	Counts   api.Counts         `cbor:"13,keyasint,omitempty"`

	Refusals []CellRefusal `cbor:"14,keyasint,omitempty"` // the last one of each cell, at most MaxRefusals
}

// CellRefusal is a child's refusal of a workload.
type CellRefusal struct {
	Cell   string   `cbor:"1,keyasint"`
	At     api.Time `cbor:"2,keyasint"`
	Reason string   `cbor:"3,keyasint,omitempty"`
}

// Bounds on what hand-overs keep.
const (
	MaxRefusals = 16   // of one workload
	MaxDeclined = 4096 // refusals of a child that its parents may not have recorded yet
	MaxCells    = 1000 // children of a cell
)

// Origin says in a child that a workload came from its parent.
type Origin struct {
	ID      api.HandoverID `cbor:"1,keyasint"`
	Asked   uint32         `cbor:"2,keyasint,omitempty"` // what of the parent's wishes was taken up
	Settled bool           `cbor:"3,keyasint,omitempty"` // the parent has recorded its end, or does not know it
}

// Declined is a hand-over that a child has refused, for ever.
type Declined struct {
	ID     api.HandoverID `cbor:"1,keyasint"`
	Reason string         `cbor:"2,keyasint,omitempty"`
	At     api.Time       `cbor:"3,keyasint"`
}

// CellRegistered adds a child or replaces what is known of it.
type CellRegistered struct {
	Cell api.Cell `cbor:"1,keyasint"`
}

// CellSilent says that nothing was heard of a child for the cell's threshold. What
// it owns stays its own.
type CellSilent struct {
	Cell string `cbor:"1,keyasint"`
}

// CellBack says that a silent child was heard of again.
type CellBack struct {
	Cell string `cbor:"1,keyasint"`
}

// CellRemoved forgets a child to which nothing is handed over.
type CellRemoved struct {
	Cell string `cbor:"1,keyasint"`
	Key  string `cbor:"2,keyasint,omitempty"`
}

// HandoverOffered offers a workload of which nothing was placed to a child. From
// now on this cell does not run it, until it is refused.
type HandoverOffered struct {
	ID      uint64 `cbor:"1,keyasint"`
	Cell    string `cbor:"2,keyasint"`
	Attempt uint32 `cbor:"3,keyasint"`
}

// HandoverAccepted says that the child owns the workload.
type HandoverAccepted struct {
	ID      uint64 `cbor:"1,keyasint"`
	Attempt uint32 `cbor:"2,keyasint"`
}

// HandoverRefused says that the child will never run this offer.
type HandoverRefused struct {
	ID      uint64 `cbor:"1,keyasint"`
	Attempt uint32 `cbor:"2,keyasint"`
	Reason  string `cbor:"3,keyasint,omitempty"`
}

// HandoverReported is how a handed-over workload stands in the child, with the
// elements of a job that have ended since the report before.
type HandoverReported struct {
	ID       uint64                `cbor:"1,keyasint"`
	Attempt  uint32                `cbor:"2,keyasint"`
	N        uint64                `cbor:"3,keyasint"`
	Status   api.WorkloadStatus    `cbor:"4,keyasint,omitempty"`
	Reason   string                `cbor:"5,keyasint,omitempty"`
	Revision uint32                `cbor:"6,keyasint,omitempty"`
	Asked    uint32                `cbor:"7,keyasint,omitempty"`
	Healthy  int32                 `cbor:"8,keyasint,omitempty"`
	Counts   api.Counts            `cbor:"9,keyasint,omitempty"`
	Elements []api.HandoverElement `cbor:"10,keyasint,omitempty"`
}

// HandoverLost gives a hand-over up: an operator removed the child.
type HandoverLost struct {
	ID      uint64 `cbor:"1,keyasint"`
	Attempt uint32 `cbor:"2,keyasint"`
	Reason  string `cbor:"3,keyasint,omitempty"`
}

// HandoverDeclined records in a child that it refuses an offer, for ever. That it
// accepts one is recorded by WorkloadSubmitted.
type HandoverDeclined struct {
	ID     api.HandoverID `cbor:"1,keyasint"`
	Reason string         `cbor:"2,keyasint,omitempty"`
}

// HandoverSettled says in a child that the parent's set has these no more: their
// ends, or refusals, stand in the parent's journal.
type HandoverSettled struct {
	IDs []api.HandoverID `cbor:"1,keyasint"`
}

// Away reports whether a child may own the workload, so that this cell must not
// run it.
func (w *Workload) Away() bool {
	return w.Handover != nil && (w.Handover.Stand == Offered || w.Handover.Stand == Accepted)
}

// HandoverID is the name of the workload's last hand-over; cell is this one's.
func (w *Workload) HandoverID(cell string) api.HandoverID {
	return api.HandoverID{Cell: cell, Workload: w.ID, Attempt: w.Handover.Attempt, At: w.Handover.At}
}

// Untouched reports whether nothing of the workload was ever placed, ended or
// stopped here.
func (w *Workload) Untouched() bool {
	if w.Stopping || w.Status.Final() {
		return false
	}
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Try != 0 || t.Status.Final() {
				return false
			}
		}
	}
	return true
}

// wish notes a change of the specification: for a child that owns the workload it
// is a new wish of its parent, in the child asked is the wish that it takes up.
func (w *Workload) wish(asked uint32) {
	if w.Away() {
		w.Handover.Asked++
	}
	if w.Origin != nil && asked != 0 {
		w.Origin.Asked = asked
	}
}

// SortedCells returns the names of all children in order.
func (s *State) SortedCells() []string { return sortedKeys(s.Cells) }

// SortedDeclined returns the keys of Declined in order.
func (s *State) SortedDeclined() []string { return sortedKeys(s.Declined) }

// Taken returns the workload that accepted a hand-over, or nil.
func (s *State) Taken(id api.HandoverID) *Workload { return s.Workloads[s.origins[id]] }

// SortedHeld returns the numbers of the workloads that a child holds, in order.
func (c *Cell) SortedHeld() []uint64 { return sortedKeys(c.Held) }

// Origins returns the numbers of the workloads that came from a parent, in order.
func (s *State) Origins() []uint64 {
	out := make([]uint64, 0, len(s.origins))
	for _, id := range s.origins { // order-free: sorted below
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// applyCell folds the events of children and hand-overs; false: it is none.
func (s *State) applyCell(ev Event) (bool, error) {
	switch e := ev.(type) {
	case *CellRegistered:
		s.registerCell(e.Cell)
	case *CellRemoved:
		delete(s.Cells, e.Cell)
		s.remember(e.Key, Answer{Action: "removed"})
	case *CellSilent:
		return true, s.hearCell(e.Cell, true)
	case *CellBack:
		return true, s.hearCell(e.Cell, false)
	case *HandoverDeclined:
		s.Declined[e.ID.Key()] = &Declined{ID: e.ID, Reason: e.Reason, At: s.Now}
	case *HandoverSettled:
		for _, id := range e.IDs {
			delete(s.Declined, id.Key())
			if w := s.Taken(id); w != nil {
				w.Origin.Settled = true
			}
		}
	default:
		return s.applyHandover(ev)
	}
	return true, nil
}

func (s *State) registerCell(cell api.Cell) {
	c := s.Cells[cell.Name]
	if c == nil {
		c = &Cell{Registered: s.Now, Held: map[uint64]*Workload{}}
		s.Cells[cell.Name] = c
	}
	c.Cell, c.Silent, c.SilentAt = cell, false, 0
}

func (s *State) hearCell(name string, silent bool) error {
	c := s.Cells[name]
	if c == nil {
		return fmt.Errorf("cell %q is not registered", name)
	}
	c.Silent, c.SilentAt = silent, 0
	if silent {
		c.SilentAt = s.Now
	}
	return nil
}

// applyHandover folds what happens to a workload that was handed over.
func (s *State) applyHandover(ev Event) (bool, error) {
	if e, ok := ev.(*HandoverOffered); ok {
		return true, s.offer(e)
	}
	id, attempt := handoverOf(ev)
	if id == 0 {
		return false, nil
	}
	w := s.Workloads[id]
	if w == nil || w.Handover == nil || w.Handover.Attempt != attempt {
		return true, fmt.Errorf("event %T: workload %d has no hand-over %d", ev, id, attempt)
	}
	h := w.Handover
	switch e := ev.(type) {
	case *HandoverAccepted:
		h.Stand, h.Since = Accepted, s.Now
		w.Status = api.WorkloadRunning
	case *HandoverRefused:
		s.refused(w, e.Reason)
	case *HandoverReported:
		return true, s.reported(w, e)
	case *HandoverLost:
		h.Stand, h.Since, h.Status, h.Reason = Accepted, s.Now, api.WorkloadFailed, e.Reason
		s.closeAway(w, api.TaskFailed, e.Reason)
	}
	return true, nil
}

func handoverOf(ev Event) (id uint64, attempt uint32) {
	switch e := ev.(type) {
	case *HandoverAccepted:
		return e.ID, e.Attempt
	case *HandoverRefused:
		return e.ID, e.Attempt
	case *HandoverReported:
		return e.ID, e.Attempt
	case *HandoverLost:
		return e.ID, e.Attempt
	}
	return 0, 0
}

func (s *State) offer(e *HandoverOffered) error {
	w, c := s.Workloads[e.ID], s.Cells[e.Cell]
	if w == nil || c == nil || w.Away() || !w.Untouched() {
		return fmt.Errorf("offer workload %d to cell %q: it, or the cell, is not as it must be", e.ID, e.Cell)
	}
	h := &Handover{Cell: e.Cell, Attempt: e.Attempt, At: s.Now, Stand: Offered, Since: s.Now, Asked: 1}
	if w.Handover != nil {
		h.Refusals = w.Handover.Refusals
	}
	w.Handover = h
	c.Held[w.ID] = w
	if w.Spec.Kind == api.KindService { // the child numbers its replicas itself
		g := &w.Groups[0]
		for _, t := range g.Tasks {
			w.count(t.Status, -1)
		}
		g.Tasks, g.Open = nil, 0
	}
	return nil
}

// refused makes the workload its own cell's again.
func (s *State) refused(w *Workload, reason string) {
	h := w.Handover
	h.Stand, h.Since, h.Reason = Refused, s.Now, reason
	kept := h.Refusals[:0:0]
	for _, r := range h.Refusals {
		if r.Cell != h.Cell {
			kept = append(kept, r)
		}
	}
	if len(kept) >= MaxRefusals {
		kept = kept[1:]
	}
	h.Refusals = append(kept, CellRefusal{Cell: h.Cell, At: s.Now, Reason: reason})
	s.letGo(w)
	if w.Stopping {
		s.closeAway(w, api.TaskCancelled, w.Reason)
	}
}

// letGo takes the workload off its child's list.
func (s *State) letGo(w *Workload) {
	if c := s.Cells[w.Handover.Cell]; c != nil {
		delete(c.Held, w.ID)
	}
}

func (s *State) reported(w *Workload, e *HandoverReported) error {
	h := w.Handover
	if e.N > h.N {
		h.N, h.Status, h.Reason, h.Revision, h.Taken, h.Healthy, h.Counts = e.N, e.Status, e.Reason, e.Revision, e.Asked, e.Healthy, e.Counts
	}
	for i := range e.Elements {
		el := &e.Elements[i]
		if int(el.Task) >= len(w.Groups) || el.From >= el.To || int(el.To) > len(w.Groups[el.Task].Tasks) || !el.Status.Final() {
			return fmt.Errorf("elements [%d,%d) of task %d of workload %d: there are none such", el.From, el.To, el.Task, w.ID)
		}
		for at := el.From; at < el.To; at++ {
			s.endAway(w, w.Groups[el.Task].Tasks[at], el)
		}
	}
	return nil
}

// endAway takes the end of an element from the child.
func (s *State) endAway(w *Workload, t *Task, el *api.HandoverElement) {
	if t.Status.Final() {
		return
	}
	t.Try, t.Result, t.Reason, t.Node = el.Try, el.Result, el.Reason, ""
	if el.Node != "" {
		t.Node = w.Handover.Cell + "/" + el.Node // which is no node's name here
	}
	s.settle(w, t, el.Status)
}

// closeAway ends every element that has not ended.
func (s *State) closeAway(w *Workload, status api.TaskStatus, reason string) {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if !t.Status.Final() {
				t.Reason = reason
				s.settle(w, t, status)
			}
		}
	}
}

// restoreCells rebuilds what is derived of children and hand-overs.
func (s *State) restoreCells() {
	s.Cells, s.Declined = orMake(s.Cells), orMake(s.Declined)
	s.origins = map[api.HandoverID]uint64{}
	for _, name := range s.SortedCells() {
		s.Cells[name].Held = map[uint64]*Workload{}
	}
	for _, id := range s.SortedWorkloads() {
		w := s.Workloads[id]
		if w.Origin != nil {
			s.origins[w.Origin.ID] = id
		}
		if w.Away() && !w.Status.Final() {
			if c := s.Cells[w.Handover.Cell]; c != nil {
				c.Held[id] = w
			}
		}
	}
}
