package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"drover.dev/internal/bus"
	"drover.dev/internal/journal"
)

// childDir, when set, makes the test binary a writer in that directory.
const childDir = "DROVER_JOURNAL_TEST_DIR"

// TestKillLosesNothingAcknowledged kills a writing process, with its embedded
// server, at random moments, and looks for every record that it saw acknowledged.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		acked := killWriter(t, dir, 10+rand.IntN(150))
		h := newHost(t, bus.Options{StoreDir: dir})
		var v journal.Verifier
		for _, err := range journal.Verify(h.journal(t, "main").Read(t.Context(), 1), &v) {
			if err != nil {
				t.Fatal(err)
			}
		}
		h.stop()
		if v.At().N < acked {
			t.Fatalf("round %d: %d records were acknowledged, %d are there", round, acked, v.At().N)
		}
		t.Logf("round %d: acknowledged %d, found %d", round, acked, v.At().N)
	}
}

// killWriter returns the last number acknowledged by a writer that it kills after
// so many acknowledgements.
func killWriter(t *testing.T, dir string, after int) (acked uint64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ { // reads on after the kill: what was printed was acknowledged
		if _, err := fmt.Sscan(lines.Text(), &acked); err != nil {
			t.Fatal(err)
		}
		if n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	return acked
}

// appendUntilKilled is the child: it appends to the chain and prints each number
// once it is acknowledged.
func appendUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "writer:", err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	s, err := bus.Start(ctx, bus.Options{StoreDir: dir})
	fail(err)
	nc, err := bus.Connect(ctx, bus.Dial{Server: s})
	fail(err)
	j, err := journal.OpenStream(ctx, nc, journal.StreamOptions{Cell: "main"})
	fail(err)
	var v journal.Verifier
	for _, err := range journal.Verify(j.Read(ctx, 1), &v) {
		fail(err)
	}
	last, err := j.Last(ctx)
	fail(err)
	for at := v.At(); ; {
		b, err := journal.Encode(record(at.N+1, at.Hash))
		fail(err)
		last, err = j.Append(ctx, last, b)
		fail(err)
		at = journal.Link{N: at.N + 1, Hash: journal.Hash(b)}
		fmt.Println(at.N)
	}
}

// record number n has contents that follow from n.
func record(n uint64, prev [32]byte) journal.Record {
	rng := rand.New(rand.NewPCG(n, 7))
	events := make([]byte, 1+rng.IntN(2000))
	for i := range events {
		events[i] = byte(rng.Uint32())
	}
	return journal.Record{
		Format: journal.Format, MinReader: 1, N: n, PrevHash: prev, Epoch: 1 + n/10,
		Now: int64(n) * 1e9, Build: "test", Inputs: []byte{0x80}, Events: events,
	}
}
