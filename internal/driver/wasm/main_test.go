package wasm

import (
	"path/filepath"
	"testing"

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
