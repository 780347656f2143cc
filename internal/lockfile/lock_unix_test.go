//go:build unix

package lockfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The lock of a process that has just died may last for a moment: one that is
// started again at once waits for it, but not for a lock that another keeps.
func TestALockIsWaitedForButNotForLong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	held, err := Take(path, "server")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Take(path, "server")
	var refused *HeldError
	if !errors.As(err, &refused) || refused.PID != os.Getpid() || !strings.Contains(err.Error(), "another server, process ") {
		t.Errorf("a lock that stays held gives %v", err)
	}
	time.AfterFunc(3*pause, func() { _ = held.file.Close() }) // as when its process dies
	again, err := Take(path, "server")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

func TestADirectoryThatIsNotThere(t *testing.T) {
	if _, err := Take(filepath.Join(t.TempDir(), "gone", "lock"), "agent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
