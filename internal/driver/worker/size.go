package worker

import (
	"fmt"
	"os"
	"path/filepath"

	"drover.dev/api"
	"drover.dev/internal/driver"
	"golang.org/x/sys/unix"
)

// Bounds on what a task may have on disk beside its bytes: a disk has only so
// many inodes, and a walk through them must end.
const (
	MaxEntries  = 1_000_000 // files and directories of one space
	MaxDepth    = 512       // directories inside each other
	freeEntries = 1000      // that a space of any size may hold
	block       = 4 << 10   // what the disk spends on the smallest file
)

// A Space is a part of the disk that a task may fill up to a limit.
type Space struct {
	Name   string // what is full, for people
	Reason driver.Reason
	Dirs   []string
	Limit  int64 // bytes; 0: none
}

// Spaces lists what a task may fill: its own directories, and its scratch
// volumes.
func Spaces(s driver.Spec) []Space {
	list := []Space{{
		Name: "the disk space of out/ and work/", Reason: driver.OutputLimit, Limit: s.Limits.Output,
		Dirs: []string{filepath.Join(s.Dir, driver.Out), filepath.Join(s.Dir, driver.Work)},
	}}
	for _, m := range s.Mounts {
		if m.Size > 0 {
			list = append(list, ScratchSpace(m))
		}
	}
	return list
}

// ScratchSpace is the space of a mount with a size.
func ScratchSpace(m driver.Mount) Space {
	return Space{Name: "scratch volume " + m.Target, Reason: driver.VolumeFull, Dirs: []string{m.Source}, Limit: m.Size}
}

// Full is the end of a task whose output exceeds the space; nil when it fits.
func (s Space) Full(o Output) *driver.Exit {
	if !o.Over(s.Limit) {
		return nil
	}
	limit := api.Bytes(s.Limit)
	detail := fmt.Sprintf("%s is full: %d files and directories, and %v have room for %d", s.Name, o.Entries, limit, entriesIn(s.Limit))
	switch {
	case o.Deep:
		detail = fmt.Sprintf("%s: directories are nested deeper than %d", s.Name, MaxDepth)
	case o.Hidden:
		detail = s.Name + ": nobody knows how much it is, since a directory cannot be read"
	case o.Bytes > s.Limit:
		detail = fmt.Sprintf("%s is full: %v of %v", s.Name, roughly(o.Bytes), limit)
	}
	return &driver.Exit{Code: -1, Reason: s.Reason, Detail: detail}
}

// roughly rounds up to what people read easily, by a 64th at most.
func roughly(n int64) api.Bytes {
	unit := int64(1)
	for n/unit >= 128 {
		unit *= 2
	}
	return api.Bytes((n + unit - 1) / unit * unit)
}

// Used counts what is in the space, and stops as soon as it is full.
func (s Space) Used() (o Output) {
	w := walk{limit: s.Limit, linked: map[inode]struct{}{}}
	for _, dir := range s.Dirs {
		w.enter(unix.AT_FDCWD, dir, 0)
	}
	return w.found
}

// Output is what a task has on disk.
type Output struct {
	Bytes, Entries int64
	Deep           bool // deeper than MaxDepth, where nobody counted
	Hidden         bool // a directory could not be read
}

// Over says whether the output exceeds limit bytes, or the number of files that
// goes with them; a limit of 0 bounds nothing.
func (o Output) Over(limit int64) bool {
	return limit > 0 && (o.Bytes > limit || o.Entries > entriesIn(limit) || o.Deep || o.Hidden)
}

// entriesIn bounds the files in a space, because each takes a block of the disk
// however small it is.
func entriesIn(limit int64) int64 { return min(freeEntries+limit/block, MaxEntries) }

type inode struct{ dev, ino uint64 }

// walk counts files beneath a directory step by step, so that no link which is
// planted meanwhile leads anywhere else, and no directory is too large for
// memory. A file counts as its size, or as the blocks that it occupies where
// those are far more; one with several names counts once.
type walk struct {
	limit  int64
	found  Output
	linked map[inode]struct{}
}

const directory = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK

func (w *walk) enter(parent int, name string, depth int) {
	if w.found.Over(w.limit) {
		return
	}
	if depth > MaxDepth {
		w.found.Deep = true
		return
	}
	fd, err := unix.Openat(parent, name, directory, 0)
	if err != nil { // removed while we look, unless the task locked us out
		w.found.Hidden = w.found.Hidden || err == unix.EACCES || err == unix.EPERM
		return
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	if depth == 0 {
		w.found.Entries++
	}
	for !w.found.Over(w.limit) {
		names, err := dir.Readdirnames(1024)
		for _, n := range names {
			if w.count(fd, n, depth); w.found.Over(w.limit) {
				return
			}
		}
		if err != nil { // its end, or it was removed
			return
		}
	}
}

func (w *walk) count(parent int, name string, depth int) {
	var st unix.Stat_t
	if unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return // removed while we look
	}
	w.found.Entries++
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		w.found.Bytes += max(occupied(&st), 0)
		w.enter(parent, name, depth+1)
	case unix.S_IFREG:
		if id := (inode{uint64(st.Dev), st.Ino}); st.Nlink > 1 {
			if _, seen := w.linked[id]; seen {
				return
			}
			w.linked[id] = struct{}{}
		}
		w.found.Bytes += max(st.Size, occupied(&st))
	}
}

// occupied leaves out the 64 KiB that file systems allocate ahead.
func occupied(st *unix.Stat_t) int64 { return st.Blocks*512 - 64<<10 }
