package agent

import (
	"os"
	"path/filepath"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"github.com/fxamacker/cbor/v2"
)

func reportOf(workload uint64) core.Record {
	return core.Record{Reports: []api.Report{{
		Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: workload}, Try: 1}, N: 1, Kind: api.ReportEnded,
		Result: &api.Result{Outcome: api.OutcomeFailed, ExitCode: 3, Outputs: []api.Value{{Name: "out", Inline: []byte("x")}}},
	}}}
}

func reopen(t *testing.T, path string) (*ledger, []core.Record) {
	t.Helper()
	var got []core.Record
	l, err := openLedger(path, func(r *core.Record) { got = append(got, *r) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() })
	return l, got
}

func TestLedgerKeepsWhatWasAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, got := reopen(t, path)
	if len(got) != 0 {
		t.Fatalf("a new ledger holds %v", got)
	}
	if err := l.append([]core.Record{reportOf(1), reportOf(2)}, true); err != nil {
		t.Fatal(err)
	}
	if err := l.append([]core.Record{reportOf(3)}, false); err != nil {
		t.Fatal(err)
	}
	_, got = reopen(t, path)
	if len(got) != 3 || got[2].Reports[0].Workload != 3 || string(got[1].Reports[0].Result.Outputs[0].Inline) != "x" {
		t.Fatalf("got %+v", got)
	}
}

// A crash may leave any beginning of the last frame, or rubbish in its place.
func TestLedgerCutsATornTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, _ := reopen(t, path)
	for _, w := range []uint64{1, 2} {
		if err := l.append([]core.Record{reportOf(w)}, true); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := len(whole)/2 + 1; size < len(whole); size++ {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		torn, got := reopen(t, path)
		if len(got) != 1 || torn.cut == 0 {
			t.Fatalf("cut at %d of %d: %d records, %d bytes cut", size, len(whole), len(got), torn.cut)
		}
		if err := torn.append([]core.Record{reportOf(9)}, true); err != nil {
			t.Fatal(err)
		}
		if _, got = reopen(t, path); len(got) != 2 || got[1].Reports[0].Workload != 9 {
			t.Fatalf("after a cut at %d: %+v", size, got)
		}
	}
	whole[len(whole)-1] ^= 1
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, got := reopen(t, path); len(got) != 1 {
		t.Fatalf("a flipped bit went unnoticed: %+v", got)
	}
}

func TestLedgerRewriteKeepsOnlyWhatIsGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, _ := reopen(t, path)
	for w := range uint64(100) {
		if err := l.append([]core.Record{reportOf(w)}, false); err != nil {
			t.Fatal(err)
		}
	}
	before := l.size
	if err := l.rewrite([]core.Record{reportOf(7)}); err != nil {
		t.Fatal(err)
	}
	if l.size >= before/50 {
		t.Errorf("%d bytes became %d", before, l.size)
	}
	if err := l.append([]core.Record{reportOf(8)}, true); err != nil {
		t.Fatal(err)
	}
	_, got := reopen(t, path)
	if len(got) != 2 || got[0].Reports[0].Workload != 7 || got[1].Reports[0].Workload != 8 {
		t.Fatalf("got %+v", got)
	}
}

func FuzzNextFrame(f *testing.F) {
	dec, err := cbor.DecOptions{}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0xa0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, n, err := nextFrame(dec, data); err == nil && (n <= frameHeader || n > len(data)) {
			t.Fatalf("a frame of %d bytes in %d", n, len(data))
		}
	})
}
