// Package smalldisk gives tests a disk that gets full soon.
package smalldisk

import (
	"os"
	"syscall"
	"testing"
)

// Dir is an empty directory on a tmpfs of its own with room for 32 MB. The test
// is skipped where that cannot be mounted.
func Dir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root to mount a tmpfs of 32 MB")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("SKIPPED: cannot mount a tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
