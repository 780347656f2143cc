package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// auditing decides every record of this server's time again, from its inputs, and
// compares the events byte by byte. It reads the records back from the journal,
// so what it proves is what the disk holds; nothing waits for it, and it holds
// one record at a time, whatever its lag is.
type auditing struct {
	cell        *Cell
	auditor     *history.Auditor
	verifier    *journal.Verifier
	seq         uint64        // of the last entry read
	at          atomic.Uint64 // number of the last record looked at
	audited     atomic.Uint64
	divergences atomic.Uint64

	mu    sync.Mutex
	found []*history.Divergence // the first few
}

const (
	auditGather   = 100 * time.Millisecond // so that a quiet cell is not read record by record
	auditRetry    = time.Second
	auditTries    = 3      // the journal may be shortened while it is read
	auditShare    = 19     // while there is other work, it rests so many times as long as it worked
	auditLag      = 10_000 // records; further behind than that it does not rest
	maxDivergence = 16     // kept for bundles
)

// newAuditing begins behind the last record that stood when the cell was opened.
func newAuditing(c *Cell) *auditing {
	a := &auditing{cell: c, verifier: journal.NewVerifier(journal.Link{N: c.start.N, Hash: c.start.Hash}), seq: c.start.Seq}
	a.auditor = history.NewAuditor(c.cfg.Build, func(ctx context.Context, n uint64) (*state.State, error) {
		st, _, err := c.past().At(ctx, n)
		return st, err
	})
	a.at.Store(c.start.N)
	return a
}

// run audits until ctx ends.
func (a *auditing) run(ctx context.Context) {
	s, tries := a.cell.shadow, 0
	for {
		if err := s.until(ctx, func() bool { return s.at.N > a.at.Load() }); err != nil {
			return
		}
		s.mu.RUnlock()
		pause := auditGather
		err := a.read(ctx)
		switch tries++; {
		case err == nil:
			tries = 0
		case tries >= auditTries && ctx.Err() == nil:
			level := slog.LevelDebug
			if tries == auditTries { // once for each time that it cannot
				level = slog.LevelWarn
			}
			a.cell.log.Log(ctx, level, "the audit cannot go on yet", "after", a.at.Load(), "error", err)
			pause = auditRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// read audits what has come. When the journal was shortened meanwhile, the
// archive has the records.
func (a *auditing) read(ctx context.Context) error {
	entries := a.cell.journal.Read(ctx, a.seq+1)
	var hole *journal.HoleError
	again := false
	for e, err := range entries {
		if err == nil {
			err = a.entry(ctx, e)
		}
		if again = errors.As(err, &hole); again {
			break
		}
		if err != nil {
			return err
		}
	}
	if !again {
		return nil
	}
	a.verifier = journal.NewVerifier(a.verifier.At())
	older, err := a.cell.past().Records(ctx, a.at.Load()+1)
	if err != nil {
		return err
	}
	for e, err := range older {
		if err == nil {
			err = a.entry(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *auditing) entry(ctx context.Context, e journal.Entry) error {
	began := time.Now()
	r, ok, err := a.verifier.Next(e)
	if err != nil {
		return err
	}
	a.seq = max(a.seq, e.Seq)
	if !ok {
		return nil
	}
	done, err := a.auditor.Next(ctx, &r)
	if err = a.note(err); err != nil {
		return err
	}
	if done {
		a.audited.Add(1)
	}
	a.at.Store(r.N)
	return a.rest(ctx, time.Since(began))
}

// note keeps a divergence and says so, once. It does not stop the server: what
// was answered stands in the journal either way, and replay gives it again.
func (a *auditing) note(err error) error {
	var d *history.Divergence
	if !errors.As(err, &d) {
		return err
	}
	a.divergences.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.found) < maxDivergence {
		a.found = append(a.found, d)
	}
	a.cell.log.Error("the audit found a divergence: this is a fault of the program; keep a bundle (drover debug bundle) and report it",
		"record", d.Record, "epoch", d.Epoch, "event", d.Event, "recorded", history.KindOf(d.Want), "decided now", history.KindOf(d.Got))
	return nil
}

// rest leaves the processor to others.
func (a *auditing) rest(ctx context.Context, worked time.Duration) error {
	if a.lag() > auditLag || !a.cell.busy() {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(auditShare * worked):
		return nil
	}
}

// lag is how many records are not audited yet.
func (a *auditing) lag() uint64 {
	s := a.cell.shadow
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.at.N - min(s.at.N, a.at.Load())
}

// Divergences are the first few that the audit found.
func (c *Cell) Divergences() []*history.Divergence {
	if c.audit == nil {
		return nil
	}
	c.audit.mu.Lock()
	defer c.audit.mu.Unlock()
	return append([]*history.Divergence(nil), c.audit.found...)
}

// busyFor is how long after a batch a server counts as busy.
const busyFor = 20 * time.Millisecond

// busy tells whether there was work just now.
func (c *Cell) busy() bool {
	return c.queue.len() > 0 || time.Since(time.Unix(0, c.count.lastBatch.Load())) < busyFor
}

// Audit decides all records of the cell's archive and journal again.
func (c *Cell) Audit(ctx context.Context) (records int, err error) {
	entries, err := c.Records(ctx)
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	return history.Audit(ctx, entries)
}
