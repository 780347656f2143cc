package history

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"drover.dev/internal/journal"
)

// overlap finds the segments that the walk does not read, because the journal
// was not shortened when they were archived, and reads them.
func (v *verifier) overlap(ctx context.Context) error {
	first, err := v.dir.first(ctx)
	if err != nil || first == 0 {
		return nil //nolint:nilerr // the walk meets it, too
	}
	segments, err := v.dir.Archive.Segments()
	var damaged *journal.ArchiveError
	if errors.As(err, &damaged) && damaged.From >= first {
		v.fault(damaged.What(), damaged.Path, damaged.From, archivedTwice)
	}
	for _, s := range segments {
		if s.Last.N < first {
			continue
		}
		if err := s.Check(); errors.As(err, &damaged) {
			if first <= s.First() {
				v.fault(damaged.What(), s.Path(), s.First(), archivedTwice)
			} else {
				v.fault(damaged.What(), s.Path(), s.First(), adviceFor(damaged))
			}
			continue
		}
		v.twice = append(v.twice, s)
	}
	return nil
}

const archivedTwice = "remove the file: the journal still holds its records, and a server archives them again"

// adviceFor is what to do about a part of the archive that is nowhere else.
func adviceFor(e *journal.ArchiveError) string {
	return "restore the file from a copy, or " + e.Advice()
}

// damaged notes where the chain ends and tells whether a snapshot behind the
// damage lets the walk go on.
func (v *verifier) damaged(ctx context.Context, err error) (again bool) {
	n := v.at.N + 1
	var lost *journal.LostError
	if errors.As(err, &lost) {
		err = &journal.CutError{End: v.at.N, Known: max(n, v.dir.Seen.N)}
	}
	what, where, advice := err.Error(), "journal", fmt.Sprintf(
		"restore the directory from a copy, or start the server with --accept-loss-from %d, which gives up what is lost from there on and records that it did", n)
	var short interface{ What() string }
	if errors.As(err, &short) {
		what = short.What()
	}
	var archive *journal.ArchiveError
	first, _ := v.dir.first(ctx) // it was read before
	switch {
	case errors.As(err, &archive):
		where, advice = archive.Path, adviceFor(archive)
	case n < first:
		where = filepath.Join(v.dir.Path, "archive")
		advice = "restore the files before that from a copy; a server does not need them, only histories do"
	}
	v.fault(what, where, n, advice)
	for _, k := range v.kept {
		st, err := journal.DecodeState(k.Data)
		if k.At.N <= v.at.N || err != nil {
			continue
		}
		v.note("the part from record %d to %d could not be verified; it goes on from the snapshot at %d", n, k.At.N, k.At.N)
		v.gaps = append(v.gaps, n)
		v.state, v.at, v.auditor.engine = st, k.At, nil
		return true
	}
	return false
}

// accept takes back the gaps that an operator gave up, as the journal tells.
func (v *verifier) accept() {
	for _, l := range v.state.Losses {
		v.verdict.Accepted = append(v.verdict.Accepted, AcceptedLoss{l.From, l.Entries, l.Epoch})
		v.verdict.Faults = slices.DeleteFunc(v.verdict.Faults, func(f Fault) bool {
			return slices.Contains(v.gaps, f.Record) && l.From <= f.Record && f.Record < v.at.N
		})
	}
}

// end judges what only the whole can tell.
func (v *verifier) end() {
	v.accept()
	if seen := v.dir.Seen; seen.N > v.at.N && len(v.verdict.Faults) == 0 {
		cut := &journal.CutError{End: v.at.N, Known: seen.N}
		v.fault(cut.What(), "journal", v.at.N+1, fmt.Sprintf("restore the directory from a copy, or start the server with --accept-loss-from %d", v.at.N+1))
	}
	for _, k := range v.kept {
		if k.At.N > v.at.N && len(v.verdict.Faults) == 0 {
			v.fault(fmt.Sprintf("there is a snapshot at record %d, but no record after %d", k.At.N, v.at.N), k.where, v.at.N+1,
				"restore the directory from a copy")
		}
	}
	for _, f := range v.damagedSnapshots {
		f.Advice = "remove the file: nothing is lost, the records before it lead to the same state"
		if len(v.gaps) > 0 {
			f.Advice = fmt.Sprintf("restore the file from a copy; without it the state at record %d may not be had any more", f.Record)
		}
		v.fault(f.What, f.Where, f.Record, f.Advice)
	}
	if v.foreign > 0 {
		v.note("%d records were replayed and not audited: another build decided them, or their epoch began before a gap", v.foreign)
	}
}

func (v *verifier) fault(what, where string, n uint64, advice string) {
	f := Fault{What: what, Where: where, Record: n, Advice: advice}
	same := func(g Fault) bool { return g.What == f.What && g.Where == f.Where }
	if !slices.ContainsFunc(v.verdict.Faults, same) {
		v.verdict.Faults = append(v.verdict.Faults, f)
	}
}

func (v *verifier) note(format string, args ...any) {
	v.verdict.Notes = append(v.verdict.Notes, fmt.Sprintf(format, args...))
}
