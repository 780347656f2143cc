package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"drover.dev/internal/driver/worker"
	"golang.org/x/sys/unix"
)

// runner is the worker's side: it starts one command and sees it through.
type runner struct{ config config }

// Run implements worker.Runner.
func (r *runner) Run(t *worker.Task) driver.Exit {
	out, err := newLogs(t.Spec)
	if err != nil {
		return failed(err)
	}
	e := r.run(t, out)
	e.DroppedLog = out.close()
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &usage) == nil {
		e.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		e.MaxRSS = int64(usage.Maxrss) << 10
	}
	return e
}

func (r *runner) run(t *worker.Task, out *logs) driver.Exit {
	if err := r.ready(t); err != nil {
		return failed(err)
	}
	c := &child{launch: launch{Spec: t.Spec, Tree: t.Tree, User: r.config.User, Parent: os.Getpid()}}
	if err := c.start(out); err != nil {
		return failed(err)
	}
	if !t.Tree.Grouped() {
		_ = t.SetSession(c.pid) // fails only when the command has ended already
	}
	w := watch{task: t, child: c, survey: newSurvey(t)}
	w.untilMainEnds()
	w.endTree()
	return w.exit()
}

func (r *runner) ready(t *worker.Task) error {
	l := t.Limits
	if err := t.Tree.Set(tree.Limits{Memory: l.Memory, CPU: l.CPU, Processes: l.Processes}); err != nil {
		return err
	}
	// Orphans of the task come to the worker and not to init.
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

func failed(err error) driver.Exit {
	return driver.Exit{Code: -1, Reason: driver.StartFailed, Detail: err.Error()}
}

// child is the command and, by inheritance, all that it leaves behind.
type child struct {
	launch launch
	pid    int
	main   chan unix.WaitStatus // the end of the command itself
	gone   chan struct{}        // closed when the last descendant is reaped
}

// start returns when the command runs, or why it does not.
func (c *child) start(out *logs) error {
	c.main, c.gone = make(chan unix.WaitStatus, 1), make(chan struct{})
	ours, theirs, err := socketpair()
	if err != nil {
		return err
	}
	defer ours.Close()
	started := make(chan error)
	go c.live(theirs, out, started)
	err = <-started
	out.closeWriters()
	if err == nil {
		err = c.hand(ours)
	}
	return err
}

// live is the life of the child on one thread: the kernel ties the child to
// the thread that made it, so that thread must not end before.
func (c *child) live(socket *os.File, out *logs, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.gone)
	var err error
	c.pid, err = c.spawn(socket, out)
	socket.Close()
	started <- err
	if err == nil {
		c.reap()
	}
}

func (c *child) spawn(socket *os.File, out *logs) (int, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if len(c.launch.Mounts) > 0 {
		attr.Unshareflags = syscall.CLONE_NEWNS
	}
	p, err := os.StartProcess("/proc/self/exe", []string{"drover", "worker", execKind}, &os.ProcAttr{
		Env:   []string{},
		Files: []*os.File{null, out.writers[0], out.writers[1], socket},
		Sys:   attr,
	})
	if err != nil {
		return 0, err
	}
	pid := p.Pid // Release forgets it
	return pid, p.Release()
}

// reap collects every descendant until none is left.
func (c *child) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD: nobody is left
			return
		case pid == c.pid:
			c.main <- status
		}
	}
}

// hand gives the last step its orders; silence means that it became the task.
func (c *child) hand(socket *os.File) error {
	if err := worker.Send(socket, c.launch); err != nil {
		return fmt.Errorf("start the command: %w", err)
	}
	said, err := io.ReadAll(io.LimitReader(socket, 4096))
	if err == nil && len(said) > 0 {
		err = errors.New(string(said))
	}
	if err != nil {
		<-c.gone
	}
	return err
}

func socketpair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("start the command: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "exec"), os.NewFile(uintptr(pair[1]), "worker"), nil
}
