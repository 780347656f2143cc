package noop

import (
	"context"
	"errors"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, limit time.Duration, args ...string) driver.Exit {
	t.Helper()
	h, err := Driver{}.Start(t.Context(), driver.Spec{Args: args, Limits: driver.Limits{Wall: limit}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := h.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRuns(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		limit  time.Duration
		code   int
		reason driver.Reason
		least  time.Duration
	}{
		"nothing":  {},
		"waits":    {args: []string{"20ms"}, least: 20 * time.Millisecond},
		"fails":    {args: []string{"exit=3"}, code: 3},
		"both":     {args: []string{"10ms", "exit=4"}, code: 4, least: 10 * time.Millisecond},
		"too long": {args: []string{"1h"}, limit: time.Millisecond, code: -1, reason: driver.Timeout, least: time.Millisecond},
	} {
		e := run(t, c.limit, c.args...)
		if e.Code != c.code || e.Reason != c.reason || e.Wall < c.least || e.Ended-e.Started != int64(e.Wall) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestStop(t *testing.T) {
	h, err := Driver{}.Start(t.Context(), driver.Spec{Args: []string{"1h"}})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := h.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait for a running task: %v", err)
	}
	if err := errors.Join(h.Stop(0), h.Stop(0)); err != nil {
		t.Fatal(err)
	}
	if e, err := h.Wait(t.Context()); e.Reason != driver.Stopped || err != nil {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestBadInput(t *testing.T) {
	if _, err := (Driver{}).Start(t.Context(), driver.Spec{Args: []string{"soon"}}); err == nil {
		t.Error("an argument that means nothing was accepted")
	}
	if _, err := (Driver{}).Adopt(t.Context(), "/nowhere"); !errors.Is(err, driver.ErrGone) {
		t.Errorf("adopt: %v", err)
	}
}

func BenchmarkNothing(b *testing.B) {
	for b.Loop() {
		h, err := Driver{}.Start(b.Context(), driver.Spec{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := h.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
