// Package noop is a driver for benchmarks: its tasks do nothing, or wait, and
// cost no process. Args say what: a duration ("100ms") to wait for, and
// "exit=N" for the exit code N.
package noop

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"drover.dev/internal/driver"
)

// Driver implements driver.Driver.
type Driver struct{}

var _ driver.Driver = Driver{}

// Name is "noop".
func (Driver) Name() string { return "noop" }

// Start begins a task. It uses no goroutine, and a timer only for a wait.
func (Driver) Start(_ context.Context, s driver.Spec) (driver.Handle, error) {
	wait, code, err := parse(s.Args)
	if err != nil {
		return nil, fmt.Errorf("start noop task: %w", err)
	}
	h := &handle{start: time.Now(), done: make(chan struct{})}
	if limit := s.Limits.Wall; limit > 0 && wait > limit {
		h.after(limit, driver.Exit{Code: -1, Reason: driver.Timeout})
		return h, nil
	}
	h.after(wait, driver.Exit{Code: code})
	return h, nil
}

// Adopt gives driver.ErrGone: nothing outlives the process of the agent.
func (Driver) Adopt(_ context.Context, dir string) (driver.Handle, error) {
	return nil, fmt.Errorf("adopt noop task in %s: %w", dir, driver.ErrGone)
}

func parse(args []string) (wait time.Duration, code int, err error) {
	for _, a := range args {
		if n, ok := strings.CutPrefix(a, "exit="); ok {
			code, err = strconv.Atoi(n)
		} else {
			wait, err = time.ParseDuration(a)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("argument %.40q is neither a duration nor exit=N: %w", a, err)
		}
	}
	return wait, code, nil
}

type handle struct {
	start time.Time
	timer *time.Timer
	once  sync.Once
	done  chan struct{}
	exit  driver.Exit
}

func (h *handle) after(d time.Duration, e driver.Exit) {
	if d <= 0 {
		h.end(e)
		return
	}
	h.timer = time.AfterFunc(d, func() { h.end(e) })
}

func (h *handle) end(e driver.Exit) {
	h.once.Do(func() {
		e.Wall = time.Since(h.start)
		e.Started = h.start.UnixNano()
		e.Ended = e.Started + int64(e.Wall)
		h.exit = e
		close(h.done)
	})
}

// Identity is empty: there is no process.
func (h *handle) Identity() driver.Identity { return driver.Identity{} }

func (h *handle) Wait(ctx context.Context) (driver.Exit, error) {
	select {
	case <-h.done:
		return h.exit, nil
	default:
	}
	select {
	case <-h.done:
		return h.exit, nil
	case <-ctx.Done():
		return driver.Exit{}, ctx.Err()
	}
}

func (h *handle) Stop(time.Duration) error {
	if h.timer != nil {
		h.timer.Stop()
	}
	h.end(driver.Exit{Code: -1, Reason: driver.Stopped})
	return nil
}
