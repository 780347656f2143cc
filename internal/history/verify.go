package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// Verdict is what verification found.
type Verdict struct {
	Records     uint64         `json:"records"` // proved by the chain
	Epochs      uint64         `json:"epochs"`
	Events      uint64         `json:"events"`
	Audited     uint64         `json:"audited"`   // records that were decided again
	Snapshots   int            `json:"snapshots"` // equal to the replay at their place
	Artifacts   int            `json:"artifacts"` // that are what their digests say
	Divergences int            `json:"divergences"`
	Faults      []Fault        `json:"faults"`
	Accepted    []AcceptedLoss `json:"accepted,omitempty"` // faults that an operator has accepted
	Notes       []string       `json:"notes,omitempty"`
	Sound       bool           `json:"sound"`
}

// Fault is something that is not as it was written.
type Fault struct {
	What   string `json:"what"`
	Where  string `json:"where"`            // a part of the directory
	Record uint64 `json:"record,omitempty"` // the first one concerned
	Advice string `json:"advice"`
}

// AcceptedLoss is a gap that the journal itself tells of.
type AcceptedLoss struct {
	From    uint64 `json:"from"`
	Entries uint64 `json:"entries"`
	Epoch   uint64 `json:"epoch"`
}

// Options say how to verify.
type Options struct {
	Artifacts bool   // read every artifact, too
	Build     string // of this program: records of others are replayed, and audited as far as they agree
	// Progress is told how many records, and then artifacts, are done; total is 0
	// when it is not known.
	Progress func(what string, done, total int64)
}

// Verify checks everything that a data directory holds: the hash chain from the
// archive through the journal, every decision by taking it again, every snapshot
// against the replay at its place. What is damaged is a fault, not an error; after
// a damaged part it goes on from the next snapshot.
func (d *Dir) Verify(ctx context.Context, o Options) (Verdict, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	v := verifier{dir: d, options: o, state: state.New(), verdict: Verdict{Faults: []Fault{}}}
	v.auditor = NewAuditor(o.Build, func(context.Context, uint64) (*state.State, error) { return Clone(v.state) })
	if err := v.run(ctx); err != nil {
		return v.verdict, fmt.Errorf("verify %s: %w", d.Path, err)
	}
	if o.Artifacts {
		if err := v.artifacts(ctx); err != nil {
			return v.verdict, fmt.Errorf("verify %s: %w", d.Path, err)
		}
	}
	v.verdict.Sound = len(v.verdict.Faults) == 0
	return v.verdict, nil
}

// verifier is one Verify under way.
type verifier struct {
	dir     *Dir
	options Options
	verdict Verdict
	auditor *Auditor
	state   *state.State // replayed up to at
	at      journal.Link
	kept    []keptState       // snapshots, by record
	twice   []journal.Segment // of records that the journal holds, too
	gaps    []uint64          // where the walk went on from a snapshot
	epoch   uint64
	foreign uint64 // records of other builds that this one decides otherwise
}

// keptState is a snapshot with where it stands.
type keptState struct {
	journal.Snapshot
	where string
}

func (v *verifier) run(ctx context.Context) error {
	if err := v.load(ctx); err != nil {
		return err
	}
	for {
		err := v.walk(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			break
		}
		var newer *journal.ReaderError
		if errors.As(err, &newer) {
			return err
		}
		if again := v.damaged(ctx, err); !again {
			break
		}
	}
	v.end()
	return nil
}

// load reads every snapshot, of the archive and of the newest few.
func (v *verifier) load(ctx context.Context) error {
	for _, from := range []struct {
		list  *journal.Snapshots
		where string
	}{{v.dir.Archive.Bases(), "archive"}, {v.dir.Snapshots, "snapshots"}} {
		numbers, err := from.list.List()
		if err != nil {
			return err
		}
		for _, n := range numbers {
			snap, err := from.list.Load(n)
			if err != nil {
				v.fault(err.Error(), from.list.Path(n), n,
					"remove the file when an older snapshot or the whole archive is sound: a server takes the one before, and writes new ones")
				continue
			}
			v.kept = append(v.kept, keptState{snap, from.list.Path(n)})
		}
	}
	slices.SortStableFunc(v.kept, func(a, b keptState) int { return cmp.Compare(a.At.N, b.At.N) })
	return v.overlap(ctx)
}

// overlap finds the segments that the walk does not read, because the journal
// was not shortened when they were archived, and reads them.
func (v *verifier) overlap(ctx context.Context) error {
	first, err := v.dir.first(ctx)
	if err != nil || first == 0 {
		return nil //nolint:nilerr // the walk meets it, too
	}
	segments, err := v.dir.Archive.Segments()
	if err != nil {
		return nil //nolint:nilerr // the walk meets it, too
	}
	for _, s := range segments {
		if s.Last.N < first {
			continue
		}
		if err := s.Check(); err != nil {
			v.fault(err.Error(), s.Path(), s.First(), whatOverlaps(first, &s))
			continue
		}
		v.twice = append(v.twice, s)
	}
	return nil
}

