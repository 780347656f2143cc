package wasm

import (
	"errors"
	"io"
	"io/fs"
	"os"

	exp "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// file is an open file or directory of a dirFS.
type file struct {
	seeker[int64]
	fs     *dirFS
	path   string
	append bool
	write  bool
	closed bool
}

var _ exp.File = (*file)(nil)

func newFile(d *dirFS, f *os.File, path string, flag exp.Oflag) (exp.File, exp.Errno) {
	info, err := f.Stat()
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = fs.ErrPermission // a device or a pipe in a mount is not for guests
	}
	if err != nil {
		f.Close()
		return nil, errno(err)
	}
	d.quota.opened(info)
	return &file{
		seeker: seeker[int64]{f: f, isDir: info.IsDir()}, fs: d, path: path,
		append: flag&exp.O_APPEND != 0, write: flag&(exp.O_RDWR|exp.O_WRONLY) != 0,
	}, 0
}

func (f *file) Dev() (uint64, exp.Errno) {
	st, n := f.Stat()
	return st.Dev, n
}

func (f *file) Ino() (sys.Inode, exp.Errno) {
	st, n := f.Stat()
	return st.Ino, n
}

func (f *file) IsDir() (bool, exp.Errno) { return f.isDir, 0 }

func (f *file) IsAppend() bool { return f.append }

func (f *file) SetAppend(enable bool) exp.Errno {
	if f.isDir {
		return exp.EISDIR
	}
	f.append = enable
	return 0
}

func (f *file) Stat() (sys.Stat_t, exp.Errno) { return stat(f.f.Stat()) }

func (f *file) Read(p []byte) (int, exp.Errno) {
	return f.read(func() (int, error) { return f.f.Read(p) })
}

func (f *file) Pread(p []byte, off int64) (int, exp.Errno) {
	if off < 0 {
		return 0, exp.EINVAL
	}
	return f.read(func() (int, error) { return f.f.ReadAt(p, off) })
}

func (f *file) read(do func() (int, error)) (int, exp.Errno) {
	if f.isDir {
		return 0, exp.EISDIR
	}
	n, err := do()
	if n > 0 || errors.Is(err, io.EOF) {
		return n, 0
	}
	return n, errno(err)
}

// seeker has the Seek of a file. Its parameter has a type parameter only
// because go vet takes every Seek(int64, int) for that of io.Seeker, while
// wazero's returns a number as its error.
type seeker[offset ~int64] struct {
	f     *os.File
	isDir bool
}

func (s seeker[offset]) Seek(to offset, whence int) (int64, exp.Errno) {
	if whence < io.SeekStart || whence > io.SeekEnd || s.isDir && (to != 0 || whence != io.SeekStart) {
		return 0, exp.EINVAL
	}
	n, err := s.f.Seek(int64(to), whence)
	return n, errno(err)
}

func (f *file) Readdir(n int) ([]exp.Dirent, exp.Errno) {
	if !f.isDir {
		return nil, exp.ENOTDIR
	}
	entries, err := f.f.ReadDir(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errno(err)
	}
	found := make([]exp.Dirent, 0, len(entries))
	for _, e := range entries {
		d := exp.Dirent{Name: e.Name(), Type: e.Type()}
		if info, err := e.Info(); err == nil {
			d.Ino = sys.NewStat_t(info).Ino
		}
		found = append(found, d)
	}
	return found, 0
}

func (f *file) Write(p []byte) (int, exp.Errno) {
	whence := io.SeekCurrent
	if f.append {
		whence = io.SeekEnd
	}
	return f.grow(func(n int) (int, error) { return f.f.Write(p[:n]) }, len(p), func() (int64, error) {
		return f.f.Seek(0, whence)
	})
}

func (f *file) Pwrite(p []byte, off int64) (int, exp.Errno) {
	if off < 0 {
		return 0, exp.EINVAL
	}
	return f.grow(func(n int) (int, error) { return f.f.WriteAt(p[:n], off) }, len(p), func() (int64, error) {
		return off, nil
	})
}

// grow writes n bytes where at says, if the quota allows it.
func (f *file) grow(write func(int) (int, error), n int, at func() (int64, error)) (int, exp.Errno) {
	switch {
	case f.isDir:
		return 0, exp.EISDIR
	case !f.write:
		return 0, exp.EBADF
	}
	off, err := at()
	if err != nil {
		return 0, errno(err)
	}
	if e := f.fs.quota.reach(f.f, off+int64(n)); e != 0 {
		return 0, e
	}
	n, err = write(n)
	if n > 0 {
		err = nil // the guest sees a short write, and the error next time
	}
	return n, errno(err)
}

func (f *file) Truncate(size int64) exp.Errno {
	switch {
	case f.isDir:
		return exp.EISDIR
	case size < 0 || !f.write:
		return exp.EINVAL
	}
	if e := f.fs.quota.resize(f.f, size); e != 0 {
		return e
	}
	return errno(f.f.Truncate(size))
}

func (f *file) Sync() exp.Errno { return errno(f.f.Sync()) }

func (f *file) Datasync() exp.Errno { return f.Sync() }

func (f *file) Utimens(atim, mtim int64) exp.Errno { return f.fs.Utimens(f.path, atim, mtim) }

func (f *file) Close() exp.Errno {
	if f.closed {
		return 0
	}
	f.closed = true
	f.fs.quota.closing(f.f)
	return errno(f.f.Close())
}
