package chaos

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage pile up: an exploration makes much, and keeps nearly all
// else.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
