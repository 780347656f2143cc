package live

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
)

// follow reads the records after a place up to record n, proved by the chain.
func follow(t *testing.T, c *Cell, at journal.Link, n uint64) (journal.Link, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	chain := journal.NewVerifier(at)
	if at.N >= n { // what comes next would be a later one
		return at, nil
	}
	for got, err := range c.Journal(ctx, httpapi.JournalPlace(at), time.Millisecond) {
		if err != nil {
			return chain.At(), err
		}
		if len(got.Data) > 0 {
			if _, ok, err := chain.Next(journal.Entry{Data: got.Data}); err != nil || !ok {
				t.Fatalf("after record %d comes one that does not follow it: %v", chain.At().N, err)
			}
		}
		if chain.At().N >= n {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		t.Fatalf("record %d does not come: %v", n, err)
	}
	return chain.At(), nil
}

func TestTheJournalIsFollowed(t *testing.T) {
	c := run(t, Config{SnapshotEvery: 6})
	for i := range 30 {
		do(t, c, submit(job(fmt.Sprint("j", i), 1)))
	}
	truncated(t, c) // it begins late, the archive has the rest
	n := c.Status().Record
	end, err := follow(t, c, journal.Link{}, n)
	if err != nil || end.N != n {
		t.Fatalf("from the first record on %d of %d came: %v", end.N, n, err)
	}
	for _, from := range []uint64{1, 7, n / 2, n - 1, n} {
		t.Run(fmt.Sprint("from record ", from), func(t *testing.T) {
			at, err := follow(t, c, journal.Link{}, from)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := follow(t, c, at, n); err != nil || got != end {
				t.Errorf("it ends with record %d, %v, want %d", got.N, err, n)
			}
		})
	}
	t.Run("what comes later", func(t *testing.T) {
		came := make(chan error, 1)
		go func() {
			at, err := follow(t, c, end, n+3)
			if err == nil && at.N < n+3 {
				err = fmt.Errorf("it ends with record %d", at.N)
			}
			came <- err
		}()
		for i := range 3 {
			do(t, c, submit(job(fmt.Sprint("later", i), 1)))
		}
		if err := <-came; err != nil {
			t.Error(err)
		}
	})
}

// truncated waits until the journal does not begin with the first record any more.
func truncated(t *testing.T, c *Cell) {
	t.Helper()
	for end := time.Now().Add(wait); ; time.Sleep(5 * time.Millisecond) {
		if first, err := c.journal.First(t.Context()); err == nil && first > 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the journal is not shortened")
		}
	}
}

func TestAnotherJournalIsNotFollowed(t *testing.T) {
	c := run(t, Config{})
	for i := range 3 {
		do(t, c, submit(job(fmt.Sprint("j", i), 1)))
	}
	n := c.Status().Record
	for name, at := range map[string]journal.Link{
		"another record":             {N: 2, Hash: [32]byte{1}},
		"another one before the end": {N: n - 1, Hash: [32]byte{1}},
		"another last one":           {N: n, Hash: [32]byte{1}},
	} {
		t.Run(name, func(t *testing.T) {
			if at, err := follow(t, c, at, n+1); !errors.Is(err, httpapi.ErrOtherPast) {
				t.Errorf("record %d came, %v", at.N, err)
			}
		})
	}
}
