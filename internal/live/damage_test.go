package live

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// TestDamagedStores damages the journal's files as disks do. JetStream passes
// over some of it in silence: it skips a record, or drops all that follows. The
// chain and the witness must notice, and the loss must be accepted as an event.
func TestDamagedStores(t *testing.T) {
	const jobs = 40
	flip := func(mark string, by int) func(t *testing.T, blk string, b []byte) {
		return func(t *testing.T, blk string, b []byte) {
			at := bytes.Index(b, []byte(mark))
			if at < 0 {
				t.Fatalf("%q is not in the journal", mark)
			}
			b[at+by] ^= 1
			write(t, blk, b)
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, blk string, b []byte)
	}{
		{"a byte in the middle", flip("damage-20", 0)},
		{"a byte in the middle, and the index is gone as after a crash", func(t *testing.T, blk string, b []byte) {
			flip("damage-20", 0)(t, blk, b)
			remove(t, filepath.Join(filepath.Dir(blk), "index.db"))
		}},
		{"a byte in the last record", flip(fmt.Sprint("damage-", jobs-1), 0)},
		{"a byte in the frame of the first record", flip("drover.journal.drover", -12)},
		{"the file is cut", func(t *testing.T, blk string, b []byte) { write(t, blk, b[:len(b)*2/3]) }},
		{"the file is gone", func(t *testing.T, blk string, _ []byte) { remove(t, blk) }},
		{"the stream is gone", func(t *testing.T, blk string, _ []byte) {
			if err := os.RemoveAll(filepath.Dir(filepath.Dir(blk))); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			cell := run(t, Config{Dir: dir})
			for i := range jobs {
				do(t, cell, submit(job(fmt.Sprint("damage-", i), 1)))
			}
			closeCell(t, cell)
			blk := must[[]string](t)(filepath.Glob(dir + "/bus/jetstream/*/streams/*/msgs/*.blk"))[0]
			c.damage(t, blk, must[[]byte](t)(os.ReadFile(blk)))

			v := verify(t, dir)
			_, err := Open(t.Context(), Config{Dir: dir})
			if err == nil {
				t.Fatal("the damage goes unnoticed")
			}
			t.Log(err)
			advice := regexp.MustCompile(`--accept-loss-from (\d+)`).FindStringSubmatch(err.Error())
			if advice == nil {
				t.Fatal("it is not said how to go on")
			}
			from := must[uint64](t)(strconv.ParseUint(advice[1], 10, 64))
			if v.Sound || v.Faults[0].Record != from {
				t.Errorf("verification finds %+v", v)
			}
			cell = run(t, Config{Dir: dir, AcceptLossFrom: from})
			_, seq := do(t, cell, submit(job("after", 1)))
			until(t, cell, "the accepted loss", func(st *state.State) bool { return len(st.Losses) == 1 })
			view(t, cell, seq, func(st *state.State) {
				if l := st.Losses[0]; l.From != from || l.Entries == 0 || st.Epoch < 2 || st.Named("default", "after") == nil {
					t.Errorf("epoch %d, given up is %+v", st.Epoch, l)
				}
				t.Logf("%d of %d workloads are left, %d entries given up", len(st.Workloads)-1, jobs, st.Losses[0].Entries)
			})
			closeCell(t, cell)
			if v := verify(t, dir); !v.Sound || len(v.Accepted) != 1 || v.Accepted[0].From != from {
				t.Errorf("after it was accepted, verification finds %+v", v)
			}
			cell = run(t, Config{Dir: dir}) // sound again
			view(t, cell, 0, func(st *state.State) {
				if len(st.Losses) != 1 || st.Named("default", "after") == nil {
					t.Errorf("given up is %+v", st.Losses)
				}
			})
		})
	}
}

