package wasm

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/worker"
	"go.uber.org/goleak"
)

// TestMain makes the test binary its own worker.
func TestMain(m *testing.M) {
	worker.Main(Kinds()...)
	goleak.VerifyTestMain(m)
}

const mib = 1 << 20

func newDriver(t testing.TB, o Options) *Driver {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func guestPath(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("testdata/guest.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func spec(t testing.TB, l driver.Limits, args ...string) driver.Spec {
	t.Helper()
	return driver.Spec{Dir: t.TempDir(), Module: guestPath(t), Args: args, Limits: l}
}

func start(t testing.TB, d *Driver, s driver.Spec) driver.Handle {
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

// wait is generous: a slow machine must not fail a test.
func wait(t testing.TB, h driver.Handle) driver.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := h.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func run(t testing.TB, d *Driver, s driver.Spec) driver.Exit {
	t.Helper()
	return wait(t, start(t, d, s))
}

func output(t testing.TB, s driver.Spec, stream driver.Stream) string {
	t.Helper()
	p := make([]byte, 64<<10)
	n, _, err := driver.ReadLog(s.Dir, stream, 0, p)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return string(p[:n])
}

// eventually waits for what happens soon.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
