package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"golang.org/x/sys/unix"
)

// Handle is a task that a worker runs or ran. It implements driver.Handle.
type Handle struct {
	o       Options
	dir     string
	birth   birth
	process *process

	control sync.Mutex // one Suspend, Resume or Stop at a time

	mu    sync.Mutex
	timer *time.Timer
	late  bool // the agent killed the worker for its time limit

	abandonOnce sync.Once
	abandoned   chan struct{}
	done        chan struct{}
	exit        driver.Exit
	err         error
}

var _ driver.Handle = (*Handle)(nil)

func newHandle(o Options, dir string, b birth, w *process) *Handle {
	return &Handle{
		o: o, dir: dir, birth: b, process: w,
		abandoned: make(chan struct{}), done: make(chan struct{}),
	}
}

// findBirth reads who runs the task. When nobody does, it makes sure that
// nobody ever will.
func findBirth(dir string) (b birth, err error) {
	if b, err := readBirth(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	held, err := lock(dir, 2*time.Second)
	if errors.Is(err, fs.ErrNotExist) {
		return b, driver.ErrGone
	}
	if err != nil {
		return b, fmt.Errorf("a worker is about to start and does not get on: %w", err)
	}
	defer held.Close()
	if b, err := readBirth(dir); !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if err := writeJSON(dir, refusedName, struct{}{}, true); err != nil {
		return b, err
	}
	return b, driver.ErrGone
}

func readBirth(dir string) (b birth, err error) {
	err = readJSON(dir, birthName, &b)
	if b.Tree == nil { // whatever the file says
		b.Tree = &tree.Tree{}
	}
	return b, err
}

// Identity implements driver.Handle.
func (h *Handle) Identity() driver.Identity { return h.birth.Identity }

// Dir is the Spec.Dir of the task.
func (h *Handle) Dir() string { return h.dir }

// Wait implements driver.Handle.
func (h *Handle) Wait(ctx context.Context) (driver.Exit, error) {
	select {
	case <-h.done:
		return h.exit, h.err
	case <-ctx.Done():
		return driver.Exit{}, ctx.Err()
	}
}

// lateness is what a worker gets to enforce its own time limit. One whose
// guest loops cannot, so the agent does.
const lateness = 250 * time.Millisecond

// enforce has the agent kill a worker that overran its time limit.
func (h *Handle) enforce() {
	if h.birth.Wall == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer = time.AfterFunc(h.left(), h.overrun)
}

func (h *Handle) left() time.Duration {
	return max(left(h.dir, h.birth.Wall, h.birth.Mono)+lateness, 0)
}

func (h *Handle) overrun() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rest := h.left(); rest > 0 { // it was suspended for a while
		h.timer.Reset(rest)
		return
	}
	h.late = true
	_ = h.process.signal(unix.SIGKILL)
}

// watch follows the worker to its end, says how it was, and tidies up: nobody
// need wait for that, and the kernel takes its time to let go of a group.
func (h *Handle) watch() {
	defer h.process.release()
	if h.process.id.PID != 0 {
		if err := h.process.await(h.abandoned); err != nil {
			h.err = driver.ErrClosed
			close(h.done)
			return
		}
	}
	h.end()
	close(h.done)
	_ = h.birth.Tree.Remove()
}

// end settles a task whose worker has ended or was killed.
func (h *Handle) end() {
	h.mu.Lock()
	if h.timer != nil {
		h.timer.Stop()
	}
	h.mu.Unlock()
	usage, err := h.process.reap()
	h.exit = h.settle(err == nil, usage)
}

// settle finds out how the task ended, cleans up behind a worker that could
// not, and writes that down for a later agent.
func (h *Handle) settle(known bool, usage unix.Rusage) driver.Exit {
	if held, err := lock(h.dir, time.Second); err == nil {
		defer held.Close()
	}
	var e driver.Exit
	if readJSON(h.dir, statusName, &e) == nil {
		return e
	}
	processes := h.tree()
	e = h.verdict()
	if known {
		e.CPU, e.MaxRSS = cpuTime(usage), int64(usage.Maxrss)<<10
	}
	if err := processes.Kill(5 * time.Second); err != nil {
		e.Detail += "; " + err.Error()
	}
	if err := writeJSON(h.dir, statusName, e, true); err != nil {
		e.Detail += "; its status could not be written: " + err.Error()
	}
	return e
}

// tree reads the task's processes again: SetSession may have added to them.
func (h *Handle) tree() *tree.Tree {
	if b, err := readBirth(h.dir); err == nil {
		return b.Tree
	}
	return h.birth.Tree
}

// verdict judges a task whose worker died without a word.
func (h *Handle) verdict() driver.Exit {
	e := driver.Exit{Code: -1, Started: h.birth.Started, Ended: time.Now().UnixNano()}
	if h.birth.Boot == bootID() {
		e.Wall = monotonic() - h.birth.Mono
	}
	h.mu.Lock()
	late := h.late
	h.mu.Unlock()
	usage, err := h.birth.Tree.Usage()
	var s stop
	switch {
	case late:
		e.Reason, e.Detail = driver.Timeout, fmt.Sprintf("still running after its limit of %s", h.birth.Wall)
	case readJSON(h.dir, stopName, &s) == nil:
		e.Reason, e.Detail = driver.Stopped, "its worker was killed"
	case err == nil && usage.OOMKills > 0:
		e.Reason, e.Detail = driver.OutOfMemory, "the kernel killed it at its memory limit"
	case h.birth.Boot != bootID():
		e.Reason, e.Detail = driver.Lost, "the node was restarted"
	default:
		e.Reason, e.Detail = driver.Lost, cmp.Or(lastWords(h.dir), "its worker was killed")
	}
	return e
}

// lastWords gives the end of what the worker said, such as a crash.
func lastWords(dir string) string {
	f, err := os.Open(runPath(dir, stderrName))
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 1000
	p := make([]byte, most)
	n, _ := f.Read(p)
	return string(p[:n])
}

func cpuTime(u unix.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// toReport is how long a worker has, after its task's grace, to end what is left of the
// task and to say how that ended. Only one that hangs takes longer: killing one that is
// merely slow, on a node under load, would lose what the task did and used.
const toReport = 5 * time.Second

// Stop implements driver.Handle.
func (h *Handle) Stop(grace time.Duration) error {
	h.control.Lock()
	defer h.control.Unlock()
	if h.ended() {
		return nil
	}
	grace = max(grace, 0)
	if err := writeJSON(h.dir, stopName, stop{Grace: grace, Mono: monotonic()}, false); err != nil {
		return fmt.Errorf("stop task in %s: %w", h.dir, err)
	}
	if err := h.resume(false); err != nil {
		return fmt.Errorf("stop task in %s: %w", h.dir, err)
	}
	_ = h.process.signal(unix.SIGTERM)
	if h.within(grace + toReport) {
		return nil
	}
	_ = h.process.signal(unix.SIGKILL)
	if h.within(10 * time.Second) {
		return nil
	}
	return fmt.Errorf("stop task in %s: %w", h.dir, tree.ErrBusy)
}

func (h *Handle) ended() bool { return h.within(0) }

func (h *Handle) within(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-h.done:
		return true
	default:
	}
	select {
	case <-h.done:
		return true
	case <-timer.C:
		return false
	}
}

// abandon stops following; the task runs on.
func (h *Handle) abandon() {
	h.abandonOnce.Do(func() {
		close(h.abandoned)
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.timer != nil {
			h.timer.Stop()
		}
		if h.process.pidfd != nil {
			_ = h.process.pidfd.Close()
		}
	})
}
