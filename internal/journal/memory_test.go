package journal_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"drover.dev/internal/journal"
)

// leader appends to a chain as the safety rules say: after anything but an
// acknowledgement it reads back, and either finds its record and adopts it, or
// goes on from what is there.
type leader struct {
	j     journal.Journal
	at    journal.Link
	last  uint64
	acked []journal.Link
}

func (l *leader) step(ctx context.Context) error {
	b, err := journal.Encode(record(l.at.N+1, l.at.Hash))
	if err != nil {
		return err
	}
	mine := journal.Link{N: l.at.N + 1, Hash: journal.Hash(b)}
	seq, err := l.j.Append(ctx, l.last, b)
	if err == nil {
		l.at, l.last = mine, seq
		l.acked = append(l.acked, mine)
		return nil
	}
	if err := l.recover(ctx); err != nil {
		return err
	}
	if l.at == mine { // adopted: as good as acknowledged
		l.acked = append(l.acked, mine)
	}
	return nil
}

// recover reads everything, as a new leader does.
func (l *leader) recover(ctx context.Context) error {
	var v journal.Verifier
	for _, err := range journal.Verify(l.j.Read(ctx, 1), &v) {
		var tail *journal.TornError
		if err != nil && !errors.As(err, &tail) {
			return err
		}
	}
	last, err := l.j.Last(ctx)
	l.at, l.last = v.At(), last
	return err
}

// missing gives the acknowledged records that the journal does not have.
func (l *leader) missing(ctx context.Context) (lost []journal.Link) {
	has := map[journal.Link]bool{}
	var v journal.Verifier
	for r, err := range journal.Verify(l.j.Read(ctx, 1), &v) {
		if err == nil {
			has[journal.Link{N: r.Record.N, Hash: r.Hash}] = true
		}
	}
	for _, a := range l.acked {
		if !has[a] {
			lost = append(lost, a)
		}
	}
	return lost
}

func TestNothingAcknowledgedIsLostOnAFaultyJournal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chance := rapid.Float64Range(0, 0.5)
		m := journal.NewMemory(rapid.Uint64().Draw(t, "seed"), journal.Faults{
			Refuse: chance.Draw(t, "refuse"), Drop: chance.Draw(t, "drop"), LoseAck: chance.Draw(t, "lose ack"),
		})
		l := leader{j: m}
		for _, crash := range rapid.SliceOfN(rapid.Bool(), 1, 30).Draw(t, "crashes") {
			err := l.step(context.Background())
			if err == nil && crash {
				m.Crash()
				err = l.recover(context.Background())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if lost := l.missing(context.Background()); len(lost) > 0 {
			t.Fatalf("lost %d of %d acknowledged records, first %d", len(lost), len(l.acked), lost[0].N)
		}
	})
}

// A crash may tear the record whose append was not acknowledged; the chain goes on
// behind it.
func TestTornTailIsCutAndTheChainGoesOn(t *testing.T) {
	seen := 0
	for seed := range uint64(40) {
		m := journal.NewMemory(seed, journal.Faults{})
		l := leader{j: m}
		for range 3 {
			if err := l.step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		m.SetFaults(journal.Faults{LoseAck: 1})
		b, err := journal.Encode(record(4, l.at.Hash))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Append(t.Context(), 3, b); !errors.Is(err, journal.ErrUnknown) {
			t.Fatal(err)
		}
		m.Crash()
		m.SetFaults(journal.Faults{})
		if err := l.recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		var v journal.Verifier
		for _, err := range journal.Verify(m.Read(t.Context(), 1), &v) {
			if err != nil {
				t.Fatal(err)
			}
		}
		seen += v.Cut()
	}
	if seen == 0 {
		t.Error("no crash left a torn record")
	}
}

// A store that acknowledges before it syncs loses records. The chain finds every
// such loss but one: a missing tail, which only somebody who remembers the end (a
// snapshot, an agent) can tell.
func TestLiesAreDetected(t *testing.T) {
	holes, tails := 0, 0
	for seed := range uint64(200) {
		m := journal.NewMemory(seed, journal.Faults{Lie: 0.1})
		l := leader{j: m}
		for range 10 {
			if err := l.step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		m.Crash()
		err := (&leader{j: m}).recover(t.Context())
		var hole *journal.HoleError
		switch lost := l.missing(t.Context()); {
		case errors.As(err, &hole):
			holes++
			if lost[0].N != hole.Want {
				t.Errorf("seed %d: lost from %d on, told %v", seed, lost[0].N, err)
			}
		case err != nil:
			t.Errorf("seed %d: %v", seed, err)
		case len(lost) > 0 && lost[0].N+uint64(len(lost)) != 11:
			t.Errorf("seed %d: a loss amid the journal was not detected", seed)
		case len(lost) > 0 && len(lost) < 10:
			_, err := verify(journal.NewVerifier(l.at), stored(t, m))
			var broken *journal.ChainError
			if !errors.As(err, &broken) || broken.N != lost[0].N {
				t.Errorf("seed %d: with a snapshot of record 10, the loss from %d on gave %v", seed, lost[0].N, err)
			}
			tails++
		}
	}
	if tails == 0 {
		t.Error("no lie lost a tail")
	}
	if holes == 0 {
		t.Error("no lie left a hole")
	}
}

func stored(t *testing.T, j journal.Journal) (out []journal.Entry) {
	t.Helper()
	for e, err := range j.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func TestDelayedAppend(t *testing.T) {
	arrived := 0
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			m := journal.NewMemory(seed, journal.Faults{MaxDelay: time.Minute})
			if _, err := m.Append(t.Context(), 0, []byte("slow")); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			defer cancel()
			if _, err := m.Append(ctx, 1, []byte("too slow")); !errors.Is(err, journal.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			arrived += len(stored(t, m)) - 1
		})
	}
	if arrived == 0 || arrived == 20 {
		t.Errorf("%d of 20 given-up appends arrived, want some", arrived)
	}
}

func TestFullMemoryRefuses(t *testing.T) {
	m := journal.NewMemory(1, journal.Faults{Capacity: 10})
	if _, err := m.Append(t.Context(), 0, []byte("123456")); err != nil {
		t.Fatal(err)
	}
	_, err := m.Append(t.Context(), 1, []byte("12345"))
	if !errors.Is(err, journal.ErrFull) || !errors.Is(err, journal.ErrRefused) {
		t.Fatal(err)
	}
	if err := m.Truncate(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Append(t.Context(), 1, []byte("12345")); err != nil {
		t.Fatal(err)
	}
}

func TestSameSeedSameFaults(t *testing.T) {
	run := func() (outcomes []bool) {
		m := journal.NewMemory(7, journal.Faults{Refuse: 0.2, Drop: 0.2, LoseAck: 0.2, Lie: 0.2})
		for range 50 {
			last, _ := m.Last(t.Context())
			_, err := m.Append(t.Context(), last, []byte("x"))
			outcomes = append(outcomes, err == nil)
		}
		m.Crash()
		last, _ := m.Last(t.Context())
		return append(outcomes, last%2 == 0)
	}
	if a, b := run(), run(); !slices.Equal(a, b) {
		t.Errorf("%v\n%v", a, b)
	}
}
