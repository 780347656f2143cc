// Package driver says what a node can run, and how.
//
// A driver knows nothing of workloads or placements: it gets a fully resolved
// [Spec] and runs it in a directory of its own. What runs outlives the agent
// that started it: everything that a later agent needs to know lies in that
// directory, and [Driver.Adopt] picks it up again.
//
// The drivers are in the folders below: process, wasm, and noop for
// benchmarks. worker holds what the first two share: a task runs under a
// process of the same binary, and files in its directory tell what became of
// it. tree holds a task's processes together.
package driver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// A Driver runs tasks. Implementations are safe for concurrent use.
type Driver interface {
	// Name is the driver's name in a workload: "process", "wasm", "noop".
	Name() string
	// Start begins the task and returns when it is sure to be found by Adopt.
	// An error means that nothing runs and nothing will; what goes wrong
	// later, such as a command that does not exist, is told by Wait. The
	// context bounds the start alone, never the task.
	Start(ctx context.Context, s Spec) (Handle, error)
	// Adopt takes over the task that an earlier agent started in dir, running
	// or ended meanwhile. ErrGone when none was started there; after that
	// answer none ever will be.
	Adopt(ctx context.Context, dir string) (Handle, error)
}

// A Handle is one started task. Its methods may be called at any time, in any
// order and by several goroutines.
type Handle interface {
	Identity() Identity
	// Wait returns when the task and all that it started are gone. The error
	// is that of the context, or ErrClosed: the task itself always ends in an
	// Exit, also when its worker was killed.
	Wait(ctx context.Context) (Exit, error)
	// Stop asks the task to end (SIGTERM), kills the whole tree after grace,
	// and returns when it is gone. Stopping what has ended is no error.
	Stop(grace time.Duration) error
}

// Suspender is a driver that can hold a task still. A suspended task uses no
// CPU, keeps its memory, and its time limit stands still.
type Suspender interface {
	Suspend(h Handle) error
	Resume(h Handle) error
}

// Pooler is a driver that can start workers ahead of their tasks.
type Pooler interface {
	// Warm sets how many idle workers the driver keeps from now on.
	Warm(n int)
}

// Meter is a driver that can tell what a task uses now.
type Meter interface {
	Usage(h Handle) (Usage, error)
}

// Usage is what a running task has used (CPU) and holds now (the others).
type Usage struct {
	CPU       time.Duration // user and system time of the whole tree
	Memory    int64         // resident bytes of the whole tree
	Processes int
}

var (
	// ErrGone says that no task was started in the directory.
	ErrGone = errors.New("no task was started here")
	// ErrClosed says that the driver was closed; the task may still run.
	ErrClosed = errors.New("the driver is closed; adopt the task to follow it further")
	// ErrUnsupported says that this machine cannot do what was asked for.
	ErrUnsupported = errors.New("not supported on this machine")
)

// Identity tells one process from every other one, also after its pid was
// given to another: the three must agree.
type Identity struct {
	PID int `json:"pid,omitempty"`
	// StartTime is field 22 of /proc/PID/stat: clock ticks since boot.
	StartTime uint64 `json:"startTime,omitempty"`
	// Boot is the kernel's boot id; pids and start times begin anew with it.
	Boot string `json:"boot,omitempty"`
	// Lock is a file that the worker holds locked as long as it lives.
	Lock string `json:"lock,omitempty"`
}

// Spec is a task, fully resolved.
type Spec struct {
	// Dir is an absolute path of a directory for this task and this attempt
	// alone. The driver makes In, Out, Work and Logs below it where missing.
	Dir string `json:"dir"`
	// Command and Args are run by the process driver. A Command without a
	// slash is looked up in the PATH that Env gives.
	Command string   `json:"command,omitempty"`
	Args    []string `json:"args,omitempty"`
	// Env is the whole environment, as KEY=value. Nothing is added to it.
	Env []string `json:"env,omitempty"`
	// Module is the path of the .wasm file that the wasm driver runs.
	Module string  `json:"module,omitempty"`
	Limits Limits  `json:"limits"`
	Mounts []Mount `json:"mounts,omitempty"`
	// Lease, when set, names a file that holds, as a decimal number, the time
	// since boot in nanoseconds (CLOCK_BOOTTIME) until which the task may run.
	// Its worker stops it when that time has come, whether an agent lives or
	// not; a file that is missing or damaged counts as over.
	Lease string `json:"lease,omitempty"`
}

// The directories inside Spec.Dir.
const (
	In   = "in"   // inputs, which the caller put there
	Out  = "out"  // what the task hands back
	Work = "work" // where the task runs; thrown away
	Logs = "logs" // segments of standard output and error: see OpenLog
)

// Mount shows a directory of the node to a task.
type Mount struct {
	Source   string `json:"source"` // absolute path on the node, all links followed
	Target   string `json:"target"` // absolute path that the task sees
	ReadOnly bool   `json:"readOnly,omitempty"`
	// Size, when set, is scratch space of the task, and bounds its bytes.
	Size int64 `json:"size,omitempty"`
}

// Limits bounds a task. Zero means the default that each field names.
type Limits struct {
	Memory    int64         `json:"memory,omitempty"`    // bytes; 0: no limit (wasm: 4 GiB, its own bound)
	CPU       int64         `json:"cpu,omitempty"`       // milli-CPU; 0: no limit
	Wall      time.Duration `json:"wall,omitempty"`      // running time, without suspension; 0: no limit
	Output    int64         `json:"output,omitempty"`    // bytes in out/ and work/ together; 0: no limit
	Log       int64         `json:"log,omitempty"`       // bytes kept of each stream; 0: DefaultLog
	Processes int           `json:"processes,omitempty"` // processes and threads; 0: DefaultProcesses
}

const (
	// DefaultLog is what is kept of each stream: 10 MiB.
	DefaultLog = 10 << 20
	// MinLog is the least that is kept of each stream: 4 KiB.
	MinLog = 4 << 10
	// DefaultProcesses bounds processes and threads of one task.
	DefaultProcesses = 512
)

// WithDefaults replaces the zero fields that have a default.
func (l Limits) WithDefaults() Limits {
	if l.Log == 0 {
		l.Log = DefaultLog
	}
	l.Log = max(l.Log, MinLog)
	if l.Processes == 0 {
		l.Processes = DefaultProcesses
	}
	return l
}

// Validate tells what no driver could run.
func (s Spec) Validate() error {
	if !filepath.IsAbs(s.Dir) || filepath.Clean(s.Dir) != s.Dir {
		return fmt.Errorf("task directory %q is not a clean absolute path", s.Dir)
	}
	for _, m := range s.Mounts {
		if !filepath.IsAbs(m.Source) || !filepath.IsAbs(m.Target) {
			return fmt.Errorf("mount of %q at %q: both must be absolute paths", m.Source, m.Target)
		}
		if m.Size < 0 {
			return fmt.Errorf("mount at %q: its size is negative", m.Target)
		}
	}
	l := s.Limits
	if l.Memory < 0 || l.CPU < 0 || l.Wall < 0 || l.Output < 0 || l.Log < 0 || l.Processes < 0 {
		return fmt.Errorf("limits of the task in %s: none may be negative: %+v", s.Dir, l)
	}
	return nil
}
