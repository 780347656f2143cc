package live

import (
	"context"
	"errors"
	"fmt"

	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// judgeBefore checks the part of the journal that the snapshot has made
// unnecessary for the state, but that the archive does not hold yet: history
// that is lost stops the server, too, until that is accepted.
func (c *Cell) judgeBefore(ctx context.Context, snapshot journal.Link) error {
	if snapshot.N == 0 {
		return nil
	}
	end, err := c.archiveEnd()
	if err != nil {
		return err
	}
	if end.N >= snapshot.N {
		return nil
	}
	v := journal.NewVerifier(end)
	for e, err := range c.journal.Read(ctx, 0) {
		var r journal.Record
		if err == nil {
			r, _, err = v.Next(e)
		}
		if err != nil {
			return c.lostBefore(err, v, snapshot)
		}
		if r.N >= snapshot.N {
			break
		}
	}
	if at := v.At(); at.N < snapshot.N || at.N == snapshot.N && at.Hash != snapshot.Hash {
		return c.lostBefore(&journal.CutError{End: at.N, Known: max(snapshot.N, c.witness.Last().N)}, v, snapshot)
	}
	return nil
}

// archiveEnd is where the archive ends. What follows a damaged segment is set
// aside when that is accepted.
func (c *Cell) archiveEnd() (journal.Link, error) {
	end, err := c.archive.End()
	if err == nil && c.cfg.AcceptLossFrom > 0 {
		err = c.archive.Check(c.cfg.AcceptLossFrom)
	}
	var damaged *journal.ArchiveError
	if !errors.As(err, &damaged) {
		return end, err
	}
	if !c.accepts(damaged.From) {
		return end, fmt.Errorf("%w; or %s", err, damaged.Advice())
	}
	c.log.Error("a part of the archive was given up, as accepted; the state stands", "from", damaged.From, "error", err)
	c.lost++
	if err := c.archive.SetAside(damaged.From); err != nil {
		return end, err
	}
	return c.archive.End()
}

// lostBefore accepts that history is lost, or says what is.
func (c *Cell) lostBefore(err error, v *journal.Verifier, snapshot journal.Link) error {
	n := v.At().N + 1
	if errors.As(err, new(*journal.LostError)) {
		err = fmt.Errorf("%w: %w", &journal.CutError{End: n - 1, Known: max(n, snapshot.N)}, err)
	}
	var newer *journal.ReaderError
	if errors.As(err, &newer) || !c.accepts(n) {
		return fmt.Errorf("check the journal before the snapshot at record %d, which stands and is not given up: %w", snapshot.N, err)
	}
	c.lost += int(snapshot.N + 1 - min(n, snapshot.N))
	c.log.Error("a part of the history was given up, as accepted; the state stands", "from", n, "to", snapshot.N, "error", err)
	return nil
}

// accepts tells whether the operator gave record n up.
func (c *Cell) accepts(n uint64) bool { return c.cfg.AcceptLossFrom > 0 && c.cfg.AcceptLossFrom <= n }

// judgeEnd checks that the journal did not end before a record that is known to
// have been acknowledged: by a snapshot, or by the witness.
func (c *Cell) judgeEnd(v *journal.Verifier, last uint64) error {
	seen, at := c.witness.Last(), v.At()
	c.start.Epoch = max(c.start.Epoch, seen.Epoch)
	lost := v.Dropped()
	switch {
	case seen.N > at.N:
		if !c.accepts(at.N + 1) {
			return &journal.CutError{End: at.N, Known: seen.N}
		}
		lost = max(lost, int(seen.N-at.N))
	case seen.N == at.N && seen.N > 0 && seen.Hash != at.Hash:
		if !c.accepts(at.N) {
			return &journal.ChainError{N: at.N, Why: "another record of that number was acknowledged"}
		}
		lost = max(lost, 1)
	}
	if c.lost += lost; c.lost == 0 {
		return nil
	}
	c.log.Error("records were given up, as accepted", "from", c.cfg.AcceptLossFrom, "entries", c.lost)
	c.start.Seq = max(last, seen.Seq)
	return nil
}

// beginAnew goes on after an accepted loss in a new stream: the damaged bytes
// would stay in the files of the old one, and the next crash would make JetStream
// drop what follows them. Before that, all that can be proved is archived, and
// the archive goes on from the state as it is. Until the first record in the new
// stream, which tells of the loss, a crash asks the operator again.
func (c *Cell) beginAnew(ctx context.Context) error {
	at, s := c.shadow.at, c.shadow
	if at.N > 0 {
		data, err := journal.EncodePieces(s.engine.State())
		if err != nil {
			return err
		}
		before, _ := c.snapshots.LoadNewest() // none is as good as record 0
		if err := c.snapshots.Save(at, data...); err != nil {
			return err
		}
		if err := c.archiveProved(ctx, before.At.N, at.N); err != nil {
			return err
		}
	}
	r, ok := c.journal.(journal.Renewer)
	if !ok {
		return nil
	}
	s.last, s.ring.from = c.start.Seq, c.start.Seq
	return r.Renew(ctx, c.start.Seq+1)
}

// archiveProved archives what can be proved up to record n: all of it, or what
// comes before the loss and what follows the snapshot at record base.
func (c *Cell) archiveProved(ctx context.Context, base, n uint64) error {
	add := func(upto uint64) error {
		_, err := c.archive.Add(c.journal.Read(ctx, 0), upto)
		return err
	}
	if add(n) == nil {
		return nil
	}
	if err := add(min(n, c.cfg.AcceptLossFrom-1)); err != nil {
		c.log.Error("a part of the history before the loss is lost, too", "error", err)
	}
	if base > 0 && c.archive.Rebase(c.snapshots, base) == nil && add(n) == nil {
		return nil
	}
	return c.archive.Rebase(c.snapshots, n)
}

// saw notes that a record was acknowledged.
func (c *Cell) saw(f *fold) {
	if c.observer != nil {
		c.observer.saw(f, c.shadow.engine.State())
	}
	for _, ev := range f.events {
		switch ev.(type) {
		case *state.PlanAsked:
			poke(c.plans)
		case *state.RolloutBegun:
			poke(c.trial)
		}
	}
	if err := c.witness.Saw(journal.Seen{Link: f.at, Epoch: f.epoch, Seq: f.seq}); err != nil && c.count.unseen.Add(1) == 1 {
		c.log.Error("a cut end of the journal would not be noticed", "error", err)
	}
}
