package journal

import (
	"errors"
	"fmt"
	"iter"
)

// Link is a place in the chain: a record's number and hash. The zero Link is
// before the first record.
type Link struct {
	N    uint64
	Hash [32]byte
}

// HoleError means that records between two others are gone.
type HoleError struct {
	Want, Got uint64 // the number that should have come, and the one that did
}

// Error says what is lost and how to go on without it.
func (e *HoleError) Error() string { return e.What() + ". " + advice(e.Want) }

// What says what is lost.
func (e *HoleError) What() string {
	lost := fmt.Sprintf("records %d to %d are", e.Want, e.Got-1)
	if e.Got == e.Want+1 {
		lost = fmt.Sprintf("record %d is", e.Want)
	}
	return fmt.Sprintf("%s lost: record %d comes where %d should", lost, e.Got, e.Want)
}

// ChainError means that a record is not the one that was written after the record
// before it: one of the two was altered, or they come from different journals.
type ChainError struct {
	N   uint64 // the first record that cannot be trusted
	Why string
}

// Error says what is lost and how to go on without it.
func (e *ChainError) Error() string { return e.What() + ". " + advice(e.N) }

// What says what is lost.
func (e *ChainError) What() string {
	return fmt.Sprintf("the journal's hash chain breaks at record %d: %s", e.N, e.Why)
}

func advice(n uint64) string {
	return fmt.Sprintf("Restore the journal from a copy, or start with --accept-loss-from %d, "+
		"which gives up record %d and all after it and records that it did", n, n)
}

// TornError means that the journal ends in bytes that are no record: a write that
// was cut off before anybody was told that it succeeded. Nothing is lost, and
// appending goes on after it.
type TornError struct {
	After   uint64 // number of the last good record
	Entries int    // how many torn entries follow
	Cause   error
}

// Error says what was found.
func (e *TornError) Error() string {
	return fmt.Sprintf("%d unacknowledged entry after record %d is torn and was cut: %v", e.Entries, e.After, e.Cause)
}

// Unwrap gives what was wrong with the bytes.
func (e *TornError) Unwrap() error { return e.Cause }

// Verifier is fed a journal's entries in order and tells which are its records.
// The zero Verifier starts before the first record.
type Verifier struct {
	base, at Link
	seen     uint64 // the newest record before base
	accept   uint64
	torn     TornError
	cut      int
	dropped  int
}

// NewVerifier starts after a known record, such as a snapshot's. Entries up to it
// are passed over, but if that record is among them its hash must be the same.
func NewVerifier(from Link) *Verifier { return &Verifier{base: from, at: from} }

// AcceptLoss makes the verifier drop, instead of failing on, entries numbered n or
// more that do not continue the chain. It serves --accept-loss-from; once a
// snapshot past n is saved, truncate what was dropped.
func (v *Verifier) AcceptLoss(n uint64) { v.accept = n }

// At is the last good record.
func (v *Verifier) At() Link { return v.at }

// Cut counts torn entries that the chain went on after.
func (v *Verifier) Cut() int { return v.cut }

// Dropped counts entries that AcceptLoss gave up.
func (v *Verifier) Dropped() int { return v.dropped }

// Next takes the next entry; ok says that it is the next record of the chain and
// not one to pass over. An entry that is no record gives no error yet: if the next
// one continues the chain it was a torn tail, else the next one fails.
func (v *Verifier) Next(e Entry) (r Record, ok bool, err error) {
	r, err = Decode(e.Data)
	var newer *ReaderError
	switch {
	case errors.As(err, &newer):
		return Record{}, false, err
	case err != nil:
		v.torn.Entries++
		v.torn.After, v.torn.Cause = v.at.N, fmt.Errorf("entry %d: %w", e.Seq, err)
		return Record{}, false, nil
	}
	return v.link(r, Hash(e.Data))
}

func (v *Verifier) link(r Record, hash [32]byte) (Record, bool, error) {
	switch {
	case r.N == v.at.N+1 && r.PrevHash == v.at.Hash:
		v.at = Link{N: r.N, Hash: hash}
		v.cut += v.torn.Entries
		v.torn = TornError{}
		return r, true, nil
	case v.at == v.base && (r.N < v.base.N || r.N == v.base.N && hash == v.base.Hash):
		v.seen, v.torn = r.N, TornError{} // before the base nothing is judged
		return r, false, nil
	case v.accept > 0 && r.N >= v.accept && v.at.N+1 >= v.accept:
		v.dropped += 1 + v.torn.Entries
		v.torn = TornError{}
		return r, false, nil
	}
	return r, false, v.broken(r)
}

func (v *Verifier) broken(r Record) error {
	want := v.at.N + 1
	switch {
	case r.N > want:
		return &HoleError{Want: want, Got: r.N}
	case r.N < want:
		return &ChainError{N: want, Why: fmt.Sprintf("another record %d comes after record %d", r.N, v.at.N)}
	case v.torn.Entries > 0:
		return &ChainError{N: want, Why: fmt.Sprintf("it follows damaged bytes (%v)", v.torn.Cause)}
	default:
		return &ChainError{N: want, Why: fmt.Sprintf("it was written after a different record %d", v.at.N)}
	}
}

// End tells, after the last entry, whether the journal ends as it should: nil, a
// [TornError], or a [ChainError] if it ends before the record it was to start after.
func (v *Verifier) End() error {
	if v.at == v.base && v.seen > 0 && v.seen < v.base.N {
		return &ChainError{N: v.seen + 1, Why: fmt.Sprintf(
			"the journal ends at record %d, although record %d is known to have been written", v.seen, v.base.N)}
	}
	if v.torn.Entries == 0 {
		return nil
	}
	torn := v.torn
	return &torn
}

// Verified is an entry that was found to be the chain's next record.
type Verified struct {
	Entry
	Record Record
	Hash   [32]byte
}

// Verify yields the records among the entries. It stops at the first error; a
// [TornError] comes last, after all records, and is a notice.
func Verify(entries iter.Seq2[Entry, error], v *Verifier) iter.Seq2[Verified, error] {
	return func(yield func(Verified, error) bool) {
		for e, err := range entries {
			if err != nil {
				yield(Verified{}, err)
				return
			}
			r, ok, err := v.Next(e)
			if err != nil {
				yield(Verified{}, err)
				return
			}
			if ok && !yield(Verified{Entry: e, Record: r, Hash: v.at.Hash}, nil) {
				return
			}
		}
		if err := v.End(); err != nil {
			yield(Verified{}, err)
		}
	}
}
