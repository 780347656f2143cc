package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"drover.dev/internal/journal"
)

func TestAWitnessRemembersTheLastRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	if got, err := journal.ReadWitness(path); err != nil || got != (journal.Seen{}) {
		t.Fatalf("nothing was seen: %+v, %v", got, err)
	}
	seen := func(n uint64) journal.Seen {
		return journal.Seen{Link: journal.Link{N: n, Hash: journal.Hash([]byte{byte(n)})}, Epoch: 3, Seq: n + 2}
	}
	w := openWitness(t, path)
	for n := range uint64(5) {
		if err := w.Saw(seen(n + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := openWitness(t, path).Last(); got != seen(5) {
		t.Errorf("read back %+v", got)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b { // whatever is damaged: one of the last two, or nothing is lost
		b[i] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := journal.ReadWitness(path); err != nil || got != seen(5) && got != seen(4) {
			t.Fatalf("with byte %d damaged: %+v, %v", i, got, err)
		}
		b[i] ^= 1
	}
}

func openWitness(t *testing.T, path string) *journal.Witness {
	t.Helper()
	w, err := journal.OpenWitness(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}
