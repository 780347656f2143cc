package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drover.dev/internal/control"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
)

// append sends the batch in flight and lets the outcome come to the loop.
func (l *leader) append(ctx context.Context, expect uint64) {
	record := l.flight.record
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.cell.journalWait())
	go func() {
		defer cancel()
		seq, err := l.cell.journal.Append(ctx, expect, record)
		l.appended <- l.outcome(seq, err)
	}()
}

// outcome turns the journal's error into one of the rules' outcomes.
func (l *leader) outcome(seq uint64, err error) control.Appended {
	var fence *journal.RefusedError
	switch {
	case err == nil:
		return control.Appended{Outcome: control.Stored, Seq: seq}
	case errors.As(err, &fence):
		l.cell.count.refused.Add(1)
		l.cell.log.Warn("another record came first", "error", err)
		return control.Appended{Outcome: control.Outrun}
	case errors.Is(err, journal.ErrRefused):
		l.cell.count.refused.Add(1)
		l.cell.log.Error("the journal refused a batch", "error", err)
		l.cell.storageLost(fmt.Errorf("%w: %w", httpapi.ErrStorage, err))
		return control.Appended{Outcome: control.Refused}
	default:
		l.cell.count.open.Add(1)
		l.cell.log.Warn("it is not known whether a batch was stored", "error", err)
		return control.Appended{Outcome: control.Unknown}
	}
}

// readFrom reads what the journal holds after the last acknowledged record.
func (l *leader) readFrom(ctx context.Context, from uint64) {
	v := journal.NewVerifier(l.last)
	l.reading = true
	go func() { l.read <- l.cell.readTail(context.WithoutCancel(ctx), v, from) }()
}

// recovered takes what was read back.
func (l *leader) recovered(ctx context.Context, r readBack) error {
	l.reading, l.behind = false, r.more
	if damaged(r.err) {
		return fmt.Errorf("read the journal back: %w", r.err)
	}
	if l.rules.Phase == control.Following {
		return l.followed(ctx, r)
	}
	if r.err != nil {
		return l.unreadable(ctx, r.err)
	}
	adopts := l.flight != nil
	for _, a := range l.rules.Handle(r.found) {
		if f, ok := a.(control.Fold); ok {
			l.outrun = true
			if err := l.foldIn(ctx, r.folds[f.Mark.Seq]); err != nil {
				return err
			}
			continue
		}
		if _, ok := a.(control.Release); ok && adopts {
			l.cell.count.adopted.Add(1)
			l.cell.log.Info("a batch whose acknowledgement was lost is found in the journal", "record", l.last.N+1)
		}
		if err := l.act(ctx, a); err != nil {
			return err
		}
	}
	l.outrun = false
	return nil
}

// despair tells those who wait for a batch whose outcome stays unknown, and those
// in the queue behind it. The batch is still looked for.
func (l *leader) despair() {
	f := l.flight
	if f == nil || l.stuck || time.Since(f.at) < l.cell.journalWait() {
		return
	}
	l.stuck = true
	err := fmt.Errorf("%w: it does not answer: it has lost its quorum, or the link to it is cut. "+
		"What became of the command is not known yet, it may be sent again", httpapi.ErrStorage)
	failAll(f.items, err)
	f.items = nil
	l.cell.queue.shut(err)
	l.cell.storageLost(err)
}

// journalWait is how long the journal may take to answer. Where there are others, one
// of them leads by then, unless the journal itself has none who leads it: in both
// cases what was sent may be lost, and those who wait here had better ask there.
func (c *Cell) journalWait() time.Duration {
	if c.cluster.sole {
		return c.cfg.AppendTimeout
	}
	return min(c.cfg.AppendTimeout, 2*patience)
}

// unreadable goes on asking what became of the batch in flight.
func (l *leader) unreadable(ctx context.Context, cause error) error {
	l.cell.log.Warn("the journal cannot be read back yet", "error", cause)
	select {
	case <-time.After(readPause):
	case <-ctx.Done():
	}
	return l.handle(ctx, control.Unreadable{})
}

// damaged tells whether reading again cannot help.
func damaged(err error) bool {
	var hole *journal.HoleError
	var chain *journal.ChainError
	var newer *journal.ReaderError
	var behind *behindError
	return errors.As(err, &hole) || errors.As(err, &chain) || errors.As(err, &newer) || errors.As(err, &behind)
}
