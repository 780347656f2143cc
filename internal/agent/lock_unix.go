//go:build unix

package agent

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A child that is just being forked still has this process's files until it has
// become another program; after a crash or a stop, a lock may last that long.
const (
	lockTries = 40
	lockPause = 50 * time.Millisecond
)

// lockFile keeps a second agent out of a data directory. The lock ends with the
// process, however it ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	err = patiently(unix.EWOULDBLOCK, func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("another agent runs on this data directory (%s is locked): stop it or choose another directory", path)
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// unlockFile ends the lock also where a child still has the file.
func unlockFile(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// patiently tries again while f gives that error, about two seconds long.
func patiently(while error, f func() error) (err error) {
	for range lockTries {
		if err = f(); !errors.Is(err, while) {
			return err
		}
		time.Sleep(lockPause)
	}
	return err
}
