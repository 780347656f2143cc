package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drover.dev/internal/journal"
)

func newSnapshots(t *testing.T, dir string, keep int, numbers ...uint64) *journal.Snapshots {
	t.Helper()
	s, err := journal.OpenSnapshots(dir, keep)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		if err := s.Save(journal.Link{N: n, Hash: [32]byte{byte(n)}}, state(n)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func state(n uint64) []byte { return bytes.Repeat([]byte{byte(n), 1, 2, 3}, int(n)*1000) }

// filesOf lists a directory, sorted by name.
func filesOf(t *testing.T, dir string) (paths []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		paths = append(paths, filepath.Join(dir, f.Name()))
	}
	return paths
}

// damage rewrites a file through change.
func damage(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotsKeepTheNewest(t *testing.T) {
	dir := t.TempDir()
	s := newSnapshots(t, dir, 3, 5, 9, 12, 100, 7)
	all, err := s.List()
	if err != nil || !slices.Equal(all, []uint64{9, 12, 100}) {
		t.Fatalf("kept %v, %v", all, err)
	}
	snap, err := newSnapshots(t, dir, 3).LoadNewest()
	if err != nil || snap.At != (journal.Link{N: 100, Hash: [32]byte{100}}) || !bytes.Equal(snap.Data, state(100)) || snap.Skipped != nil {
		t.Fatalf("loaded %v, %v, %v", snap.At.N, snap.Skipped, err)
	}
}

func TestNoSnapshot(t *testing.T) {
	if _, err := newSnapshots(t, t.TempDir(), 2).LoadNewest(); !errors.Is(err, journal.ErrNoSnapshot) {
		t.Fatal(err)
	}
}

func TestEmptySnapshot(t *testing.T) {
	s := newSnapshots(t, t.TempDir(), 2)
	if err := s.Save(journal.Link{N: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if snap, err := s.LoadNewest(); err != nil || snap.At.N != 1 || len(snap.Data) != 0 {
		t.Fatal(snap, err)
	}
}

// damages are what can happen to a file.
func damages() map[string]func([]byte) []byte {
	flip := func(at func(n int) int) func([]byte) []byte {
		return func(b []byte) []byte { b[at(len(b))] ^= 0x10; return b }
	}
	return map[string]func([]byte) []byte{
		"emptied":                      func([]byte) []byte { return nil },
		"cut in its header":            func(b []byte) []byte { return b[:20] },
		"cut in its middle":            func(b []byte) []byte { return b[:len(b)/2] },
		"cut by a byte":                func(b []byte) []byte { return b[:len(b)-1] },
		"flipped in its first byte":    flip(func(int) int { return 0 }),
		"flipped in its tenth byte":    flip(func(int) int { return 10 }),
		"flipped in its 20th byte":     flip(func(int) int { return 20 }),
		"flipped in its 50th byte":     flip(func(int) int { return 50 }),
		"flipped in its middle":        flip(func(n int) int { return n / 2 }),
		"flipped near its end":         flip(func(n int) int { return n - 5 }),
		"another file under its name":  func([]byte) []byte { return bytes.Repeat([]byte("x"), 4096) },
		"zeroed, as after power loss":  func(b []byte) []byte { clear(b); return b },
		"zeroed in its second quarter": func(b []byte) []byte { clear(b[len(b)/4 : len(b)/2]); return b },
	}
}

func TestDamagedSnapshotFallsBackAndSaysSo(t *testing.T) {
	for name, change := range damages() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := newSnapshots(t, dir, 3, 5, 9)
			damage(t, filesOf(t, dir)[1], change)
			snap, err := s.LoadNewest()
			if err != nil || snap.At.N != 5 || !bytes.Equal(snap.Data, state(5)) {
				t.Fatalf("loaded %d, %v", snap.At.N, err)
			}
			if len(snap.Skipped) != 1 || !strings.Contains(snap.Skipped[0].Error(), "at record 9 is damaged") {
				t.Errorf("skipped %v", snap.Skipped)
			}
		})
	}
}

func TestAllSnapshotsDamagedIsNotNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	s := newSnapshots(t, dir, 3, 5, 9)
	for _, path := range filesOf(t, dir) {
		damage(t, path, func(b []byte) []byte { return b[:10] })
	}
	if _, err := s.LoadNewest(); err == nil || errors.Is(err, journal.ErrNoSnapshot) || !strings.Contains(err.Error(), "none of 2 is whole") {
		t.Fatal(err)
	}
}

func TestRenamedSnapshotIsNotTakenForAnother(t *testing.T) {
	dir := t.TempDir()
	s := newSnapshots(t, dir, 3, 5, 9)
	if err := os.Rename(filesOf(t, dir)[0], filepath.Join(dir, "snapshot-00000000000000000011.zst")); err != nil {
		t.Fatal(err)
	}
	if snap, err := s.LoadNewest(); err != nil || snap.At.N != 9 || len(snap.Skipped) != 1 {
		t.Fatal(snap.At.N, snap.Skipped, err)
	}
}

func TestHalfWrittenAndForeignFilesAreNoSnapshots(t *testing.T) {
	dir := t.TempDir()
	newSnapshots(t, dir, 3, 5)
	for _, name := range []string{".writing-1", "snapshot-7.zst", "snapshot-x.zst", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	snap, err := newSnapshots(t, dir, 3).LoadNewest()
	if err != nil || snap.At.N != 5 || snap.Skipped != nil {
		t.Fatal(snap.At.N, snap.Skipped, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".writing-1")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the half-written file is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Error("a foreign file was removed")
	}
}
