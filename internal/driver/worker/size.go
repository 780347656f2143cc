package worker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"drover.dev/internal/driver"
)

// MaxEntries bounds the files of one task: a disk has only so many inodes.
const MaxEntries = 1_000_000

// Output is what a task wrote into out/ and work/.
type Output struct{ Bytes, Entries int64 }

// Over says whether the output exceeds limit bytes or MaxEntries; a limit of
// 0 bounds nothing.
func (o Output) Over(limit int64) bool {
	return limit > 0 && (o.Bytes > limit || o.Entries > MaxEntries)
}

// OutputOf counts the output of the task in dir, and stops as soon as it is
// over the limit. A file counts as its size, or as the blocks that it
// occupies where those are far more.
func OutputOf(dir string, limit int64) (o Output) {
	for _, name := range []string{driver.Out, driver.Work} {
		if err := o.count(filepath.Join(dir, name), limit); err != nil {
			break
		}
	}
	return o
}

var errOver = errors.New("over the limit")

func (o *Output) count(dir string, limit int64) error {
	root, err := os.OpenRoot(dir) // a link planted meanwhile leads nowhere else
	if err != nil {
		return nil // removed by the task: nothing is there
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed while we look
		}
		o.Entries++
		if info, err := e.Info(); err == nil && e.Type().IsRegular() {
			o.Bytes += max(info.Size(), occupied(info))
		}
		if o.Over(limit) {
			return errOver
		}
		return nil
	})
}

// occupied leaves out the 64 KiB that file systems allocate ahead.
func occupied(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks*512 - 64<<10
	}
	return 0
}
