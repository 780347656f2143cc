package wasm

import (
	"os"
	"syscall"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/worker"
	exp "github.com/tetratelabs/wazero/experimental/sys"
)

// quota counts what a guest has on disk, at each write and not by walking
// directories. A file that is unlinked while open counts until it is closed,
// as it does for the disk. A guest runs on one thread, so there is no lock.
type quota struct {
	space worker.Space
	used  worker.Output
	open  map[fileID]int
	full  chan<- *driver.Exit
}

type fileID struct{ dev, ino uint64 }

// newQuota gives nil, which counts nothing, for a space without a limit. What
// is full is said once, to a channel that has room for it.
func newQuota(s worker.Space, full chan<- *driver.Exit) *quota {
	if s.Limit == 0 {
		return nil
	}
	return &quota{space: s, used: s.Used(), open: map[fileID]int{}, full: full}
}

func (q *quota) add(bytes, entries int64) exp.Errno {
	next := worker.Output{Bytes: q.used.Bytes + bytes, Entries: q.used.Entries + entries}
	if (bytes > 0 || entries > 0) && next.Over(q.space.Limit) {
		select {
		case q.full <- q.space.Full(next):
		default: // the guest is about to end, and knows why
		}
		return exp.EIO // wazero has no number for a full disk
	}
	q.used = next
	return 0
}

// entry counts a new directory or link.
func (q *quota) entry() exp.Errno {
	if q == nil {
		return 0
	}
	return q.add(0, 1)
}

// creating counts a file about to be made or emptied.
func (q *quota) creating(root *os.Root, name string, flag exp.Oflag) exp.Errno {
	if q == nil {
		return 0
	}
	info, err := root.Stat(name)
	switch {
	case err != nil && flag&exp.O_CREAT != 0:
		return q.add(0, 1)
	case err == nil && info.Mode().IsRegular() && flag&exp.O_TRUNC != 0 && flag&exp.O_EXCL == 0:
		return q.add(-info.Size(), 0)
	}
	return 0
}

// reach counts a write that ends at an offset.
func (q *quota) reach(f *os.File, end int64) exp.Errno {
	if q == nil {
		return 0
	}
	info, err := f.Stat()
	if err != nil {
		return errno(err)
	}
	if end < 0 { // the offset overflowed
		return exp.EINVAL
	}
	return q.add(max(end-info.Size(), 0), 0)
}

// resize counts a truncation, which may also lengthen a file.
func (q *quota) resize(f *os.File, size int64) exp.Errno {
	if q == nil {
		return 0
	}
	info, err := f.Stat()
	if err != nil {
		return errno(err)
	}
	return q.add(size-info.Size(), 0)
}

func (q *quota) opened(info os.FileInfo) {
	if id, _, ok := identify(info); q != nil && ok {
		q.open[id]++
	}
}

// closing gives back a file that only its descriptor kept on the disk.
func (q *quota) closing(f *os.File) {
	if q == nil {
		return
	}
	info, err := f.Stat()
	if err != nil {
		return
	}
	id, links, ok := identify(info)
	if !ok {
		return
	}
	if q.open[id]--; q.open[id] <= 0 {
		delete(q.open, id)
		if links == 0 && info.Mode().IsRegular() {
			q.add(-info.Size(), 0)
		}
	}
}

// removing gives back what vanishes when do succeeds.
func (q *quota) removing(root *os.Root, name string, do func() error) error {
	if q == nil {
		return do()
	}
	info, statErr := root.Lstat(name)
	if err := do(); err != nil || statErr != nil {
		return err
	}
	q.add(0, -1)
	id, links, ok := identify(info)
	if ok && links == 1 && info.Mode().IsRegular() && q.open[id] == 0 {
		q.add(-info.Size(), 0)
	}
	return nil
}

// replacing is removing for a rename, which removes nothing when both names
// mean the same file.
func (q *quota) replacing(root *os.Root, from, to string, do func() error) error {
	old, err := root.Lstat(from)
	if target, errTo := root.Lstat(to); err == nil && errTo == nil && os.SameFile(old, target) {
		return do()
	}
	return q.removing(root, to, do)
}

func identify(info os.FileInfo) (id fileID, links uint64, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, 0, false
	}
	return fileID{uint64(st.Dev), st.Ino}, uint64(st.Nlink), true
}
