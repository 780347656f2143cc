package worker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"drover.dev/internal/driver"
)

// maxEntries bounds the files of one task: a disk has only so many inodes.
const maxEntries = 1_000_000

// OverOutput says whether out/ and work/ of a task together exceed limit
// bytes, or a million entries. It stops counting as soon as they do. A file
// counts as what it shows or what it occupies, whichever is more.
func OverOutput(dir string, limit int64) bool {
	if limit == 0 {
		return false
	}
	var bytes, entries int64
	return over(filepath.Join(dir, driver.Out), limit, &bytes, &entries) ||
		over(filepath.Join(dir, driver.Work), limit, &bytes, &entries)
}

var errOver = errors.New("over the limit")

func over(dir string, limit int64, bytes, entries *int64) bool {
	root, err := os.OpenRoot(dir) // a link planted meanwhile leads nowhere else
	if err != nil {
		return false
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed while we look
		}
		*entries++
		if info, err := e.Info(); err == nil && e.Type().IsRegular() {
			*bytes += max(info.Size(), occupied(info))
		}
		if *bytes > limit || *entries > maxEntries {
			return errOver
		}
		return nil
	})
	return errors.Is(err, errOver)
}

// occupied counts what lies beyond the size rounded up to its last block, so
// that a small file counts as its bytes.
func occupied(info fs.FileInfo) int64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	const block = 64 << 10 // file systems allocate ahead
	if n := int64(0); ok {
		if n = st.Blocks * 512; n > info.Size()+block {
			return n - block
		}
	}
	return 0
}
