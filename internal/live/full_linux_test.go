package live

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/smalldisk"
	"drover.dev/internal/state"
)

// A full disk refuses commands, says so and loses nothing that was accepted;
// reads go on, and once there is room again so does everything.
func TestAFullDisk(t *testing.T) {
	dir := smalldisk.Dir(t)
	c := run(t, Config{Dir: dir})
	do(t, c, submit(job("before", 1)))
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 40<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk does not get full: %v", err)
	}
	_, _, err := c.Do(t.Context(), []engine.Input{submit(job("during", 1))})
	if !errors.Is(err, httpapi.ErrStorage) {
		t.Fatalf("got %v, want ErrStorage", err)
	}
	t.Logf("a full disk is answered: %v", err)
	view(t, c, 0, func(st *state.State) {
		if len(st.Workloads) != 1 {
			t.Errorf("%d workloads, want the one that was accepted", len(st.Workloads))
		}
	})
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		if _, _, err = c.Do(t.Context(), []engine.Input{submit(job("after", 1))}); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is room again, and still: %v", err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = run(t, Config{Dir: dir})
	view(t, c, 0, func(st *state.State) {
		if st.Named("default", "before") == nil || st.Named("default", "after") == nil || len(st.Workloads) != 2 {
			t.Errorf("%d workloads after a restart, want 2", len(st.Workloads))
		}
	})
	must[int](t)(c.Audit(t.Context()))
}