// TestLostHistory damages records that a snapshot has made unnecessary for the
// state: the server stops all the same, because history would be lost.
func TestLostHistory(t *testing.T) {
	dir := t.TempDir()
	cell := run(t, Config{Dir: dir, SnapshotEvery: 20})
	for i := range 30 {
		do(t, cell, submit(job(fmt.Sprint("damage-", i), 1)))
	}
	closeCell(t, cell)
	blk := must[[]string](t)(filepath.Glob(dir + "/bus/jetstream/*/streams/*/msgs/*.blk"))[0]
	b := must[[]byte](t)(os.ReadFile(blk))
	b[bytes.Index(b, []byte("damage-5"))] ^= 1
	write(t, blk, b)
	_, err := Open(t.Context(), Config{Dir: dir})
	advice := regexp.MustCompile(`--accept-loss-from (\d+)`).FindStringSubmatch(fmt.Sprint(err))
	if advice == nil {
		t.Fatalf("got %v", err)
	}
	t.Log(err)
	cell = run(t, Config{Dir: dir, SnapshotEvery: 20, AcceptLossFrom: must[uint64](t)(strconv.ParseUint(advice[1], 10, 64))})
	until(t, cell, "the accepted loss", func(st *state.State) bool { return len(st.Losses) == 1 && len(st.Workloads) == 30 })
	for i := range 60 {
		do(t, cell, submit(job(fmt.Sprint("later-", i), 1)))
	}
	closeCell(t, cell)
	if v := verify(t, dir); !v.Sound || len(v.Accepted) != 1 {
		t.Errorf("after it was accepted, verification finds %+v", v)
	}
	cell = run(t, Config{Dir: dir, SnapshotEvery: 20})
	n := 90
	for ; must[uint64](t)(cell.journal.First(t.Context())) < 40; n++ {
		do(t, cell, submit(job(fmt.Sprint("last-", n), 1)))
		if n > 2000 {
			t.Fatal("the journal is not shortened any more")
		}
	}
	closeCell(t, cell)
	cell = run(t, Config{Dir: dir})
	view(t, cell, 0, func(st *state.State) {
		if len(st.Workloads) != n {
			t.Errorf("%d workloads, want %d", len(st.Workloads), n)
		}
	})
}

func closeCell(t *testing.T, c *Cell) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedArchive damages a file of the archive. Where only its content is
// hurt, a server starts, since its state does not need it, and verification finds
// it; in both cases it can be given up, and what follows the snapshot stays proved.
func TestDamagedArchive(t *testing.T) {
	whole := t.TempDir()
	cell := run(t, Config{Dir: whole, SnapshotEvery: 10})
	jobs := 0
	for segments := 0; segments < 2 && jobs < 1000; jobs++ {
		do(t, cell, submit(job(fmt.Sprint("damage-", jobs), 1)))
		segments = len(must[[]journal.Segment](t)(cell.archive.Segments()))
	}
	closeCell(t, cell)
	cell = run(t, Config{Dir: whole}) // no snapshot any more
	for range 3 {
		do(t, cell, submit(job(fmt.Sprint("damage-", jobs), 1)))
		jobs++
	}
	last := must[uint64](t)(cell.journal.Last(t.Context()))
	closeCell(t, cell)
	for name, k := range map[string]struct {
		fromEnd int
		starts  bool
	}{
		"its records": {200, true},
		"its trailer": {10, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"secret", "admin.token", "join.token"} {
				if err := os.Chmod(filepath.Join(dir, secret), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			path := must[[]string](t)(filepath.Glob(dir + "/archive/segment-*"))[0]
			b := must[[]byte](t)(os.ReadFile(path))
			b[len(b)-k.fromEnd] ^= 1
			write(t, path, b)
			v := verify(t, dir)
			if v.Sound || v.Faults[0].Where != path {
				t.Fatalf("found %+v", v)
			}
			advice := v.Faults[0].Advice
			if cell, err := Open(t.Context(), Config{Dir: dir}); err == nil {
				closeCell(t, cell)
				if !k.starts {
					t.Fatal("the damage goes unnoticed")
				}
			} else if advice = err.Error(); k.starts {
				t.Fatal(err)
			}
			m := regexp.MustCompile(`--accept-loss-from (\d+)`).FindStringSubmatch(advice)
			if m == nil {
				t.Fatalf("it is not said how to go on: %s", advice)
			}
			cell := run(t, Config{Dir: dir, AcceptLossFrom: must[uint64](t)(strconv.ParseUint(m[1], 10, 64))})
			until(t, cell, "the accepted loss", func(st *state.State) bool { return len(st.Losses) == 1 && len(st.Workloads) == jobs })
			closeCell(t, cell)
			if v := verify(t, dir); !v.Sound || len(v.Accepted) != 1 || v.Records == 0 {
				t.Errorf("after it was accepted, verification finds %+v", v)
			}
			f := must[*Frozen](t)(OpenFrozen(t.Context(), dir))
			defer f.Close()
			if _, err := f.Past(t.Context(), httpapi.Moment{Record: last - 1}, nothing); err != nil {
				t.Errorf("what follows the snapshot is lost, too: %v", err)
			}
			if _, err := f.Past(t.Context(), httpapi.Moment{Record: 5}, nothing); !errors.Is(err, httpapi.ErrNoPast) || !strings.Contains(err.Error(), "lost") {
				t.Errorf("of what was given up it is said: %v", err)
			}
		})
	}
}
