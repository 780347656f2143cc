package worker

import (
	"errors"
	"fmt"
	"io/fs"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"golang.org/x/sys/unix"
)

// Suspend implements driver.Suspender for the task of this handle.
func (h *Handle) Suspend() error {
	h.control.Lock()
	defer h.control.Unlock()
	s, err := h.suspended()
	if err == nil && s.Since == 0 && !h.ended() {
		if err = h.hold(true); err == nil {
			s.Since = monotonic()
			err = writeJSON(h.dir, suspendName, s, false)
		}
	}
	if err != nil {
		return fmt.Errorf("suspend task in %s: %w", h.dir, err)
	}
	return nil
}

// Resume implements driver.Suspender for the task of this handle. It lets the task go on
// also when no file says that it is suspended: who suspended it, or began to let it go
// on, may have died between the file and the task.
func (h *Handle) Resume() error {
	h.control.Lock()
	defer h.control.Unlock()
	if err := h.resume(true); err != nil {
		return fmt.Errorf("resume task in %s: %w", h.dir, err)
	}
	return nil
}

// resume lets the task go on if it is suspended, or anyway.
func (h *Handle) resume(anyway bool) error {
	s, err := h.suspended()
	if err != nil || s.Since == 0 && !anyway || h.ended() {
		return err
	}
	if s.Since != 0 { // first the clock, then the task: it must not seem late for an instant
		s.Total += monotonic() - s.Since
		s.Since = 0
		if err := writeJSON(h.dir, suspendName, s, false); err != nil {
			return err
		}
	}
	return h.hold(false)
}

func (h *Handle) suspended() (s suspend, err error) {
	if err := readJSON(h.dir, suspendName, &s); !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	return suspend{}, nil
}

// hold stops or continues the processes of the task.
func (h *Handle) hold(still bool) error {
	if !h.o.Inside {
		return h.birth.Tree.Freeze(still)
	}
	if !still {
		return h.process.signal(unix.SIGCONT)
	}
	err := h.process.signal(unix.SIGSTOP)
	if err == nil {
		err = tree.AwaitStanding(h.birth.PID)
	}
	if err != nil { // all of it or nothing
		_ = h.process.signal(unix.SIGCONT)
	}
	return err
}

// Usage implements driver.Meter for the task of this handle.
func (h *Handle) Usage() (driver.Usage, error) {
	if h.o.Inside {
		s, err := tree.ReadStat(h.birth.PID)
		if err == nil && s.Start != h.birth.StartTime {
			err = driver.ErrGone
		}
		return driver.Usage{CPU: s.CPU, Memory: s.RSS, Processes: 1}, err
	}
	u, err := h.birth.Tree.Usage()
	return driver.Usage{CPU: u.CPU, Memory: u.Memory, Processes: u.Processes}, err
}

var errForeign = errors.New("the task belongs to another driver")

// Suspend implements driver.Suspender.
func (p *Pool) Suspend(h driver.Handle) error {
	if own, ok := h.(*Handle); ok {
		return own.Suspend()
	}
	return errForeign
}

// Resume implements driver.Suspender.
func (p *Pool) Resume(h driver.Handle) error {
	if own, ok := h.(*Handle); ok {
		return own.Resume()
	}
	return errForeign
}

// Usage implements driver.Meter.
func (p *Pool) Usage(h driver.Handle) (driver.Usage, error) {
	if own, ok := h.(*Handle); ok {
		return own.Usage()
	}
	return driver.Usage{}, errForeign
}
