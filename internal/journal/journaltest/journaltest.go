// Package journaltest is the one suite that every journal must pass.
package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"drover.dev/internal/journal"
)

// Subject is a journal under test. Each call of the factory gives an empty one.
type Subject struct {
	Journal journal.Journal
	// Restart ends the process that stores, starts it again on the same store, and
	// returns the journal as it finds itself then.
	Restart func(t *testing.T) journal.Journal
}

// Run runs the suite against journals that open makes.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"an empty journal":                       empty,
		"what is appended is read back":          readBack,
		"the fence refuses and stores nothing":   fence,
		"of two writers one wins":                twoWriters,
		"what no journal takes is refused":       admission,
		"a cancelled append is refused unsent":   cancelled,
		"bytes are copied in and out":            ownership,
		"reading ends at the end as it was":      endOfRead,
		"reading stops when told to":             stopReading,
		"truncating keeps the sequence":          truncate,
		"truncating beyond the end is an error":  truncateBeyond,
		"a restart keeps what was acknowledged":  restart,
		"a restart keeps an emptied sequence":    restartEmptied,
		"a closed journal refuses":               closed,
		"watching goes on with what is appended": watch,
		"random histories agree with a model":    histories,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func mustAppend(t *testing.T, j journal.Journal, expect uint64, record []byte) {
	t.Helper()
	seq, err := j.Append(t.Context(), expect, record)
	if err != nil || seq != expect+1 {
		t.Fatalf("append after %d: sequence %d, %v", expect, seq, err)
	}
}

func fill(t *testing.T, j journal.Journal, n int) {
	t.Helper()
	for i := range n {
		mustAppend(t, j, uint64(i), payload(i))
	}
}

// payload is recognisable, and of very different sizes.
func payload(i int) []byte {
	return append(fmt.Appendf(nil, "record %d ", i), bytes.Repeat([]byte{byte(i)}, i*i%5000)...)
}

func wantEnds(t *testing.T, j journal.Journal, first, last uint64) {
	t.Helper()
	f, err := j.First(t.Context())
	l, err2 := j.Last(t.Context())
	if err := errors.Join(err, err2); err != nil || f != first || l != last {
		t.Fatalf("the journal has records %d to %d (%v), want %d to %d", f, l, err, first, last)
	}
}

// wantRecords reads from a sequence and compares with the payloads of those sequences.
func wantRecords(t *testing.T, j journal.Journal, from, first, last uint64) {
	t.Helper()
	next := first
	for e, err := range j.Read(t.Context(), from) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != next || !bytes.Equal(e.Data, payload(int(next)-1)) {
			t.Fatalf("got entry %d %.20q, want %d", e.Seq, e.Data, next)
		}
		next++
	}
	if next != last+1 {
		t.Fatalf("reading from %d ended before %d, want up to %d", from, next, last)
	}
}

func wantRefused(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, journal.ErrRefused) || errors.Is(err, journal.ErrUnknown) {
		t.Fatalf("got %v, want refused", err)
	}
}

func empty(t *testing.T, s Subject) {
	wantEnds(t, s.Journal, 1, 0)
	wantRecords(t, s.Journal, 0, 1, 0)
	wantRecords(t, s.Journal, 7, 1, 0)
}

func readBack(t *testing.T, s Subject) {
	fill(t, s.Journal, 120)
	wantEnds(t, s.Journal, 1, 120)
	for _, from := range []uint64{0, 1, 60, 120} {
		wantRecords(t, s.Journal, from, max(from, 1), 120)
	}
	wantRecords(t, s.Journal, 121, 121, 120)
}

func fence(t *testing.T, s Subject) {
	fill(t, s.Journal, 3)
	for _, expect := range []uint64{0, 2, 4, 1 << 40} {
		_, err := s.Journal.Append(t.Context(), expect, []byte("x"))
		wantRefused(t, err)
		var refused *journal.RefusedError
		if !errors.As(err, &refused) || refused.Expect != expect || !refused.Known || refused.Last != 3 {
			t.Errorf("expecting %d: %v", expect, err)
		}
	}
	wantRecords(t, s.Journal, 1, 1, 3)
}

func twoWriters(t *testing.T, s Subject) {
	const rounds = 20
	for last := range uint64(rounds) {
		var errs [2]error
		var both sync.WaitGroup
		for i := range errs {
			both.Go(func() { _, errs[i] = s.Journal.Append(t.Context(), last, payload(int(last))) })
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("round %d: %v and %v, want one winner", last, errs[0], errs[1])
		}
		wantRefused(t, errors.Join(errs[0], errs[1]))
	}
	wantRecords(t, s.Journal, 1, 1, rounds)
}

func admission(t *testing.T, s Subject) {
	for _, record := range [][]byte{nil, {}, make([]byte, journal.MaxRecord+1), make([]byte, 3<<20)} {
		_, err := s.Journal.Append(t.Context(), 0, record)
		wantRefused(t, err)
	}
	wantEnds(t, s.Journal, 1, 0)
	mustAppend(t, s.Journal, 0, make([]byte, journal.MaxRecord))
}

func cancelled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Journal.Append(ctx, 0, []byte("x"))
	wantRefused(t, err)
	wantEnds(t, s.Journal, 1, 0)
	if _, err := s.Journal.Last(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Last: %v", err)
	}
	fill(t, s.Journal, 1)
	for _, err := range s.Journal.Read(ctx, 1) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Read: %v", err)
		}
	}
}

