// Package worker runs tasks in processes of their own that outlive the agent.
//
// A worker is the agent's own binary, started again as "drover worker KIND".
// It waits for one task on an inherited socket, runs it, writes how it ended
// into the task's directory and exits. [Pool] is the agent's side: it keeps
// idle workers ahead of need, hands tasks to them and follows them. [Main]
// and [Serve] are the worker's side.
//
// Agent and worker talk through files in DIR/run, so that either may die at
// any instant:
//
//	lock          locked by the worker as long as it lives
//	worker.json   who the worker is and which processes are the task's
//	status.json   how the task ended; written once, and never half
//	stop.json     the agent's wish that the task end, with its grace
//	suspend.json  since when, and how long, the task was held still
//	refused       no task was found here by Adopt, and none may start
//	stderr        what the worker itself had to say, such as a crash
//
// A signal is only the hint to look at the files sooner.
package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"golang.org/x/sys/unix"
)

// Run is the directory inside Spec.Dir through which agent and worker talk.
const Run = "run"

const (
	lockName    = "lock"
	birthName   = "worker.json"
	statusName  = "status.json"
	stopName    = "stop.json"
	suspendName = "suspend.json"
	refusedName = "refused"
	stderrName  = "stderr"
)

// birth is what a worker writes before it says that a task has begun.
type birth struct {
	driver.Identity
	Tree    *tree.Tree    `json:"tree,omitempty"`
	Started int64         `json:"started"` // unix nanoseconds
	Mono    time.Duration `json:"mono"`    // CLOCK_MONOTONIC at the start
	Wall    time.Duration `json:"wall"`    // Limits.Wall
}

// stop is the wish that a task end.
type stop struct {
	Grace time.Duration `json:"grace"`
	Mono  time.Duration `json:"mono"` // when it was wished
}

// suspend tells how long a task was held still.
type suspend struct {
	Since time.Duration `json:"since,omitempty"` // CLOCK_MONOTONIC; 0: it runs
	Total time.Duration `json:"total,omitempty"` // of earlier suspensions
}

// left gives the running time that remains of a limit, not counting time held
// still. Without a limit it is a century.
func left(dir string, wall, started time.Duration) time.Duration {
	if wall == 0 {
		return 100 * 365 * 24 * time.Hour
	}
	now := monotonic()
	used := now - started
	var s suspend
	if readJSON(dir, suspendName, &s) == nil {
		used -= s.Total
		if s.Since > 0 {
			used -= now - s.Since
		}
	}
	return wall - used
}

// monotonic reads the clock that all processes since boot share.
func monotonic() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0 // cannot fail: the clock exists since Linux 2.6
	}
	return time.Duration(ts.Nano())
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "" // hidden in some sandboxes: pid, start time and lock remain
	}
	return strings.TrimSpace(string(b))
}

func runPath(dir, name string) string { return filepath.Join(dir, Run, name) }

func readJSON(dir, name string, v any) error {
	b, err := os.ReadFile(runPath(dir, name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", runPath(dir, name), err)
	}
	return nil
}

// writeJSON replaces a file as a whole. With sync it survives power loss.
func writeJSON(dir, name string, v any, sync bool) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Join(dir, Run), name+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	if err == nil && sync {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), runPath(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// lock takes the lock of a task, waiting at most patience for its holder.
func lock(dir string, patience time.Duration) (*os.File, error) {
	f, err := os.OpenFile(runPath(dir, lockName), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(patience)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || !time.Now().Before(deadline) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
		}
		time.Sleep(2 * time.Millisecond)
	}
}
