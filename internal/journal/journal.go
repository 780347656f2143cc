// Package journal keeps the ordered, hash-chained record of all facts of a cell.
//
// A [Journal] stores opaque encoded records in order behind a fence: an append says
// which record it follows. [Stream] keeps them in JetStream, [Memory] in memory
// with seeded faults; both pass the suite in journaltest. [Verifier] proves that
// what is read back is what was written. [Snapshots] and [Archive] keep, in plain
// files, a state at some record and the records that the journal no longer holds.
package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Journal is an append-only sequence of records. Sequences are given by the
// journal, grow by one with each record, and are never used twice.
type Journal interface {
	// Append stores a record if the journal's last sequence is expect, and returns
	// the sequence it got once it is safe on disk. Every error is either
	// [ErrRefused] (it is certain that the record was not and will not be stored)
	// or [ErrUnknown] (it may have been, or may still be). After ErrUnknown, read
	// back before anything else.
	Append(ctx context.Context, expect uint64, record []byte) (seq uint64, err error)
	// Read yields the records from this sequence (or from the first one kept) to
	// the end as it is at the call, and stops at the first error.
	Read(ctx context.Context, from uint64) iter.Seq2[Entry, error]
	// Last is the sequence of the last record ever stored, 0 if none was.
	Last(ctx context.Context) (uint64, error)
	// First is the sequence of the first record kept, Last+1 if none is.
	First(ctx context.Context) (uint64, error)
	// Truncate removes the records up to and with this sequence, which must not be
	// beyond Last. Archive them first.
	Truncate(ctx context.Context, upto uint64) error
	// Close ends the use of the journal, not of its connection.
	Close() error
}

// Watcher is a Journal that can be followed.
type Watcher interface {
	// Watch is Read that goes on with records as they are stored, until ctx ends.
	Watch(ctx context.Context, from uint64) iter.Seq2[Entry, error]
}

// Renewer is a Journal that can begin anew.
type Renewer interface {
	// Renew drops everything that is stored, damaged or not, and goes on with the
	// sequence next.
	Renew(ctx context.Context, next uint64) error
}

// Entry is a stored record. Data belongs to the receiver.
type Entry struct {
	Seq  uint64
	Data []byte
}

// The outcomes of an append that was not acknowledged, and their causes.
var (
	// ErrRefused: the record is certainly not in the journal. See [RefusedError].
	ErrRefused = errors.New("refused")
	// ErrUnknown: the record may be in the journal, or may yet get there.
	ErrUnknown = errors.New("outcome unknown")
	// ErrFull: refused because the store has no room. Errors with it are ErrRefused too.
	ErrFull = errors.New("the journal's store is full: free some space or raise its limit")
	// ErrClosed: the journal was closed. Errors of Append with it are ErrRefused too.
	ErrClosed = errors.New("the journal is closed")
)

// RefusedError is the ErrRefused of a fence: another record came first.
type RefusedError struct {
	Expect uint64 // what the append said was last
	Last   uint64 // what was last, if Known
	Known  bool
}

// Error says what was expected and what was found.
func (e *RefusedError) Error() string {
	if !e.Known {
		return fmt.Sprintf("the journal's last record is not %d", e.Expect)
	}
	return fmt.Sprintf("the journal's last record is %d, not %d", e.Last, e.Expect)
}

// Is makes errors.Is(err, ErrRefused) hold.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// refuse marks err as a certain refusal, unknown as an uncertain outcome. The
// text says which, because that decides what an operator may do.
func refuse(err error) error  { return fmt.Errorf("append: %w: %w", ErrRefused, err) }
func unknown(err error) error { return fmt.Errorf("append: %w: %w", ErrUnknown, err) }

// admit refuses what no journal takes.
func admit(ctx context.Context, record []byte) error {
	switch {
	case ctx.Err() != nil: // nothing was sent yet
		return refuse(context.Cause(ctx))
	case len(record) == 0:
		return refuse(errors.New("the record is empty"))
	case len(record) > MaxRecord:
		return refuse(fmt.Errorf("the record has %d bytes, at most %d fit", len(record), MaxRecord))
	}
	return nil
}
