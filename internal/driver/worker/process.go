package worker

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"golang.org/x/sys/unix"
)

// process is a worker seen by the agent. The pid file descriptor means this
// very process also when its number is given to another one.
type process struct {
	id     tree.Process
	pidfd  *os.File // nil: the process is gone, or the kernel has none
	child  bool     // ours to reap
	socket *os.File // nil once the task is handed over
}

// self is the running binary itself, also when its file was replaced by that
// of another version, which might not understand us.
const self = "/proc/self/exe"

func spawn(args []string) (*process, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "worker"), os.NewFile(uintptr(pair[1]), "agent")
	defer theirs.Close()
	w, err := start(args, theirs)
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", errors.Join(err, ours.Close()))
	}
	w.socket = ours
	return w, nil
}

func start(args []string, socket *os.File) (*process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p, err := os.StartProcess(self, args, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{},
		Files: []*os.File{null, null, null, socket},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, err
	}
	// The child is not reaped yet, so its number is still its own.
	stat, err := tree.ReadStat(p.Pid)
	if err != nil {
		_ = p.Kill()
		_, _ = p.Wait()
		return nil, err
	}
	w := &process{id: tree.Process{PID: p.Pid, Start: stat.Start}, pidfd: openPidfd(p.Pid), child: true}
	return w, p.Release()
}

// openPidfd gives nil where the kernel (before 5.3) or a sandbox has none.
func openPidfd(pid int) *os.File {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "pidfd")
}

// findProcess finds a worker that an earlier agent started. One that is gone
// has no id.
func findProcess(id driver.Identity) *process {
	if id.Boot != bootID() {
		return &process{}
	}
	w := &process{id: tree.Process{PID: id.PID, Start: id.StartTime}, pidfd: openPidfd(id.PID)}
	// Checked after the descriptor is open, so that it means this process.
	if !w.matches() || lockIsFree(id.Lock) {
		w.release()
		return &process{}
	}
	return w
}

func lockIsFree(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return true
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

func (w *process) matches() bool {
	s, err := tree.ReadStat(w.id.PID)
	return err == nil && s.Start == w.id.Start
}

// alive is false for a zombie.
func (w *process) alive() bool {
	s, err := tree.ReadStat(w.id.PID)
	return err == nil && s.Start == w.id.Start && s.State != 'Z' && s.State != 'X'
}

// await returns when the process has ended; an error means that it was
// released before.
func (w *process) await(abandoned <-chan struct{}) error {
	if w.pidfd == nil {
		return w.awaitByPolling(abandoned)
	}
	raw, err := w.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	// Parks this goroutine in the runtime's poller, not a thread in a call.
	return raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		return n > 0 && err == nil
	})
}

func (w *process) awaitByPolling(abandoned <-chan struct{}) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for w.alive() {
		select {
		case <-abandoned:
			return os.ErrClosed
		case <-tick.C:
		}
	}
	return nil
}

// reap collects a child that has ended, and what it used.
func (w *process) reap() (unix.Rusage, error) {
	var usage unix.Rusage
	if !w.child || w.id.PID == 0 {
		return usage, unix.ECHILD
	}
	for {
		_, err := unix.Wait4(w.id.PID, nil, 0, &usage)
		if !errors.Is(err, unix.EINTR) {
			return usage, err
		}
	}
}

// signal reaches this process or none.
func (w *process) signal(sig unix.Signal) error {
	if w.pidfd == nil {
		if w.id.PID == 0 || !w.matches() {
			return unix.ESRCH
		}
		return unix.Kill(w.id.PID, sig)
	}
	raw, err := w.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, 0) }); err != nil {
		return err
	}
	return sent
}

func (w *process) release() {
	if w.pidfd != nil {
		_ = w.pidfd.Close()
	}
	if w.socket != nil {
		_ = w.socket.Close()
	}
}
