package process

import (
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/worker"
	"golang.org/x/sys/unix"
)

// tick is how often the worker looks at limits that no timer tells.
const tick = 100 * time.Millisecond

// watch sees a running command to its end.
type watch struct {
	task   *worker.Task
	child  *child
	status unix.WaitStatus
	reason driver.Reason
	detail string

	survey *survey
	killAt time.Time // after SIGTERM
}

func (w *watch) untilMainEnds() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case w.status = <-w.child.main:
			return
		case e := <-w.survey.found:
			w.survey.ended()
			if e != nil && w.reason == driver.None {
				w.end(e.Reason, e.Detail)
			}
		case <-w.task.Wake:
		case <-timer.C:
		}
		timer.Reset(w.look())
	}
}

// look acts on orders and limits, and says when to look again.
func (w *watch) look() time.Duration {
	o := w.task.Order()
	switch {
	case w.reason == driver.Stopped:
		if !time.Now().Before(w.killAt) {
			w.kill()
		}
	case w.reason != driver.None:
		w.kill() // again: the first attempt did not end it
	case o.Stop:
		w.reason, w.killAt = driver.Stopped, time.Now().Add(o.Grace)
		_ = w.task.Tree.Terminate() // the kill comes anyway
	case o.Left <= 0:
		w.end(driver.Timeout, "still running after its limit of "+w.task.Limits.Wall.String())
	default:
		w.limits()
	}
	return w.until(o)
}

func (w *watch) until(o worker.Order) time.Duration {
	next := min(tick, o.Left)
	if w.reason == driver.Stopped {
		next = min(tick, time.Until(w.killAt))
	}
	return max(next, time.Millisecond)
}

func (w *watch) limits() {
	l := w.task.Limits
	u, err := w.task.Tree.Usage()
	grouped := w.task.Tree.Grouped()
	switch {
	case err != nil:
	case u.OOMKills > 0:
		w.end(driver.OutOfMemory, oomDetail)
	case !grouped && l.Memory > 0 && u.Memory > l.Memory:
		w.end(driver.OutOfMemory, "its processes together held more than its memory limit")
	case !grouped && u.Processes > l.Processes:
		w.end(driver.ProcessLimit, "more processes and threads than its limit")
	default:
		w.survey.begin()
	}
}

const oomDetail = "the kernel killed a process of it at its memory limit"

func (w *watch) end(r driver.Reason, detail string) {
	w.reason, w.detail = r, detail
	w.kill()
}

func (w *watch) kill() { _ = w.task.Tree.Kill(tick) }

// endTree kills what the command left behind and waits until it is reaped. A
// process that cannot die now would die with the worker too; it is named.
func (w *watch) endTree() {
	err := w.task.Tree.Kill(10 * time.Second)
	select {
	case <-w.child.gone:
	case <-time.After(10 * time.Second):
		if err != nil {
			w.detail += "; " + err.Error()
		}
	}
}

func (w *watch) exit() driver.Exit {
	if u, err := w.task.Tree.Usage(); err == nil && u.OOMKills > 0 && w.reason != driver.OutOfMemory {
		w.reason, w.detail = driver.OutOfMemory, oomDetail
	}
	if full := w.survey.look(); full != nil && w.reason == driver.None {
		w.reason, w.detail = full.Reason, full.Detail
	}
	e := driver.Exit{Code: -1, Reason: w.reason, Detail: w.detail}
	if w.status.Exited() {
		e.Code = w.status.ExitStatus()
	}
	if w.status.Signaled() {
		e.Signal = unix.SignalName(w.status.Signal())
	}
	return e
}
