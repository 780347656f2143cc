package process

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"golang.org/x/sys/unix"
)

// TestLease runs a task under a lease of half a second that nobody renews: its
// worker stops it, no agent needed.
func TestLease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		t.Fatal(err)
	}
	lease := filepath.Join(dir, "lease")
	until := now.Nano() + int64(500*time.Millisecond)
	if err := os.WriteFile(lease, strconv.AppendInt(nil, until, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	h, err := d.Start(t.Context(), driver.Spec{
		Dir: filepath.Join(dir, "task"), Command: "/bin/sleep", Args: []string{"600"}, Lease: lease,
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := h.Wait(t.Context())
	if err != nil || e.Reason != driver.Stopped {
		t.Fatalf("ended with %+v, %v; want it stopped at the end of its lease", e, err)
	}
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		t.Fatal(err)
	}
	if now.Nano() < until {
		t.Errorf("it was stopped %v before the end of its lease", time.Duration(until-now.Nano()))
	}
}
