package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"drover.dev/internal/journal"
)

func openArchive(t *testing.T, dir string) *journal.Archive {
	t.Helper()
	a, err := journal.OpenArchive(dir, 8<<10)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func addAll(t *testing.T, a *journal.Archive, c []journal.Entry, upto uint64) {
	t.Helper()
	end, err := a.Add(each(c), upto)
	if err != nil || end.N < upto {
		t.Fatalf("added up to %d of %d: %v", end.N, upto, err)
	}
}

func wantArchived(t *testing.T, a *journal.Archive, from uint64, want []journal.Entry) {
	t.Helper()
	var got []journal.Entry
	for e, err := range a.Read(from) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	same := func(x, y journal.Entry) bool { return x.Seq == y.Seq && bytes.Equal(x.Data, y.Data) }
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("reading from %d gave %d records, want %d", from, len(got), len(want))
	}
}

func TestArchiveGivesBackWhatItTook(t *testing.T) {
	dir, c := t.TempDir(), chain(t, 100)
	a := openArchive(t, dir)
	wantArchived(t, a, 0, nil)
	addAll(t, a, c, 40)
	addAll(t, a, c[30:], 41) // overlaps
	addAll(t, openArchive(t, dir), c, 90)
	addAll(t, a, c, 50) // has them
	for _, from := range []uint64{0, 1, 2, 40, 41, 42, 77, 90, 91} {
		wantArchived(t, a, from, c[max(from, 1)-1:90])
	}
	segments, err := a.Segments()
	if err != nil || len(segments) < 10 || segments[0].First() != 1 || segments[len(segments)-1].Last != linkOf(c[89]) {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	for range a.Read(1) {
		break // leaves nothing open
	}
}

func TestArchiveTakesOnlyWhatContinues(t *testing.T) {
	c := chain(t, 30)
	for name, tc := range map[string]struct {
		entries []journal.Entry
		upto    uint64
		end     uint64
	}{
		"a hole":                {c[12:], 20, 10},
		"another journal":       {chainAfter(t, journal.Link{N: 10, Hash: [32]byte{5}}, 5), 12, 10},
		"more than there is":    {c[:20], 25, 20},
		"an altered record":     {slices.Concat(c[:14], []journal.Entry{altered(c[14])}, c[15:]), 20, 10},
		"a torn tail is passed": {slices.Concat(c[:20], []journal.Entry{torn(c[20])}), 21, 20},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := journal.OpenArchive(t.TempDir(), 0)
			if err != nil {
				t.Fatal(err)
			}
			addAll(t, a, c, 10)
			if end, err := a.Add(each(tc.entries), tc.upto); err == nil || end.N != tc.end {
				t.Fatalf("ended at %d, %v, want an error after %d", end.N, err, tc.end)
			}
			wantArchived(t, a, 1, c[:tc.end])
			addAll(t, a, c, 30) // and can be repeated with the right ones
			wantArchived(t, a, 1, c)
		})
	}
}

func TestDamagedSegmentIsFoundBeforeItsRecordsAreGiven(t *testing.T) {
	c := chain(t, 60)
	for name, change := range damages() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a := openArchive(t, dir)
			addAll(t, a, c, 60)
			damage(t, filesOf(t, dir)[2], change)
			given, failure := uint64(0), error(nil)
			for e, err := range a.Read(1) {
				if failure = err; err != nil {
					break
				}
				if given++; e.Seq != given || !bytes.Equal(e.Data, c[given-1].Data) {
					t.Fatalf("gave a wrong record %d", e.Seq)
				}
			}
			var damaged *journal.ArchiveError
			if !errors.As(failure, &damaged) || damaged.N == 0 || damaged.Path == "" {
				t.Fatalf("after %d records: %v", given, failure)
			}
		})
	}
}

// A record is altered and the file is compressed anew, so that all checksums fit:
// the chain still tells, before the record is given.
func TestForgedRecordIsFoundByTheChain(t *testing.T) {
	dir, c := t.TempDir(), chain(t, 3)
	a := openArchive(t, dir)
	addAll(t, a, c, 3)
	damage(t, filesOf(t, dir)[0], func(b []byte) []byte {
		const trailer = 120
		body, err := must(zstd.NewReader(nil)).DecodeAll(b[:len(b)-trailer], nil)
		if err != nil {
			t.Fatal(err)
		}
		body[4+len(c[0].Data)-1] ^= 1
		return append(must(zstd.NewWriter(nil)).EncodeAll(body, nil), b[len(b)-trailer:]...)
	})
	for e, err := range a.Read(1) {
		var damaged *journal.ArchiveError
		if !errors.As(err, &damaged) || damaged.N != 1 {
			t.Fatalf("gave record %d, %v", e.Seq, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMissingSegmentIsFound(t *testing.T) {
	dir, c := t.TempDir(), chain(t, 60)
	a := openArchive(t, dir)
	addAll(t, a, c, 60)
	files := filesOf(t, dir)
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	var damaged *journal.ArchiveError
	if _, err := a.Segments(); !errors.As(err, &damaged) {
		t.Fatal(err)
	}
	if _, err := a.Add(each(c), 61); !errors.As(err, &damaged) {
		t.Fatal(err)
	}
}

func TestOldestSegmentsMayBeRemoved(t *testing.T) {
	dir, c := t.TempDir(), chain(t, 60)
	a := openArchive(t, dir)
	addAll(t, a, c, 60)
	segments, err := a.Segments()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filesOf(t, dir)[0]); err != nil {
		t.Fatal(err)
	}
	wantArchived(t, a, 1, c[segments[0].Last.N:])
}

func TestHalfWrittenSegmentIsRemoved(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".writing-7"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantArchived(t, openArchive(t, dir), 1, nil)
	if left := filesOf(t, dir); len(left) != 0 {
		t.Fatal(left)
	}
}
