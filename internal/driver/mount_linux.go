package driver

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Open holds on to what a mount shows. A directory of the node was resolved and
// allowed by name before; meanwhile a task that may write there can have put a
// link in its place, which is not followed.
func (m Mount) Open() (*os.File, error) {
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC}
	if m.Size == 0 {
		how.Resolve = unix.RESOLVE_NO_SYMLINKS
	}
	fd, err := unix.Openat2(unix.AT_FDCWD, m.Source, how)
	switch {
	case errors.Is(err, unix.ENOSYS): // before Linux 5.6
		return os.OpenFile(m.Source, unix.O_PATH, 0)
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("%s is or passes through a symbolic link, and was allowed as none", m.Source)
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: m.Source, Err: err}
	}
	return os.NewFile(uintptr(fd), m.Source), nil
}

// Held is the path of an open file as this process sees it, whatever becomes of
// its name.
func Held(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
