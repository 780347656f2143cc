package local

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOpenWay(t *testing.T) {
	root := t.TempDir()
	made, kept := filepath.Join(root, "made"), filepath.Join(root, "kept")
	if err := os.Mkdir(kept, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := OpenWay(made, kept); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]os.FileMode{made: 0o711, kept: 0o751} {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %o, %v, not %o", dir, info.Mode().Perm(), err, want)
		}
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if OpenWay(filepath.Join(file, "below")) == nil {
		t.Error("a way through a file is open")
	}
}
