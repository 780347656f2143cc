package wasm

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	exp "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// dirFS shows one directory of the node to a guest. wazero's own DirFS joins
// strings, so a symbolic link inside the directory leads out of it. This one
// resolves every path beneath an os.Root, step by step and without a race, so
// that no link, made by the guest or found there, leads anywhere else.
type dirFS struct {
	root     *os.Root
	readOnly bool
	quota    *quota // nil: not counted
}

var _ exp.FS = (*dirFS)(nil)

// errno translates an error of package os. What os.Root refuses is no error of
// the system, and is EPERM.
func errno(err error) exp.Errno {
	var n syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &n), errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrClosed):
		return exp.UnwrapOSError(err)
	}
	return exp.EPERM
}

const writeFlags = exp.O_RDWR | exp.O_WRONLY | exp.O_APPEND | exp.O_CREAT | exp.O_TRUNC

func osFlags(f exp.Oflag) int {
	// Without O_NONBLOCK a named pipe in a mount would hold the guest for ever.
	flags := syscall.O_NONBLOCK
	switch {
	case f&exp.O_RDWR != 0:
		flags |= os.O_RDWR
	case f&exp.O_WRONLY != 0:
		flags |= os.O_WRONLY
	}
	for from, to := range map[exp.Oflag]int{
		exp.O_CREAT: os.O_CREATE, exp.O_EXCL: os.O_EXCL, exp.O_TRUNC: os.O_TRUNC,
		exp.O_SYNC: os.O_SYNC, exp.O_DSYNC: syscall.O_DSYNC, exp.O_DIRECTORY: syscall.O_DIRECTORY,
	} {
		if f&from != 0 {
			flags |= to
		}
	}
	return flags
}

// OpenFile implements exp.FS. O_APPEND is kept by file, which can change it.
func (d *dirFS) OpenFile(name string, flag exp.Oflag, perm fs.FileMode) (exp.File, exp.Errno) {
	name, slash := clean(name)
	if slash {
		flag |= exp.O_DIRECTORY
	}
	if d.readOnly && flag&writeFlags != 0 {
		return nil, exp.EROFS
	}
	if flag&exp.O_NOFOLLOW != 0 {
		if info, err := d.root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, exp.ELOOP
		}
	}
	if flag&(exp.O_CREAT|exp.O_TRUNC) != 0 {
		if n := d.quota.creating(d.root, name, flag); n != 0 {
			return nil, n
		}
	}
	f, err := d.root.OpenFile(name, osFlags(flag), perm&0o777)
	if err != nil {
		return nil, errno(err)
	}
	return newFile(d, f, name, flag)
}

// clean gives a path as os.Root wants it, and whether it ended in a slash.
func clean(name string) (string, bool) {
	slash := strings.HasSuffix(name, "/")
	name = path.Clean(strings.Trim(name, "/"))
	return name, slash && name != "."
}

func (d *dirFS) Lstat(name string) (sys.Stat_t, exp.Errno) {
	name, _ = clean(name)
	return stat(d.root.Lstat(name))
}

func (d *dirFS) Stat(name string) (sys.Stat_t, exp.Errno) {
	name, _ = clean(name)
	return stat(d.root.Stat(name))
}

func stat(info fs.FileInfo, err error) (sys.Stat_t, exp.Errno) {
	if err != nil {
		return sys.Stat_t{}, errno(err)
	}
	return sys.NewStat_t(info), 0
}

// change runs what alters the directory, where that is allowed.
func (d *dirFS) change(f func() error) exp.Errno {
	if d.readOnly {
		return exp.EROFS
	}
	return errno(f())
}

func (d *dirFS) Mkdir(name string, perm fs.FileMode) exp.Errno {
	name, _ = clean(name)
	return d.make(func() error { return d.root.Mkdir(name, perm&0o777) })
}

// make is change for what adds a name to the directory.
func (d *dirFS) make(f func() error) exp.Errno {
	if d.readOnly {
		return exp.EROFS
	}
	if n := d.quota.entry(); n != 0 {
		return n
	}
	return errno(f())
}

func (d *dirFS) Chmod(name string, perm fs.FileMode) exp.Errno {
	name, _ = clean(name)
	return d.change(func() error { return d.root.Chmod(name, perm&0o777) })
}

func (d *dirFS) Rename(from, to string) exp.Errno {
	from, _ = clean(from)
	to, _ = clean(to)
	return d.change(func() error {
		return d.quota.replacing(d.root, from, to, func() error { return d.root.Rename(from, to) })
	})
}

func (d *dirFS) Rmdir(name string) exp.Errno {
	name, _ = clean(name)
	return d.change(func() error {
		if info, err := d.root.Lstat(name); err == nil && !info.IsDir() {
			return syscall.ENOTDIR
		}
		return d.quota.removing(d.root, name, func() error { return d.root.Remove(name) })
	})
}

func (d *dirFS) Unlink(name string) exp.Errno {
	name, _ = clean(name)
	return d.change(func() error {
		if info, err := d.root.Lstat(name); err == nil && info.IsDir() {
			return syscall.EISDIR
		}
		return d.quota.removing(d.root, name, func() error { return d.root.Remove(name) })
	})
}

func (d *dirFS) Link(from, to string) exp.Errno {
	from, _ = clean(from)
	to, _ = clean(to)
	return d.make(func() error { return d.root.Link(from, to) })
}

// Symlink makes only links that stay inside: one that leads out would be of no
// use to the guest, and a trap for whoever collects its output.
func (d *dirFS) Symlink(target, link string) exp.Errno {
	link, _ = clean(link)
	if path.IsAbs(target) || !insideRoot(path.Join(path.Dir(link), target)) {
		return exp.EPERM
	}
	return d.make(func() error {
		// The target may be a view of the guest's memory, which changes.
		return d.root.Symlink(strings.Clone(target), link)
	})
}

func insideRoot(p string) bool { return p == "." || fs.ValidPath(p) }

func (d *dirFS) Readlink(name string) (string, exp.Errno) {
	name, _ = clean(name)
	target, err := d.root.Readlink(name)
	return target, errno(err)
}

func (d *dirFS) Utimens(name string, atim, mtim int64) exp.Errno {
	name, _ = clean(name)
	return d.change(func() error { return d.root.Chtimes(name, moment(atim), moment(mtim)) })
}

// moment gives the zero time, which Chtimes leaves alone, for UTIME_OMIT.
func moment(ns int64) time.Time {
	if ns == exp.UTIME_OMIT {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