func ownership(t *testing.T, s Subject) {
	record := payload(0)
	mustAppend(t, s.Journal, 0, record)
	clear(record)
	for e, err := range s.Journal.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		clear(e.Data)
	}
	wantRecords(t, s.Journal, 1, 1, 1)
}

func endOfRead(t *testing.T, s Subject) {
	fill(t, s.Journal, 5)
	last := uint64(5)
	for _, err := range s.Journal.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if last > 50 {
			t.Fatal("reading goes on with what was appended meanwhile")
		}
		mustAppend(t, s.Journal, last, payload(int(last)))
		last++
	}
	wantRecords(t, s.Journal, 1, 1, 10)
}

func stopReading(t *testing.T, s Subject) {
	fill(t, s.Journal, 30)
	for e, err := range s.Journal.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq == 3 {
			break
		}
	}
	wantRecords(t, s.Journal, 1, 1, 30)
}

func truncate(t *testing.T, s Subject) {
	fill(t, s.Journal, 20)
	for _, upto := range []uint64{0, 7, 7, 3, 19} {
		if err := s.Journal.Truncate(t.Context(), upto); err != nil {
			t.Fatal(err)
		}
	}
	wantEnds(t, s.Journal, 20, 20)
	wantRecords(t, s.Journal, 1, 20, 20)
	if err := s.Journal.Truncate(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	wantEnds(t, s.Journal, 21, 20)
	_, err := s.Journal.Append(t.Context(), 0, []byte("x"))
	wantRefused(t, err)
	mustAppend(t, s.Journal, 20, payload(20))
	wantRecords(t, s.Journal, 1, 21, 21)
}

func truncateBeyond(t *testing.T, s Subject) {
	if err := s.Journal.Truncate(t.Context(), 1); err == nil {
		t.Error("truncated an empty journal up to 1")
	}
	fill(t, s.Journal, 2)
	if err := s.Journal.Truncate(t.Context(), 3); err == nil {
		t.Error("truncated two records up to 3")
	}
	wantRecords(t, s.Journal, 1, 1, 2)
}

func restart(t *testing.T, s Subject) {
	fill(t, s.Journal, 25)
	if err := s.Journal.Truncate(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	j := s.Restart(t)
	wantEnds(t, j, 5, 25)
	wantRecords(t, j, 1, 5, 25)
	mustAppend(t, j, 25, payload(25))
	wantRecords(t, j, 20, 20, 26)
}

func restartEmptied(t *testing.T, s Subject) {
	fill(t, s.Journal, 5)
	if err := s.Journal.Truncate(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	j := s.Restart(t)
	wantEnds(t, j, 6, 5)
	mustAppend(t, j, 5, payload(5))
	wantRecords(t, j, 0, 6, 6)
}

func closed(t *testing.T, s Subject) {
	fill(t, s.Journal, 1)
	if err := errors.Join(s.Journal.Close(), s.Journal.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := s.Journal.Append(t.Context(), 1, []byte("x"))
	wantRefused(t, err)
	_, lastErr := s.Journal.Last(t.Context())
	_, firstErr := s.Journal.First(t.Context())
	for name, err := range map[string]error{
		"append": err, "last": lastErr, "first": firstErr,
		"truncate": s.Journal.Truncate(t.Context(), 1),
	} {
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := 0
	for _, err := range s.Journal.Read(t.Context(), 1) {
		if got++; !errors.Is(err, journal.ErrClosed) {
			t.Errorf("read: %v", err)
		}
	}
	if got != 1 {
		t.Errorf("read yielded %d times, want one error", got)
	}
}

func watch(t *testing.T, s Subject) {
	w, ok := s.Journal.(journal.Watcher)
	if !ok {
		t.Skip("this journal cannot be watched")
	}
	fill(t, s.Journal, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next := uint64(2)
	for e, err := range w.Watch(ctx, 2) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != next || !bytes.Equal(e.Data, payload(int(next)-1)) {
			t.Fatalf("got entry %d, want %d", e.Seq, next)
		}
		switch next++; {
		case next == 10:
			cancel()
		case next > 3:
			mustAppend(t, s.Journal, next-1, payload(int(next-1)))
		}
	}
	if next != 10 {
		t.Fatalf("watching ended before %d", next)
	}
}

// histories compares random operations with a model: the first and the last sequence.
func histories(t *testing.T, s Subject) {
	rng := rand.New(rand.NewPCG(1, 2))
	j, first, last := s.Journal, uint64(1), uint64(0)
	for range 150 {
		switch op := rng.IntN(20); {
		case op < 11:
			mustAppend(t, j, last, payload(int(last)))
			last++
		case op < 14:
			_, err := j.Append(t.Context(), last+1+uint64(rng.IntN(3)), []byte("x"))
			wantRefused(t, err)
		case op < 16:
			upto := first - 1 + rng.Uint64N(last-first+2)
			if err := j.Truncate(t.Context(), upto); err != nil {
				t.Fatal(err)
			}
			first = upto + 1
		case op < 19:
			from := rng.Uint64N(last + 2)
			wantRecords(t, j, from, max(from, first), last)
		default:
			j = s.Restart(t)
		}
		wantEnds(t, j, first, last)
	}
}
