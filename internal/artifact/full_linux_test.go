package artifact

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A full disk refuses an artifact, says so, keeps no half of it and loses
// nothing that was there.
func TestFullDisk(t *testing.T) {
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
	f := open(t, filepath.Join(dir, "store"), Options{})
	kept := put(t, f, "kept")
	if _, _, err := f.Put(t.Context(), bytes.NewReader(make([]byte, 40<<20)), ""); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("got %v, want ErrNoSpace", err)
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := f.Verify(t.Context(), kept); err != nil {
		t.Error(err)
	}
	put(t, f, "there is room again")
}
