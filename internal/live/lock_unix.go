//go:build unix

package live

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A child that is just being forked, as nodes in the same process do, still has
// this process's files until it has become another program; after a crash or a
// stop, the locks may last that long. The other locks of a server end with this
// one, which is taken first.
const (
	lockTries = 40
	lockPause = 50 * time.Millisecond
)

// lockFile keeps a second server out of a data directory. The lock ends with
// the process, however it ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	for range lockTries {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			break
		}
		time.Sleep(lockPause)
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("another server runs on this data directory (%s is locked): stop it or choose another directory", path)
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}
