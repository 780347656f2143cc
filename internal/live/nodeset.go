package live

import (
	"cmp"
	"slices"
	"sync"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// change says that an attempt was given to a node, changed or (gone) taken away.
type change struct {
	version uint64 // of the node's set
	attempt api.Attempt
	gone    bool
}

// nodeSet lists the changes of one node's assignments in the order of their
// versions: every attempt that the node holds at its last change, and the latest
// that are gone. From it both full and differential answers are made.
type nodeSet struct {
	changes []change
	base    uint64 // what has gone up to this version is not listed
	stale   int    // listed changes that a later one replaced, about

	mu      sync.Mutex // of what follows, which answers to pulls change
	partial uint64     // version up to which a full answer was given in parts; 0: none
	strays  []api.Attempt
}

// Bounds on a nodeSet.
const (
	maxGone   = 4096 // gone attempts that are remembered
	maxStrays = 1024
)

func newNodeSet(n *state.Node) *nodeSet {
	s := &nodeSet{base: n.Version}
	for _, t := range n.SortedHeld() {
		s.changes = append(s.changes, change{version: t.Version, attempt: attemptOf(t)})
	}
	slices.SortFunc(s.changes, func(a, b change) int { return cmp.Compare(a.version, b.version) })
	return s
}

func attemptOf(t *state.Task) api.Attempt { return api.Attempt{TaskRef: t.Ref, Try: t.Try} }

// current tells whether a listed assignment is the last word on its attempt.
func current(n *state.Node, c change) bool {
	t := n.Held[c.attempt.TaskRef]
	return t != nil && t.Try == c.attempt.Try && t.Version == c.version
}

func (s *nodeSet) add(n *state.Node, c change) {
	s.changes = append(s.changes, c)
	s.stale++
	if s.stale > maxGone+len(n.Held) {
		s.compact(n)
	}
}

// compact drops what is replaced, and the oldest that is gone.
func (s *nodeSet) compact(n *state.Node) {
	gone := 0
	for _, c := range s.changes {
		if c.gone {
			gone++
		}
	}
	kept := s.changes[:0]
	for _, c := range s.changes {
		switch {
		case c.gone && gone > maxGone/2:
			gone--
			s.base = max(s.base, c.version)
		case c.gone || current(n, c):
			kept = append(kept, c)
		}
	}
	s.changes, s.stale = kept, gone
}

// since finds the first change after a version.
func (s *nodeSet) since(version uint64) []change {
	at, _ := slices.BinarySearchFunc(s.changes, version+1, func(c change, v uint64) int { return cmp.Compare(c.version, v) })
	return s.changes[at:]
}

// batch is the folding of one record into the shadow.
type batch struct {
	shadow *shadow
	at     api.Time
	hint   []string // nodes that have something new to do, once each
	hinted map[string]bool
}

// held is an attempt before an event that may end it.
type held struct {
	task    *state.Task
	attempt api.Attempt
	node    string
}

// apply folds one event, given as a list, and notes what it changes for nodes.
func (b *batch) apply(one []state.Event) error {
	st := b.shadow.engine.State()
	before := b.mayEnd(st, one[0])
	if err := b.shadow.engine.Follow(b.at, one); err != nil {
		return err
	}
	for _, h := range before {
		if n := st.Nodes[h.node]; n != nil && n.Held[h.attempt.TaskRef] != h.task {
			b.shadow.sets[h.node].add(n, change{version: h.task.Version, attempt: h.attempt, gone: true})
		}
	}
	switch ev := one[0].(type) {
	case *state.TaskPlaced:
		b.changed(st, ev.Ref)
	case *state.TaskSliced:
		b.changed(st, ev.Ref)
	case *state.SuspensionPut:
		for i := ev.From; i < ev.To; i++ {
			b.changed(st, api.TaskRef{Workload: ev.Workload, Task: ev.Task, Index: i})
		}
	case *state.TaskStop:
		b.changed(st, ev.Ref)
	case *state.WorkloadStopping:
		b.stopping(st, st.Workloads[ev.ID])
	case *state.NodePower:
		b.hintTo(ev.Node)
	case *state.NodeRegistered:
		if b.shadow.sets[ev.Node.Name] == nil {
			b.shadow.sets[ev.Node.Name] = newNodeSet(st.Nodes[ev.Node.Name])
		}
		b.shadow.tracked(ev.Node.Name, true)
	case *state.NodeRemoved:
		delete(b.shadow.sets, ev.Node)
		b.shadow.tracked(ev.Node, false)
	}
	b.cells(st, one[0])
	return nil
}

// mayEnd lists the attempts that an event may take off their nodes.
func (b *batch) mayEnd(st *state.State, ev state.Event) []held {
	switch ev := ev.(type) {
	case *state.TaskEnded:
		if _, t := st.Task(ev.Attempt.TaskRef); t != nil && t.Status.Holds() {
			return []held{{t, attemptOf(t), t.Node}}
		}
	case *state.TasksLost:
		out := make([]held, 0, len(ev.Refs))
		for _, ref := range ev.Refs {
			if _, t := st.Task(ref); t != nil && t.Status.Holds() {
				out = append(out, held{t, attemptOf(t), t.Node})
			}
		}
		return out
	}
	return nil
}

func (b *batch) changed(st *state.State, ref api.TaskRef) {
	_, t := st.Task(ref)
	if t == nil {
		return
	}
	n := st.Nodes[t.Node]
	if n == nil || n.Held[ref] != t {
		return
	}
	b.shadow.sets[t.Node].add(n, change{version: t.Version, attempt: attemptOf(t)})
	b.hintTo(t.Node)
}

func (b *batch) hintTo(node string) {
	if !b.hinted[node] {
		b.hinted[node] = true
		b.hint = append(b.hint, node)
	}
}

func (b *batch) stopping(st *state.State, w *state.Workload) {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Status.Holds() {
				b.changed(st, t.Ref)
			}
		}
	}
}

// strays notes attempts that a node reports although it holds them no more.
func (b *batch) strays(inputs []engine.Input) {
	for _, in := range inputs {
		r, ok := in.(*engine.Reports)
		if !ok {
			continue
		}
		for i := range r.Reports {
			b.shadow.stray(r.Node, r.Reports[i].Attempt)
		}
	}
}

// stray notes an attempt that a node reports, unless the node holds it: with the
// next answer to a pull it learns that it does not.
func (s *shadow) stray(node string, id api.Attempt) {
	n, set := s.engine.State().Nodes[node], s.sets[node]
	if n == nil || set == nil {
		return
	}
	if t := n.Held[id.TaskRef]; t != nil && t.Try == id.Try {
		return
	}
	set.mu.Lock()
	defer set.mu.Unlock()
	if len(set.strays) < maxStrays && !slices.Contains(set.strays, id) {
		set.strays = append(set.strays, id)
	}
}
