package artifact

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"drover.dev/internal/smalldisk"
)

// A full disk refuses an artifact, says so, keeps no half of it and loses
// nothing that was there.
func TestFullDisk(t *testing.T) {
	dir := smalldisk.Dir(t)
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
