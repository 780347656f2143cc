package meter_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"drover.dev/internal/meter"
)

// nobody makes this test read files as a user who owns none: root may read everything.
func nobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const uid = 65534
	runtime.LockOSThread() // it holds for a thread, and goes with it
	if err := syscall.Setfsuid(uid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
			return
		}
		runtime.UnlockOSThread()
	})
}

// Kernels let only root read the counters, since they tell what others compute.
func TestRAPLWithoutPermission(t *testing.T) {
	m := machine{t, t.TempDir()}
	m.domain("intel-rapl:0", "package-0", 1)
	if err := os.Chmod(filepath.Join(m.root, "sys/class/powercap/intel-rapl:0/energy_uj"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(m.root), 0o755); err != nil { // what holds the trees of this test
		t.Fatal(err)
	}
	nobody(t)
	if _, err := meter.OpenRAPL(m.root); err == nil || !strings.Contains(err.Error(), "root") {
		t.Error(err)
	}
}
