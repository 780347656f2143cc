// Package lockfile keeps a second process out of a data directory.
package lockfile

import (
	"errors"
	"fmt"
	"os"
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
		return &Lock{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, errHeld) {
		return nil, fmt.Errorf("another %s runs on this data directory (%s is locked): stop it or choose another directory", who, path)
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
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