// whatOverlaps is what to do about a damaged segment.
func whatOverlaps(first uint64, s *journal.Segment) string {
	if first <= s.First() {
		return "remove the file: the journal still holds its records, and a server archives them again"
	}
	return "restore the file from a copy"
}

// walk goes on from at to the end, or to the first fault.
func (v *verifier) walk(ctx context.Context) error {
	total := int64(v.dir.Seen.N)
	for got, err := range v.dir.verified(ctx, v.at) {
		if err != nil {
			return err
		}
		if err := v.record(ctx, &got); err != nil {
			return err
		}
		if v.verdict.Records%64 == 0 {
			v.options.Progress("records", int64(v.verdict.Records), total)
		}
	}
	v.options.Progress("records", int64(v.verdict.Records), total)
	return nil
}

// record audits, folds and compares one record.
func (v *verifier) record(ctx context.Context, got *journal.Verified) error {
	r := &got.Record
	done, err := v.auditor.Next(ctx, r)
	var d *Divergence
	switch {
	case errors.As(err, &d):
		v.verdict.Divergences++
		v.fault(d.Error(), "journal", r.N, "the program decided otherwise than it does now: report it with a bundle (drover debug bundle)")
	case err != nil:
		return err
	case done:
		v.verdict.Audited++
	default:
		v.foreign++
	}
	if err := fold(v.state, r); err != nil {
		return err
	}
	events, err := r.DecodeEvents()
	if err != nil {
		return err
	}
	v.verdict.Records++
	v.verdict.Events += uint64(len(events))
	if r.Epoch != v.epoch {
		v.epoch = r.Epoch
		v.verdict.Epochs++
	}
	v.at = journal.Link{N: r.N, Hash: got.Hash}
	for _, s := range v.twice {
		if s.Last.N == v.at.N && s.Last != v.at {
			v.fault(fmt.Sprintf("the archive holds another record %d than the journal", v.at.N), s.Path(), s.First(),
				"do not start a server on this directory; restore it from a copy, and report it")
		}
	}
	return v.compare()
}

// compare checks the snapshots that stand at the present place.
func (v *verifier) compare() error {
	for _, k := range v.kept {
		if k.At.N != v.at.N {
			continue
		}
		want, err := journal.EncodeState(v.state)
		if err != nil {
			return err
		}
		if k.At.Hash != v.at.Hash || !bytes.Equal(want, k.Data) {
			v.fault(fmt.Sprintf("the snapshot at record %d is not the state that the records before it lead to", k.At.N), k.where, k.At.N,
				"do not start a server on this directory; restore it from a copy, and report it")
			continue
		}
		v.verdict.Snapshots++
	}
	return nil
}

// damaged notes where the chain ends and tells whether a snapshot behind the
// damage lets the walk go on.
func (v *verifier) damaged(ctx context.Context, err error) (again bool) {
	n := v.at.N + 1
	var lost *journal.LostError
	if errors.As(err, &lost) {
		err = fmt.Errorf("%w (%w)", &journal.CutError{End: v.at.N, Known: max(n, v.dir.Seen.N)}, err)
	}
	where, advice := "journal", fmt.Sprintf("restore the directory from a copy, or start the server with --accept-loss-from %d", n)
	var archive *journal.ArchiveError
	first, _ := v.dir.first(ctx) // it was read before
	switch {
	case errors.As(err, &archive):
		where = archive.Path
	case n < first:
		where = filepath.Join(v.dir.Path, "archive")
	}
	if where != "journal" {
		advice = "restore the file from a copy; without it a server goes on from its snapshot, but this part of the history is lost"
	}
	v.fault(err.Error(), where, n, advice)
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
		v.fault(cut.Error(), "journal", v.at.N+1, fmt.Sprintf("restore the directory from a copy, or start the server with --accept-loss-from %d", v.at.N+1))
	}
	for _, k := range v.kept {
		if k.At.N > v.at.N && len(v.verdict.Faults) == 0 {
			v.fault(fmt.Sprintf("there is a snapshot at record %d, but no record after %d", k.At.N, v.at.N), k.where, v.at.N+1,
				"restore the directory from a copy")
		}
	}
	if v.foreign > 0 {
		v.note("%d records were replayed and not audited: another build decided them, or their epoch began before a gap", v.foreign)
	}
}

func (v *verifier) fault(what, where string, n uint64, advice string) {
	v.verdict.Faults = append(v.verdict.Faults, Fault{What: what, Where: where, Record: n, Advice: advice})
}

func (v *verifier) note(format string, args ...any) {
	v.verdict.Notes = append(v.verdict.Notes, fmt.Sprintf(format, args...))
}
