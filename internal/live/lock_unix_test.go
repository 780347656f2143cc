//go:build unix

package live

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The lock of a process that has just died may last for a moment: a server that
// is started again at once waits for it, but not for one that another server
// keeps.
func TestALockIsWaitedForButNotForLong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	held, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(path); err == nil || !strings.Contains(err.Error(), "another server runs") {
		t.Errorf("a lock that stays held gives %v", err)
	}
	time.AfterFunc(3*lockPause, func() { _ = held.Close() })
	again, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
