package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Faults are what a [Memory] journal does wrong: probabilities 0 to 1 for each
// append, tried in this order, and limits. The zero Faults is a perfect journal.
type Faults struct {
	Refuse  float64 // refuses although the fence would let it pass
	Drop    float64 // does not store, answers ErrUnknown
	LoseAck float64 // stores, answers ErrUnknown
	Lie     float64 // acknowledges, but Crash loses it: a disk that does not sync

	MaxDelay time.Duration // each append waits up to this long before it is stored
	Capacity int           // bytes that fit; 0 is no limit
}

// Memory is a Journal in memory, for tests and the twin. Its faults follow from its
// seed and the order of calls alone.
//
// What has once been read, or lies before an acknowledged record, survives Crash,
// as it does on a disk that syncs before it shows; except lies.
type Memory struct {
	mu      sync.Mutex
	faults  Faults
	rng     *rand.Rand
	entries []held
	last    uint64 // last sequence given
	size    int
	closed  bool
	changed chan struct{} // closed and replaced when there is something new
}

type held struct {
	Entry
	durable, lie bool
}

var (
	_ Journal = (*Memory)(nil)
	_ Watcher = (*Memory)(nil)
)

// NewMemory makes an empty journal.
func NewMemory(seed uint64, f Faults) *Memory {
	return &Memory{faults: f, rng: rand.New(rand.NewPCG(seed, 0)), changed: make(chan struct{})}
}

// SetFaults changes what goes wrong from now on.
func (m *Memory) SetFaults(f Faults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = f
}

// Append implements Journal.
func (m *Memory) Append(ctx context.Context, expect uint64, record []byte) (uint64, error) {
	if err := admit(ctx, record); err != nil {
		return 0, err
	}
	if m.wait(ctx) {
		return m.store(expect, record)
	}
	// The sender gave up waiting; the record may still arrive.
	if m.chance(0.5) {
		_, _ = m.store(expect, record)
	}
	return 0, unknown(context.Cause(ctx))
}

// wait returns false if ctx ended before the delay.
func (m *Memory) wait(ctx context.Context) bool {
	m.mu.Lock()
	most := m.faults.MaxDelay
	if most <= 0 {
		m.mu.Unlock()
		return true
	}
	t := time.NewTimer(time.Duration(m.rng.Int64N(int64(most))))
	m.mu.Unlock()
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *Memory) chance(p float64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rng.Float64() < p
}

func (m *Memory) store(expect uint64, record []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch f := m.faults; {
	case m.closed:
		return 0, refuse(ErrClosed)
	case m.last != expect:
		return 0, fmt.Errorf("append: %w", &RefusedError{Expect: expect, Last: m.last, Known: true})
	case f.Capacity > 0 && m.size+len(record) > f.Capacity:
		return 0, refuse(ErrFull)
	case m.roll(f.Refuse):
		return 0, fmt.Errorf("append: %w", &RefusedError{Expect: expect})
	case m.roll(f.Drop):
		return 0, unknown(errors.New("the message was lost"))
	case m.roll(f.LoseAck):
		m.put(record, false, false)
		return 0, unknown(errors.New("the acknowledgement was lost"))
	default:
		m.put(record, true, m.roll(f.Lie))
		return m.last, nil
	}
}

// roll draws only for faults that can happen, so that adding a kind of fault does
// not change the runs without it.
func (m *Memory) roll(p float64) bool { return p > 0 && m.rng.Float64() < p }

func (m *Memory) put(record []byte, acked, lie bool) {
	if acked {
		m.settle() // a sync covers all that was written before it
	}
	m.last++
	m.size += len(record)
	m.entries = append(m.entries, held{Entry{m.last, slices.Clone(record)}, acked, lie})
	m.wake()
}

func (m *Memory) settle() {
	for i := len(m.entries) - 1; i >= 0 && !m.entries[i].durable; i-- {
		m.entries[i].durable = true
	}
}

