package journal_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"drover.dev/internal/journal"
)

// sound is what a server does when it starts: it verifies the whole chain, and holds
// its end against what its witness remembers of the last acknowledged record.
func sound(j journal.Journal, seen journal.Seen, t *testing.T) error {
	var v journal.Verifier
	var torn *journal.TornError
	for _, err := range journal.Verify(j.Read(t.Context(), 1), &v) {
		if err != nil && !errors.As(err, &torn) {
			return err
		}
	}
	switch at := v.At(); {
	case seen.N > at.N:
		return &journal.CutError{End: at.N, Known: seen.N}
	case seen.N == at.N && seen.Hash != at.Hash:
		return &journal.ChainError{N: at.N, Why: "it is not the record that was acknowledged"}
	}
	return nil
}

// TestNoDamageGoesUnseen: a leader works on a disk that tears, forgets what it called
// safe, gets full and flips bits, and loses power now and then. Where a record is gone
// or changed that was acknowledged, the next start says so, and at which record or
// before; where none is, it says nothing.
func TestNoDamageGoesUnseen(t *testing.T) {
	damaged, whole, rotten := 0, 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := journal.Faults{Refuse: 0.1, Drop: 0.1, LoseAck: 0.1}
		if r.IntN(2) == 0 {
			f.Lie = 0.05
		}
		if r.IntN(4) == 0 {
			f.Capacity = 3000
		}
		m := journal.NewMemory(seed, f)
		w, err := journal.OpenWitness(filepath.Join(t.TempDir(), "head"))
		if err != nil {
			t.Fatal(err)
		}
		l := leader{j: m}
		for range 40 {
			if err := l.step(t.Context()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if n := len(l.acked); n > 0 && l.acked[n-1].N > w.Last().N {
				if err := w.Saw(journal.Seen{Link: l.acked[n-1], Seq: l.last}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if r.IntN(2) == 0 && m.Rot() > 0 {
			rotten++
		}
		if r.IntN(2) == 0 {
			m.Crash()
		}
		lost, err := lostOf(t, m, l.acked), sound(m, w.Last(), t)
		if w.Close() != nil {
			t.Fatal("the witness does not close")
		}
		switch {
		case (len(lost) > 0) != (err != nil):
			t.Errorf("seed %d: %d acknowledged records are lost or changed, and the start says %v", seed, len(lost), err)
		case err != nil:
			if n := from(err); n == 0 || n > lost[0].N+1 {
				t.Errorf("seed %d: what is lost begins at record %d, and the start says %v", seed, lost[0].N, err)
			}
			damaged++
		default:
			whole++
		}
	}
	if damaged < 25 || whole < 25 || rotten < 25 {
		t.Errorf("%d histories with damage and %d without, %d with flipped bits, are too few", damaged, whole, rotten)
	}
}

// lostOf lists the acknowledged records that are not stored as they were, whatever
// stands around them.
func lostOf(t *testing.T, j journal.Journal, acked []journal.Link) (lost []journal.Link) {
	t.Helper()
	has := map[journal.Link]bool{}
	for _, e := range stored(t, j) {
		if r, err := journal.Decode(e.Data); err == nil {
			has[journal.Link{N: r.N, Hash: journal.Hash(e.Data)}] = true
		}
	}
	for _, a := range acked {
		if !has[a] {
			lost = append(lost, a)
		}
	}
	return lost
}

// from is the first record that an error says cannot be trusted.
func from(err error) uint64 {
	var hole *journal.HoleError
	var chain *journal.ChainError
	var cut *journal.CutError
	switch {
	case errors.As(err, &hole):
		return hole.Want
	case errors.As(err, &chain):
		return chain.N
	case errors.As(err, &cut):
		return cut.End + 1
	}
	return 0
}
