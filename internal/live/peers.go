package live

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/journal"
)

// A server that is new, or was away while the journal was shortened, gets the
// records that it misses from another server's archive into its own.
const (
	recordsAtOnce = 512 << 10 // bytes
	recordsWait   = 10 * time.Second
	findPeers     = 3 * signEvery
)

// wantRecords asks for records from a number on, and gotRecords brings some of
// them in order; none when the archive does not hold the first.
type (
	wantRecords struct {
		From uint64 `cbor:"1,keyasint"`
	}
	gotRecords struct {
		Records [][]byte `cbor:"1,keyasint,omitempty"`
	}
)

// serveRecords answers from this server's archive.
func (c *Cell) serveRecords(m *nats.Msg) {
	var q wantRecords
	if !c.question(m, &q) {
		return
	}
	select {
	case c.lending <- struct{}{}: // one at a time: it reads files
	default:
		return // asked again
	}
	c.background.Go(func() {
		defer func() { <-c.lending }()
		var out gotRecords
		size := 0
		for e, err := range c.archive.Read(q.From) {
			if err != nil || size > 0 && size+len(e.Data) > recordsAtOnce {
				break
			}
			size += len(e.Data)
			out.Records = append(out.Records, e.Data)
		}
		c.reply(m, out)
	})
}

// fetchArchive fills the archive up to where the journal begins, from the other
// servers. A sole server has nobody to ask; what it misses shows as a hole.
func (c *Cell) fetchArchive(ctx context.Context) error {
	end, err := c.archiveEnd()
	if err != nil {
		return err
	}
	c.archived.Store(end.N)
	if c.cluster.sole {
		return nil
	}
	c.cluster.publish(c.cluster.signNow()) // from now on they keep what this server has not got
	first, err := c.firstRecord(ctx)
	if err != nil || first <= end.N+1 {
		return err
	}
	if err := c.awaitPeers(ctx); err != nil {
		return err
	}
	if first, err = c.firstRecord(ctx); err != nil { // it may have been shortened meanwhile
		return err
	}
	upto := first - 1
	c.log.Info("fetching records from the other servers", "from", end.N+1, "to", upto)
	end, err = c.archive.Add(c.lent(ctx, end.N+1, upto), upto)
	c.archived.Store(end.N)
	if err != nil {
		return fmt.Errorf("fetch the records %d to %d, which the journal holds no more, from the other servers: %w: "+
			"start a server that has them, or copy archive/ from its data directory", end.N+1, upto, err)
	}
	return nil
}

// shortened tells whether the journal begins behind what the archive holds.
func (c *Cell) shortened(ctx context.Context) bool {
	end, err := c.archiveEnd()
	if err != nil {
		return false
	}
	first, err := c.firstRecord(ctx)
	return err == nil && first > end.N+1
}

// firstRecord is the number of the first record in the journal; 0 when it holds
// none.
func (c *Cell) firstRecord(ctx context.Context) (uint64, error) {
	for e, err := range c.journal.Read(ctx, 0) {
		if err != nil {
			return 0, fmt.Errorf("look where the journal begins: %w", err)
		}
		if r, err := journal.Decode(e.Data); err == nil {
			return r.N, nil
		}
	}
	return 0, nil
}

// awaitPeers gives the other servers the time to say that they are there.
func (c *Cell) awaitPeers(ctx context.Context) error {
	sub, err := c.nc.Subscribe(c.cluster.subject("sign"), c.cluster.hear)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(findPeers):
		return nil
	}
}

var errNoLender = errors.New("no other server has them")

// lent gives the records from a number on as other servers hold them.
func (c *Cell) lent(ctx context.Context, from, upto uint64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for from <= upto {
			got, err := c.borrow(ctx, from)
			if err != nil {
				yield(journal.Entry{}, err)
				return
			}
			for _, b := range got.Records {
				if !yield(journal.Entry{Seq: from, Data: b}, nil) {
					return
				}
				from++
			}
		}
	}
}

// borrow asks one server after the other.
func (c *Cell) borrow(ctx context.Context, from uint64) (gotRecords, error) {
	c.cluster.mu.Lock()
	ids := make([]string, 0, len(c.cluster.peers))
	for id, p := range c.cluster.peers { // order-free: sorted below
		if p.Archived >= from {
			ids = append(ids, id)
		}
	}
	c.cluster.mu.Unlock()
	slices.Sort(ids)
	err := errNoLender
	for _, id := range ids {
		ctx, cancel := context.WithTimeout(ctx, recordsWait)
		var got gotRecords
		err = c.ask(ctx, c.cluster.subject("records."+id), wantRecords{From: from}, &got)
		cancel()
		if err == nil && len(got.Records) > 0 {
			return got, nil
		}
	}
	if err == nil {
		err = errNoLender
	}
	return gotRecords{}, err
}
