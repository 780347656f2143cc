package live

import (
	"context"
	"fmt"
	"sync"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// fold is a record on its way into the shadow. The events are shared with the
// leader's engine: nobody changes what they refer to.
type fold struct {
	seq    uint64 // in the journal
	at     journal.Link
	epoch  uint64
	now    api.Time
	inputs []engine.Input
	events []state.Event
	size   int // bytes of the record
}

// shadow is a second state that is folded from acknowledged records alone, by a
// goroutine of its own. Everything that anybody may see comes from it: reads,
// watches, assignments, snapshots.
type shadow struct {
	in   chan fold
	done chan struct{} // closed when no more is folded
	err  error         // why, if it was a fault; read after done

	mu      sync.RWMutex
	engine  *engine.Engine
	at      journal.Link
	last    uint64        // sequence of the record at
	changed chan struct{} // closed and replaced when at moves
	sets    map[string]*nodeSet
	ring    ring
	beside  beside
	// tracked is told, under mu, which nodes came and went.
	tracked func(node string, known bool)
}

// lag is how many records the shadow may be behind before the leader waits.
const lag = 256

func newShadow(st *state.State, at journal.Link, seq uint64, keep int) *shadow {
	s := &shadow{
		in: make(chan fold, lag), done: make(chan struct{}), engine: engine.NewFollower(st),
		at: at, last: seq, changed: make(chan struct{}), sets: map[string]*nodeSet{},
		ring: ring{keep: keep, from: seq}, tracked: func(string, bool) {},
	}
	for name, n := range st.Nodes { // order-free: one set each
		s.sets[name] = newNodeSet(n)
	}
	return s
}

// push hands a record over; it waits while the shadow is far behind.
func (s *shadow) push(ctx context.Context, f fold) error {
	select {
	case s.in <- f:
		return nil
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run folds until in is closed. After each record then is called with the names
// of the nodes that have something new to do.
func (s *shadow) run(then func(f *fold, nodes []string)) error {
	defer close(s.done)
	for f := range s.in {
		nodes, err := s.fold(&f)
		if err != nil {
			s.err = fmt.Errorf("fold record %d: %w: the state differs from the one that decided it", f.at.N, err)
			return s.err
		}
		then(&f, nodes)
	}
	return nil
}

// fold adds one record.
func (s *shadow) fold(f *fold) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := batch{shadow: s, at: f.now, hinted: map[string]bool{}}
	if err := s.engine.Follow(f.now, nil); err != nil { // time passes in a record without events, too
		return nil, err
	}
	b.strays(f.inputs)
	specs := make([]*api.Workload, len(f.events))
	shadowed := 0
	for i, ev := range f.events {
		if p, ok := ev.(*state.TaskPlaced); ok {
			s.sees(p, &shadowed)
		}
		specs[i] = s.specOf(ev) // before: it may be forgotten
		if err := b.apply(f.events[i : i+1]); err != nil {
			return nil, err
		}
		if specs[i] == nil {
			specs[i] = s.specOf(ev) // after: it may be new
		}
	}
	s.ring.add(happened{seq: f.seq, at: f.now, events: f.events, specs: specs, size: f.size})
	s.at, s.last = f.at, f.seq
	close(s.changed)
	s.changed = make(chan struct{})
	return b.hint, nil
}

// seq is the sequence that reads reflect.
func (s *shadow) seq() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last
}

// until waits for a condition on the shadow and returns with mu held for
// reading, or with an error and without it.
func (s *shadow) until(ctx context.Context, ready func() bool) error {
	for {
		s.mu.RLock()
		if ready() {
			return nil
		}
		changed := s.changed
		s.mu.RUnlock()
		select {
		case <-changed:
		case <-s.done:
			if s.ended(ready) {
				return s.gone()
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ended tells whether the condition does not hold although nothing more comes.
func (s *shadow) ended(ready func() bool) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return !ready()
}

func (s *shadow) gone() error {
	if s.err != nil {
		return s.err
	}
	return errStopped
}

// clone gives a state of its own, as it stands after record n or later.
func (s *shadow) clone(ctx context.Context, n uint64) (*state.State, error) {
	if err := s.until(ctx, func() bool { return s.at.N >= n }); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	return journal.CopyState(s.engine.State())
}

// View implements httpapi.Cell.
func (c *Cell) View(ctx context.Context, atLeast uint64, f func(*engine.Engine)) (uint64, error) {
	s := c.shadow
	if err := s.until(ctx, func() bool { return s.last >= atLeast }); err != nil {
		return 0, fmt.Errorf("read at sequence %d: %w", atLeast, err)
	}
	defer s.mu.RUnlock()
	f(s.engine)
	return s.last, nil
}

// next is closed when the shadow is beyond a sequence.
func (s *shadow) next(seen uint64) <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.last > seen {
		now := make(chan struct{})
		close(now)
		return now
	}
	return s.changed
}
