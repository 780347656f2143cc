package live

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// verify verifies a stopped server's directory, and demands that nothing in it
// changes.
func verify(t *testing.T, dir string) history.Verdict {
	t.Helper()
	before := settled(t, dir)
	d, err := history.OpenDir(t.Context(), dir, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Verify(t.Context(), history.Options{Artifacts: true})
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	after := sums(t, dir)
	for _, line := range append(before, after...) {
		if slices.Contains(before, line) != slices.Contains(after, line) {
			t.Errorf("verification changed the directory: %s", line)
		}
	}
	return v
}

// settled is sums of a directory that nobody writes any more: a store of NATS waits for a
// tenth of a second for what it is just writing of a consumer when it stops.
func settled(t *testing.T, dir string) []string {
	t.Helper()
	lines := sums(t, dir)
	for end := time.Now().Add(wait); ; {
		time.Sleep(50 * time.Millisecond)
		again := sums(t, dir)
		if slices.Equal(again, lines) {
			return lines
		}
		if lines = again; time.Now().After(end) {
			t.Fatal("somebody goes on writing the directory")
		}
	}
}

// sums is a line with name, times and digest for each file of a directory.
func sums(t *testing.T, dir string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return gone(err)
		}
		info, err := e.Info()
		if err != nil {
			return gone(err)
		}
		data, err := os.ReadFile(p)
		lines = append(lines, fmt.Sprintf("%s %v %v %x", p, info.Mode(), info.ModTime(), sha256.Sum256(data)))
		return gone(err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// gone passes over a file that went between two looks: the sums show it.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir, SnapshotEvery: 10})
	a := join(t, c, "n1")
	a.hello()
	for i := range 30 {
		do(t, c, submit(job(fmt.Sprint("job-", i), 2)))
	}
	a.work(60)
	// A segment counts only once the journal is without its records.
	for n := 0; must[uint64](t)(c.journal.First(t.Context())) == 1; n++ {
		do(t, c, submit(job(fmt.Sprint("more-", n), 1)))
		a.work(1)
		if n > 2000 {
			t.Fatal("the journal is never shortened")
		}
	}
	program, _, err := c.artifacts.Put(t.Context(), strings.NewReader("a program"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := history.OpenDir(t.Context(), dir, t.TempDir(), nil); !errors.Is(err, history.ErrRunning) {
		t.Errorf("while the server runs: %v", err)
	}
	closeCell(t, c)
	c = run(t, Config{Dir: dir, SnapshotEvery: 10})
	_, seq := do(t, c, submit(job("again", 1)))
	must[uint64](t)(c.View(t.Context(), seq, nothing))
	n := c.Status().Record
	closeCell(t, c)

	v := verify(t, dir)
	if !v.Sound || v.Records != n || v.Audited != n || v.Epochs != 2 || v.Events < 150 || v.Snapshots < 2 || v.Artifacts != 1 || v.Divergences != 0 {
		t.Errorf("%+v, want %d records", v, n)
	}
	t.Logf("%d records in %d epochs, %d events, %d audited, %d divergences, %d snapshots, %d artifacts",
		v.Records, v.Epochs, v.Events, v.Audited, v.Divergences, v.Snapshots, v.Artifacts)
	snapshots := must[[]string](t)(filepath.Glob(dir + "/snapshots/*"))
	segments := must[[]string](t)(filepath.Glob(dir + "/archive/segment-*"))
	for _, k := range []struct {
		name, path, want string
		damage           func([]byte) []byte
	}{
		{"an artifact", filepath.Join(dir, "artifacts", program.Hex()[:2], program.Hex()[2:4], program.Hex()), "has other bytes", flipMiddle},
		{"a snapshot", snapshots[0], "snapshot", flipMiddle},
		{"a snapshot of another state", snapshots[1], "is not the state", func(b []byte) []byte {
			st := state.New()
			data := must[[]byte](t)(journal.EncodeState(st))
			s := must[*journal.Snapshots](t)(journal.OpenSnapshots(t.TempDir(), 2))
			var at journal.Link
			fmt.Sscanf(filepath.Base(snapshots[1]), "snapshot-%d.zst", &at.N)
			copy(at.Hash[:], b[16:])
			if err := s.Save(at, data); err != nil {
				t.Fatal(err)
			}
			return must[[]byte](t)(os.ReadFile(s.Path(at.N)))
		}},
		{"a segment of the archive", segments[0], "archive", flipMiddle},
		{"a missing segment", segments[0], "archive", nil},
	} {
		t.Run(k.name, func(t *testing.T) {
			good := must[[]byte](t)(os.ReadFile(k.path))
			info := must[os.FileInfo](t)(os.Stat(k.path))
			if err := os.Chmod(k.path, 0o600); err != nil {
				t.Fatal(err)
			}
			if k.damage == nil {
				remove(t, k.path)
			} else {
				write(t, k.path, k.damage(bytes.Clone(good)))
			}
			v := verify(t, dir)
			write(t, k.path, good)
			if err := os.Chmod(k.path, info.Mode()); err != nil {
				t.Fatal(err)
			}
			if v.Sound || len(v.Faults) == 0 || !strings.Contains(v.Faults[0].What+v.Faults[0].Where, k.want) || v.Faults[0].Advice == "" {
				t.Errorf("%+v", v)
			}
			for _, f := range v.Faults {
				t.Logf("%s (in %s, record %d) → %s", f.What, f.Where, f.Record, f.Advice)
			}
		})
	}
	if v := verify(t, dir); !v.Sound {
		t.Errorf("with everything back: %+v", v)
	}
}

// TestVerifyWhatStandsTwice archives records that the journal still holds, as a
// server leaves them that is stopped before it shortens the journal.
func TestVerifyWhatStandsTwice(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir})
	for i := range 6 {
		do(t, c, submit(job(fmt.Sprint("job-", i), 1)))
	}
	if _, err := c.archive.Add(c.journal.Read(t.Context(), 0), 5); err != nil {
		t.Fatal(err)
	}
	closeCell(t, c)
	if v := verify(t, dir); !v.Sound {
		t.Errorf("found %+v", v)
	}
	path := must[[]string](t)(filepath.Glob(dir + "/archive/segment-*"))[0]
	write(t, path, flipMiddle(must[[]byte](t)(os.ReadFile(path))))
	if v := verify(t, dir); v.Sound || v.Faults[0].Where != path || !strings.Contains(v.Faults[0].Advice, "remove the file") {
		t.Errorf("the archive is damaged, found %+v", v)
	}
	remove(t, path)
	if v := verify(t, dir); !v.Sound || v.Records < 7 {
		t.Errorf("the archive's copy is removed, found %+v", v)
	}
}

func flipMiddle(b []byte) []byte {
	b[len(b)/2] ^= 1
	return b
}
