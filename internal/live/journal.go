package live

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
)

// gathering is how long records may gather before those who follow the journal over
// the API are given them: each time, the store is asked once.
const gathering = 20 * time.Millisecond

// aheadWait is how long this server may be behind a place that it is asked to go on
// from: the one that was asked before may have led.
const aheadWait = 10 * time.Second

// Journal implements httpapi.Cell.
func (c *Cell) Journal(ctx context.Context, after httpapi.JournalPlace, beat time.Duration) iter.Seq2[httpapi.Written, error] {
	return func(yield func(httpapi.Written, error) bool) {
		at := journal.Link{N: after.N, Hash: after.Hash}
		r := &journalReader{cell: c, chain: journal.NewVerifier(at), beat: beat, yield: yield}
		if err := r.run(ctx, at); err != nil && ctx.Err() == nil {
			yield(httpapi.Written{}, err)
		}
	}
}

// journalReader reads the journal for one who follows it, up to where the shadow is.
type journalReader struct {
	cell  *Cell
	chain *journal.Verifier
	seq   uint64 // everything up to this sequence was read
	beat  time.Duration
	yield func(httpapi.Written, error) bool
}

// errEnough says that no more is wanted.
var errEnough = errors.New("no more is wanted")

func (r *journalReader) run(ctx context.Context, at journal.Link) error {
	err := r.begin(ctx, at)
	for err == nil {
		err = r.wait(ctx)
		if err == nil {
			err = r.take(r.cell.journal.Read(ctx, r.seq+1))
		}
		if isHole(err) { // whoever reads slowly finds the journal shortened
			err = r.archived(ctx)
		}
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// begin reads what there is after a place. A record has a sequence of its own, so the
// place stands no later than counting back from the shadow's says; if it stands
// earlier, or in the archive, all is looked through.
func (r *journalReader) begin(ctx context.Context, at journal.Link) error {
	last, end, err := r.reached(ctx, at.N)
	switch {
	case err != nil:
		return err
	case at.N == last.N && at.Hash != last.Hash:
		return fmt.Errorf("%w: record %d is another one", httpapi.ErrOtherPast, at.N)
	case at.N == last.N:
		r.seq = end
		return r.pause()
	}
	r.seq = end - min(end, last.N-at.N)
	if first, err := r.cell.journal.First(ctx); err == nil && r.seq >= first {
		if err := r.take(r.cell.journal.Read(ctx, r.seq)); !isHole(err) {
			return pastOf(err)
		}
	}
	return r.archived(ctx)
}

// archived reads what the archive and the journal have after the chain's place. Records
// go from the one into the other while both are read, so that a hole is one only if it
// is still there when looked at again.
func (r *journalReader) archived(ctx context.Context) error {
	for try := 1; ; try++ {
		from := r.chain.At()
		entries, err := r.cell.past().Records(ctx, from.N+1)
		if err == nil {
			err = r.take(entries)
		}
		if !isHole(err) || try >= travelTries && r.chain.At() == from {
			return pastOf(err)
		}
	}
}

func isHole(err error) bool {
	var hole *journal.HoleError
	return errors.As(err, &hole)
}

// pastOf says of a journal that does not go on from a place why.
func pastOf(err error) error {
	var hole *journal.HoleError
	var chain *journal.ChainError
	switch {
	case errors.As(err, &hole):
		return fmt.Errorf("%w: %s", httpapi.ErrNoPast, hole.What())
	case errors.As(err, &chain):
		return fmt.Errorf("%w: %s", httpapi.ErrOtherPast, chain.What())
	}
	return err
}

// reached is where the shadow is, once it is at record n or beyond.
func (r *journalReader) reached(ctx context.Context, n uint64) (at journal.Link, seq uint64, err error) {
	s := r.cell.shadow
	limit, cancel := context.WithTimeout(ctx, aheadWait)
	defer cancel()
	if err := s.until(limit, func() bool { return s.at.N >= n }); err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: there is no record %d yet", httpapi.ErrOtherPast, n)
		}
		return at, 0, err
	}
	defer s.mu.RUnlock()
	return s.at, s.last, nil
}

// wait returns when the shadow is beyond what was read, and says meanwhile that
// there is nothing.
func (r *journalReader) wait(ctx context.Context) error {
	for {
		select {
		case <-r.cell.shadow.next(r.seq):
			return sleep(ctx, gathering)
		case <-r.cell.shadow.done:
			return errStopped
		case <-time.After(r.beat):
			if err := r.pause(); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *journalReader) last() (record, seq uint64) {
	s := r.cell.shadow
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.at.N, s.last
}

// pause says that there is no more for the time being.
func (r *journalReader) pause() error {
	n, _ := r.last()
	if !r.yield(httpapi.Written{Last: n}, nil) {
		return errEnough
	}
	return nil
}

// take gives out the records among the entries that the shadow has folded.
func (r *journalReader) take(entries iter.Seq2[journal.Entry, error]) error {
	last, end := r.last()
	for e, err := range entries {
		if err != nil {
			return err
		}
		_, ok, err := r.chain.Next(e)
		if err != nil {
			return err
		}
		if ok && !r.yield(httpapi.Written{Data: e.Data, Last: last}, nil) {
			return errEnough
		}
		if r.chain.At().N >= last {
			break
		}
	}
	if at := r.chain.At().N; at < last {
		return fmt.Errorf("the journal ends at record %d although %d was read before: try again", at, last)
	}
	r.seq = max(r.seq, end)
	return r.pause()
}

// sleep waits unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
