package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

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
	v.auditor = NewAuditor(o.Build, func(context.Context, uint64) (*state.State, error) { return journal.CopyState(v.state) })
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
	// damagedSnapshots are judged when it is known what else there is.
	damagedSnapshots []Fault
	gaps             []uint64 // where the walk went on from a snapshot
	epoch            uint64
	foreign          uint64 // records of other builds that this one decides otherwise
}

// keptState is a snapshot with where it stands.
type keptState struct {
	journal.Snapshot
	where string
}

func (v *verifier) run(ctx context.Context) error {
	v.options.Progress("records", 0, int64(v.dir.Seen.N))
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
				v.damagedSnapshots = append(v.damagedSnapshots, Fault{What: err.Error(), Where: from.list.Path(n), Record: n})
				continue
			}
			v.kept = append(v.kept, keptState{snap, from.list.Path(n)})
		}
	}
	slices.SortStableFunc(v.kept, func(a, b keptState) int { return cmp.Compare(a.At.N, b.At.N) })
	return v.overlap(ctx)
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