func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Crash is a loss of power and a restart: lies vanish; of the tail that nobody was
// told of, a part vanishes and the last that stays may be torn.
func (m *Memory) Crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	safe := len(m.entries)
	for safe > 0 && !m.entries[safe-1].durable {
		safe--
	}
	if tail := len(m.entries) - safe; tail > 0 {
		m.entries = m.entries[:safe+m.rng.IntN(tail+1)]
		if n := len(m.entries); n > safe && m.rng.IntN(2) == 0 {
			e := &m.entries[n-1]
			e.Data = e.Data[:m.rng.IntN(len(e.Data))]
		}
	}
	m.entries = slices.DeleteFunc(m.entries, func(e held) bool { return e.lie })
	m.recount()
	m.wake()
}

// Rot flips a bit of a stored record, as a disk does that nobody checks. It returns the
// record's sequence, 0 when nothing is stored.
func (m *Memory) Rot() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entries) == 0 {
		return 0
	}
	e := &m.entries[m.rng.IntN(len(m.entries))]
	if len(e.Data) > 0 {
		e.Data[m.rng.IntN(len(e.Data))] ^= 1 << m.rng.IntN(8)
	}
	return e.Seq
}

// recount sets last and size after a crash. The sequence goes back to what is left.
func (m *Memory) recount() {
	m.size = 0
	if len(m.entries) > 0 {
		m.last = m.entries[len(m.entries)-1].Seq
	}
	for i := range m.entries {
		m.entries[i].durable = true
		m.size += len(m.entries[i].Data)
	}
	m.closed = false
}

// Read implements Journal.
func (m *Memory) Read(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		entries, _, err := m.since(from)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		give(ctx, entries, yield)
	}
}

// Watch implements Watcher.
func (m *Memory) Watch(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			entries, changed, err := m.since(from)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !give(ctx, entries, yield) {
				return
			}
			if n := len(entries); n > 0 {
				from = entries[n-1].Seq + 1
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

func give(ctx context.Context, entries []Entry, yield func(Entry, error) bool) bool {
	for _, e := range entries {
		if ctx.Err() != nil {
			yield(Entry{}, fmt.Errorf("read the journal: %w", context.Cause(ctx)))
			return false
		}
		e.Data = slices.Clone(e.Data)
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

func (m *Memory) since(from uint64) ([]Entry, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, nil, fmt.Errorf("read the journal: %w", ErrClosed)
	}
	m.settle()
	var out []Entry
	for _, e := range m.entries {
		if e.Seq >= from {
			out = append(out, e.Entry)
		}
	}
	return out, m.changed, nil
}

// Last implements Journal.
func (m *Memory) Last(ctx context.Context) (uint64, error) {
	_, last, err := m.ends(ctx)
	return last, err
}

// First implements Journal.
func (m *Memory) First(ctx context.Context) (uint64, error) {
	first, _, err := m.ends(ctx)
	return first, err
}

func (m *Memory) ends(ctx context.Context) (first, last uint64, err error) {
	if ctx.Err() != nil {
		return 0, 0, fmt.Errorf("ask for the journal's ends: %w", context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, 0, fmt.Errorf("ask for the journal's ends: %w", ErrClosed)
	}
	m.settle()
	if len(m.entries) == 0 {
		return m.last + 1, m.last, nil
	}
	return m.entries[0].Seq, m.last, nil
}

// Truncate implements Journal.
func (m *Memory) Truncate(ctx context.Context, upto uint64) error {
	if ctx.Err() != nil {
		return fmt.Errorf("truncate the journal: %w", context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return fmt.Errorf("truncate the journal: %w", ErrClosed)
	case upto > m.last:
		return beyond(upto, m.last)
	}
	keep := slices.IndexFunc(m.entries, func(e held) bool { return e.Seq > upto })
	if keep < 0 {
		keep = len(m.entries)
	}
	for _, e := range m.entries[:keep] {
		m.size -= len(e.Data)
	}
	m.entries = slices.Clone(m.entries[keep:])
	return nil
}

// beyond refuses to truncate what is not there: JetStream would move its sequence
// forward and so leave a hole.
func beyond(upto, last uint64) error {
	return fmt.Errorf("truncate the journal up to %d: its last record is %d", upto, last)
}

// Close implements Journal.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.wake()
	}
	return nil
}
