// Package lockfile keeps a second process out of a data directory.
package lockfile

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A child that is just being forked still has its parent's files until it has
// become another program; after a crash or a stop, a lock may last that long.
const (
	tries = 40
	pause = 50 * time.Millisecond
)

// Lock is a lock that this process holds. It ends with the process, however
// that ends.
type Lock struct{ file *os.File }

// errHeld says that somebody else holds the lock.
var errHeld = errors.New("locked")

// HeldError says that another process holds the lock of a data directory.
type HeldError struct {
	Path string // of the lock
	Who  string // what runs there: "agent", "server"
	PID  int    // its process; 0 when it did not say
}

func (e *HeldError) Error() string {
	process := ""
	if e.PID > 0 {
		process = fmt.Sprintf(", process %d,", e.PID)
	}
	return fmt.Sprintf("another %s%s runs on this data directory (%s is locked): stop it or choose another directory", e.Who, process, e.Path)
}

// Take locks the file at path, which it makes where missing, and waits about
// two seconds for a holder that is about to end. who is what runs here: "agent",
// "server".
func Take(path, who string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	err = Patiently(errHeld, func() error { return lock(f) })
	if err == nil {
		sign(f)
		return &Lock{f}, nil
	}
	defer func() { _ = f.Close() }() // it was only read
	if errors.Is(err, errHeld) {
		return nil, &HeldError{Path: path, Who: who, PID: signer(f)}
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// Held reports whether a process holds the lock at path. It never waits.
func Held(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was not written
	if err := lock(f); err != nil {
		return errors.Is(err, errHeld)
	}
	return unlock(f) != nil
}

// sign notes in the file who holds the lock. It is for people only: a disk that
// is full must not keep anybody from starting.
func sign(f *os.File) {
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	}
}

// signer is the process that signed a lock; 0 when that cannot be read.
func signer(f *os.File) int {
	var b [20]byte
	n, _ := f.ReadAt(b[:], 0) // the end of the file comes before that of b
	pid, err := strconv.Atoi(string(b[:n]))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// Release ends the lock, also where a child still has the file.
func (l *Lock) Release() error { return errors.Join(unlock(l.file), l.file.Close()) }

// Patiently calls f again while it gives that error, about two seconds long,
// and returns its last answer.
func Patiently(while error, f func() error) (err error) {
	for range tries {
		if err = f(); !errors.Is(err, while) {
			return err
		}
		time.Sleep(pause)
	}
	return err
}
