package live

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// foldOf reads a record as something to fold; what led to it is not needed.
func foldOf(v journal.Verified) (fold, error) {
	f := fold{
		seq: v.Seq, at: journal.Link{N: v.Record.N, Hash: v.Hash}, epoch: v.Record.Epoch,
		now: api.Time(v.Record.Now), size: len(v.Data),
	}
	var err error
	f.events, err = v.Record.DecodeEvents()
	return f, err
}

// recall builds the shadow from the newest snapshot and the records after it. The
// others may shorten the journal meanwhile: what is missing then is in their archives.
func (c *Cell) recall(ctx context.Context) error {
	for tries := 1; ; tries++ {
		err := c.recallOnce(ctx)
		if err == nil || c.cluster.sole || tries == recallTries || !c.shortened(ctx) {
			return err
		}
		c.log.Info("the journal was shortened while it was read, reading again", "error", err)
	}
}

const recallTries = 5

func (c *Cell) recallOnce(ctx context.Context) error {
	st, at, err := c.loadSnapshot()
	if err != nil {
		return err
	}
	if err := c.fetchArchive(ctx); err != nil {
		return err
	}
	if err := c.judgeBefore(ctx, at); err != nil {
		return err
	}
	v := journal.NewVerifier(at)
	if c.cfg.AcceptLossFrom > 0 {
		v.AcceptLoss(c.cfg.AcceptLossFrom)
	}
	c.shadow = newShadow(st, at, 0, c.cfg.WatchEvents)
	last, err := c.journal.Last(ctx)
	if err != nil {
		return fmt.Errorf("replay the journal: %w", err)
	}
	past := c.past()
	past.Journal = &marking{past.Journal, &last}
	entries, err := past.Records(ctx, at.N+1)
	if err != nil {
		return err
	}
	var torn *journal.TornError
	for got, err := range journal.Verify(entries, v) {
		if errors.As(err, &torn) {
			c.log.Warn("the journal's end is torn", "detail", torn.Error())
			break
		}
		if errors.As(err, new(*journal.LostError)) {
			c.log.Error("the journal cannot be read on", "after", v.At().N, "error", err)
			break // settleStart says what is missing
		}
		if err != nil {
			return fmt.Errorf("replay the journal: %w", err)
		}
		f, err := foldOf(got)
		if len(c.shadow.ring.list) == 0 && at.N > 0 {
			c.shadow.ring.from = f.seq - 1
		}
		if err == nil {
			_, err = c.shadow.fold(&f)
		}
		if err != nil {
			return fmt.Errorf("replay record %d: %w", got.Record.N, err)
		}
		c.start.Epoch = f.epoch
	}
	c.start.Seq = last
	return c.settleStart(ctx, v, at)
}

// marking notes the last sequence that was read: another server may be writing.
type marking struct {
	history.Reader
	last *uint64
}

func (m *marking) Read(ctx context.Context, from uint64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for e, err := range m.Reader.Read(ctx, from) {
			if err == nil {
				*m.last = max(*m.last, e.Seq)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// settleStart notes where the leader begins.
func (c *Cell) settleStart(ctx context.Context, v *journal.Verifier, snapshot journal.Link) error {
	at, last := v.At(), c.start.Seq
	c.start.N, c.start.Hash = at.N, at.Hash
	c.start.Epoch = max(c.start.Epoch, c.shadow.engine.State().Epoch)
	if err := c.judgeEnd(v, last); err != nil {
		return fmt.Errorf("replay the journal: %w", err)
	}
	c.shadow.last = last
	c.last.Store(last)
	if len(c.shadow.ring.list) == 0 {
		c.shadow.ring.from = last
	}
	return nil
}

func (c *Cell) loadSnapshot() (*state.State, journal.Link, error) {
	snap, err := c.snapshots.LoadNewest()
	if errors.Is(err, journal.ErrNoSnapshot) {
		return state.New(), journal.Link{}, nil
	}
	if err != nil {
		return nil, journal.Link{}, err
	}
	for _, err := range snap.Skipped {
		c.log.Error("an older snapshot is used", "error", err)
	}
	st, err := journal.DecodeState(snap.Data)
	if err != nil {
		return nil, journal.Link{}, fmt.Errorf("load the snapshot at record %d: %w", snap.At.N, err)
	}
	return st, snap.At, nil
}

// readTail reads the journal back from a sequence.
func (c *Cell) readTail(ctx context.Context, v *journal.Verifier, from uint64) readBack {
	ctx, cancel := context.WithTimeout(ctx, c.journalWait())
	defer cancel()
	out := readBack{folds: map[uint64]fold{}, found: control.ReadBack{End: from - 1}}
	size := 0
	for e, err := range c.journal.Read(ctx, from) {
		if err != nil {
			out.err = err
			return out
		}
		r, ok, err := v.Next(e)
		if err != nil {
			out.err = c.missed(ctx, from, err)
			return out
		}
		out.found.End = e.Seq
		if !ok {
			continue
		}
		f, err := foldOf(journal.Verified{Entry: e, Record: r, Hash: v.At().Hash})
		if err != nil {
			out.err = err
			return out
		}
		out.folds[e.Seq] = f
		out.found.Marks = append(out.found.Marks, control.Mark{Seq: e.Seq, N: r.N, Epoch: r.Epoch, Hash: f.at.Hash})
		if size += len(e.Data); size > pieceBytes || len(out.found.Marks) >= pieceRecords {
			out.more = true
			break
		}
	}
	return out
}
