// Package history reads what a cell has done: the records of its archive and its
// journal as one sequence, the state as it stood after any of them, and the proof
// that all of it is sound. It never writes.
package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sort"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// Reader is the part of a journal that is read here.
type Reader interface {
	// Read yields the entries from a sequence on, or from the first one kept.
	Read(ctx context.Context, from uint64) iter.Seq2[journal.Entry, error]
}

// Source is where the past of a cell stands. Archive and Snapshots may be nil.
type Source struct {
	Journal   Reader
	Archive   *journal.Archive
	Snapshots *journal.Snapshots
	// Begin is the first record after which the state is known, when that is not
	// the first one of all.
	Begin uint64
}

// Place is a record: where it stands in the chain and when it was decided.
type Place struct {
	journal.Link
	Now api.Time
}

// Errors of asking for a place.
var (
	// ErrBefore means that the place is before the first record.
	ErrBefore = errors.New("it is before the first record")
	// ErrAhead means that the record has not been written.
	ErrAhead = errors.New("it has not been written yet")
)

// Records gives the records from number from on: those of the archive, then
// those of the journal. Earlier ones may come first; a verifier passes over them.
// What the journal gives up meanwhile is in the archive before it goes.
func (s *Source) Records(ctx context.Context, from uint64) (iter.Seq2[journal.Entry, error], error) {
	first, err := s.first(ctx)
	if err != nil {
		return nil, err
	}
	if s.Archive == nil {
		return s.Journal.Read(ctx, 0), nil
	}
	return func(yield func(journal.Entry, error) bool) {
		next, more := from, true
		if first == 0 || first > from {
			next, more = s.archived(from, first, yield)
		}
		begun := false
		for e, err := range s.Journal.Read(ctx, 0) {
			if !begun && more && err == nil {
				if n := numberOf(e); n > next {
					_, more = s.archived(next, n, yield)
				}
			}
			if begun = true; !more {
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}, nil
}

// archived yields the archive's records from number from to before number to; 0 is all. It
// returns the number of the record that comes next, and whether more are wanted.
func (s *Source) archived(from, to uint64, yield func(journal.Entry, error) bool) (next uint64, more bool) {
	next = from
	for e, err := range s.Archive.Read(from) {
		if err == nil && to > 0 && e.Seq >= to {
			break
		}
		if !yield(e, err) || err != nil {
			return next, false
		}
		next = e.Seq + 1
	}
	return next, true
}

// numberOf is the number of a record, 0 of what is none.
func numberOf(e journal.Entry) uint64 {
	r, err := journal.Decode(e.Data)
	if err != nil {
		return 0
	}
	return r.N
}

// first is the number of the first record that the journal holds, 0 if it holds
// none.
func (s *Source) first(ctx context.Context) (uint64, error) {
	for e, err := range s.Journal.Read(ctx, 0) {
		if err != nil {
			return 0, err
		}
		if n := numberOf(e); n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// verified yields the records after a place of the chain, proved by it. A torn
// end is no error.
func (s *Source) verified(ctx context.Context, at journal.Link) iter.Seq2[journal.Verified, error] {
	return func(yield func(journal.Verified, error) bool) {
		entries, err := s.Records(ctx, at.N+1)
		if err != nil {
			yield(journal.Verified{}, err)
			return
		}
		var torn *journal.TornError
		for v, err := range journal.Verify(entries, journal.NewVerifier(at)) {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if errors.As(err, &torn) {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// At gives the state as it stood after record n: the nearest snapshot at or
// before it, and the records from there. The state is the caller's.
func (s *Source) At(ctx context.Context, n uint64) (st *state.State, at Place, err error) {
	defer senseless(&err)
	if n < s.Begin {
		return nil, Place{}, fmt.Errorf("record %d: %w that is kept here: it begins at %d", n, ErrBefore, s.Begin)
	}
	st, at, _, err = s.base(n)
	if err != nil {
		return nil, Place{}, fmt.Errorf("go back to record %d: %w", n, err)
	}
	if at.N == n {
		return st, at, nil
	}
	for v, err := range s.verified(ctx, at.Link) {
		if err == nil {
			err = fold(st, &v.Record)
		}
		if err != nil {
			return nil, Place{}, fmt.Errorf("go back to record %d: %w", n, err)
		}
		at = placeOf(&v)
		if at.N == n {
			return st, at, nil
		}
	}
	return nil, Place{}, fmt.Errorf("record %d: %w: the last is %d", n, ErrAhead, at.N)
}

// senseless turns a panic into an error. Somebody else may have made a bundle, and
// what is in it need not be a state that a cell can have.
func senseless(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("what is recorded makes no sense: %v", r)
	}
}

// fold brings a state one record on.
func fold(st *state.State, r *journal.Record) error {
	events, err := r.DecodeEvents()
	if err != nil {
		return err
	}
	st.Now = max(st.Now, api.Time(r.Now))
	for _, ev := range events {
		if err := st.Apply(api.Time(r.Now), ev); err != nil {
			return fmt.Errorf("fold record %d: %w", r.N, err)
		}
	}
	return nil
}

func placeOf(v *journal.Verified) Place {
	return Place{journal.Link{N: v.Record.N, Hash: v.Hash}, api.Time(v.Record.Now)}
}

// base is the newest state at or before record n that is kept; without one it is
// the empty state before the first record. A damaged snapshot is passed over.
func (s *Source) base(n uint64) (st *state.State, at Place, path string, err error) {
	for _, from := range s.kept() {
		numbers, err := from.List()
		if err != nil {
			return nil, Place{}, "", err
		}
		for i := sort.Search(len(numbers), func(i int) bool { return numbers[i] > n }) - 1; i >= 0; i-- {
			snap, err := from.Load(numbers[i])
			if err != nil {
				continue // an older one and more records give the same state
			}
			st, err := journal.DecodeState(snap.Data)
			if err != nil {
				continue
			}
			return st, Place{snap.At, st.Now}, from.Path(numbers[i]), nil
		}
	}
	return state.New(), Place{}, "", nil
}

// kept are the places of snapshots, the newest ones first.
func (s *Source) kept() []*journal.Snapshots {
	var out []*journal.Snapshots
	if s.Snapshots != nil {
		out = append(out, s.Snapshots)
	}
	if s.Archive != nil {
		out = append(out, s.Archive.Bases())
	}
	return out
}
