// Package tree holds all processes of a task together, however they fork: to
// limit, freeze, measure and kill them as one.
//
// Three ways, the best that the machine allows: control groups version 2,
// version 1, or (without the right to make groups) the descendants of the
// task's worker, found by reading /proc. The worker is a subreaper, so no
// process can leave its descendants while it lives. The third way has two
// limits: a burst of processes or memory between two polls is seen late, and
// after the worker itself was killed only the session of the task is found.
package tree

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// Limits bounds a tree. Zero means no limit.
type Limits struct {
	Memory    int64 // bytes, swap included
	CPU       int64 // milli-CPU
	Processes int   // processes and threads
}

// Usage is what a tree has used (CPU, kills) and holds now (the others).
type Usage struct {
	CPU       time.Duration
	Memory    int64 // bytes
	Processes int
	OOMKills  int64 // processes that the kernel killed for lack of memory
}

// Tree is the processes of one task. It can be written as JSON, and what is
// read back, by any process with the same rights, means the same tree.
type Tree struct {
	// V1 has the directory of the group by controller; V2 the one directory.
	V1 map[string]string `json:"v1,omitempty"`
	V2 string            `json:"v2,omitempty"`
	// Without groups: the worker, and the session that the task leads.
	Worker  Process `json:"worker"`
	Session Process `json:"session"`
}

// Process is a pid that is not fooled by its reuse.
type Process struct {
	PID   int    `json:"pid,omitempty"`
	Start uint64 `json:"start,omitempty"` // field 22 of /proc/PID/stat
}

// ErrBusy says that processes remain although they were killed; a process in
// an uninterruptible wait for a disk or a network file system does that.
var ErrBusy = errors.New("processes of the task remain after SIGKILL")

// Grouped says whether a control group holds the tree.
func (t *Tree) Grouped() bool { return t.V2 != "" || len(t.V1) > 0 }

// Set applies the limits; without groups it does nothing and the caller has
// to poll Usage.
func (t *Tree) Set(l Limits) error {
	if err := t.set(l); err != nil {
		return fmt.Errorf("limit a task's processes: %w", err)
	}
	return nil
}

func (t *Tree) set(l Limits) error {
	switch {
	case t.V2 != "":
		return setV2(t.V2, l)
	case len(t.V1) > 0:
		return setV1(t.V1, l)
	}
	return nil
}

// Join moves a process (0: the caller) into the tree.
func (t *Tree) Join(pid int) error {
	for _, dir := range t.Dirs() {
		if err := writeInt(dir, "cgroup.procs", int64(pid)); err != nil {
			return fmt.Errorf("join the control group of a task: %w", err)
		}
	}
	return nil
}

// Freeze stops every process of the tree from running, or lets all run again.
// It returns when they stand still.
func (t *Tree) Freeze(frozen bool) error {
	var err error
	switch {
	case t.V2 != "":
		err = freezeV2(t.V2, frozen)
	case t.V1["freezer"] != "":
		err = freezeV1(t.V1["freezer"], frozen)
	default:
		err = t.freezePlain(frozen)
	}
	if err != nil {
		return fmt.Errorf("freeze a task's processes: %w", err)
	}
	return nil
}

// Terminate sends SIGTERM to every process of the tree. They stand still
// meanwhile, so that no pid can pass to a stranger in between.
func (t *Tree) Terminate() error {
	freeze := t.Freeze
	if !t.Grouped() { // and no process may be left by now
		freeze = t.signalStill
	}
	err := freeze(true)
	pids, listErr := t.PIDs()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	return errors.Join(err, listErr, freeze(false))
}

// Kill ends every process of the tree, also one that forks as fast as it can,
// and returns when none is left; ErrBusy when some remain after timeout.
func (t *Tree) Kill(timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		left, err := t.killOnce()
		if err != nil {
			return fmt.Errorf("kill a task's processes: %w", err)
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %d", ErrBusy, left)
		}
		time.Sleep(wait)
	}
}

func (t *Tree) killOnce() (left int, err error) {
	switch {
	case t.V2 != "":
		return killV2(t.V2)
	case len(t.V1) > 0:
		return killV1(t.V1)
	}
	return t.killPlain()
}

// Usage measures the tree.
func (t *Tree) Usage() (Usage, error) {
	var u Usage
	var err error
	switch {
	case t.V2 != "":
		u, err = usageV2(t.V2)
	case len(t.V1) > 0:
		u, err = usageV1(t.V1)
	default:
		u, err = t.usagePlain()
	}
	if err != nil {
		return Usage{}, fmt.Errorf("measure a task's processes: %w", err)
	}
	return u, nil
}
