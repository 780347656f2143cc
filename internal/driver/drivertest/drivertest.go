// Package drivertest has what the tests of drivers share.
package drivertest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"drover.dev/internal/driver"
)

// Start begins a task, which is stopped at the end of the test.
func Start(t testing.TB, d driver.Driver, s driver.Spec) driver.Handle {
	t.Helper()
	h, err := d.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(0); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Wait gives the end of a task. It is generous: a slow machine must not fail a
// test.
func Wait(t testing.TB, h driver.Handle) driver.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := h.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Run starts a task and waits for its end.
func Run(t testing.TB, d driver.Driver, s driver.Spec) driver.Exit {
	t.Helper()
	return Wait(t, Start(t, d, s))
}

// Output reads the first 64 KiB of a stream.
func Output(t testing.TB, s driver.Spec, stream driver.Stream) string {
	t.Helper()
	p := make([]byte, 64<<10)
	n, _, err := driver.ReadLog(s.Dir, stream, 0, p)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return string(p[:n])
}

// Eventually waits for what happens soon.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
