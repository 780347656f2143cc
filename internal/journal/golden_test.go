package journal_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"drover.dev/internal/journal"
)

var rewrite = flag.Bool("rewrite", false, "write the golden journal of this format anew")

// goldenDir holds the journal that format 1 wrote. Every later version must read
// it; a new format gets a directory of its own beside it.
const goldenDir = "testdata/golden-v1"

// goldenRecords are fixed for ever: they cover small and large numbers, empty and
// large payloads, and times before 1970.
func goldenRecords() []journal.Record {
	return []journal.Record{
		{Format: 1, MinReader: 1, N: 1, Epoch: 1, Now: 1_767_225_600_000_000_000, Build: "v0.1.0", Inputs: []byte{0x80}, Events: []byte{0x80}},
		{Format: 1, MinReader: 1, N: 2, Epoch: 1, Now: 1_767_225_600_000_000_001, Build: "v0.1.0", Inputs: []byte{0x81, 0xa1, 0x01, 0x02}, Events: []byte{0x81, 0x63, 'a', 'b', 'c'}},
		{Format: 1, MinReader: 1, N: 3, Epoch: 1<<64 - 1, Now: -1, Build: "", Inputs: nil, Events: []byte{}},
		{Format: 1, MinReader: 1, N: 4, Epoch: 23, Now: 1<<63 - 1, Build: "Drover é 牧", Inputs: bytes.Repeat([]byte{0xf6}, 300), Events: bytes.Repeat([]byte{0x00}, 70_000)},
		{Format: 1, MinReader: 1, N: 5, Epoch: 24, Now: -1 << 63, Build: "v0.1.0", Inputs: []byte{0xff}, Events: []byte("opaque, not CBOR")},
	}
}

func goldenEntries(t *testing.T) (out []journal.Entry) {
	t.Helper()
	var at journal.Link
	for _, r := range goldenRecords() {
		r.PrevHash = at.Hash
		b, err := journal.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		at = journal.Link{N: r.N, Hash: journal.Hash(b)}
		out = append(out, journal.Entry{Seq: r.N, Data: b})
	}
	return out
}

func goldenFile(n uint64) string { return filepath.Join(goldenDir, fmt.Sprintf("record-%d.cbor", n)) }

func TestGoldenJournal(t *testing.T) {
	entries := goldenEntries(t)
	if *rewrite {
		writeGolden(t, entries)
	}
	var files []journal.Entry
	for i, e := range entries {
		b, err := os.ReadFile(goldenFile(e.Seq))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, e.Data) {
			t.Errorf("record %d is encoded as\n%.200x, was\n%.200x", i+1, e.Data, b)
		}
		files = append(files, journal.Entry{Seq: e.Seq, Data: b})
	}
	if found, err := verify(new(journal.Verifier), files); err != nil || len(found) != len(entries) {
		t.Errorf("read %d of %d records: %v", len(found), len(entries), err)
	}
	for i, want := range goldenRecords() {
		got, err := journal.Decode(files[i].Data)
		if err != nil || got.N != want.N || got.Epoch != want.Epoch || got.Now != want.Now || got.Build != want.Build ||
			!bytes.Equal(got.Inputs, want.Inputs) || !bytes.Equal(got.Events, want.Events) {
			t.Errorf("record %d reads as %+.200v, %v", i+1, got, err)
		}
	}
}

// The files of that time must stay readable too.
func TestGoldenFiles(t *testing.T) {
	entries := goldenEntries(t)
	end := linkOf(entries[len(entries)-1])
	read := t.TempDir() // opening may write
	if err := os.CopyFS(read, os.DirFS(goldenDir)); err != nil {
		t.Fatal(err)
	}
	s, err := journal.OpenSnapshots(filepath.Join(read, "snapshots"), 2)
	if err != nil {
		t.Fatal(err)
	}
	if snap, err := s.LoadNewest(); err != nil || snap.At != end || string(snap.Data) != "golden state" {
		t.Errorf("the snapshot reads as %+v, %v", snap, err)
	}
	wantArchived(t, openArchive(t, filepath.Join(read, "archive")), 1, entries)
}

func writeGolden(t *testing.T, entries []journal.Entry) {
	t.Helper()
	if err := os.RemoveAll(goldenDir); err != nil {
		t.Fatal(err)
	}
	s := newSnapshots(t, filepath.Join(goldenDir, "snapshots"), 2)
	if err := s.Save(linkOf(entries[len(entries)-1]), []byte("golden state")); err != nil {
		t.Fatal(err)
	}
	addAll(t, openArchive(t, filepath.Join(goldenDir, "archive")), entries, uint64(len(entries)))
	for _, e := range entries {
		if err := os.WriteFile(goldenFile(e.Seq), e.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
