package agent

import (
	"os"
	"path/filepath"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// TestKeptLogs keeps the logs of ended attempts, the latest within the bound,
// across a restart.
func TestKeptLogs(t *testing.T) {
	dir := t.TempDir()
	k, err := openKept(filepath.Join(dir, "logs"), 25)
	if err != nil {
		t.Fatal(err)
	}
	attempt := func(w uint64) api.Attempt { return api.Attempt{TaskRef: api.TaskRef{Workload: w}, Try: 1} }
	for w := range uint64(3) {
		task := filepath.Join(dir, "tasks", attemptName(attempt(w)))
		if err := os.MkdirAll(filepath.Join(task, driver.Logs), 0o755); err != nil {
			t.Fatal(err)
		}
		log := driver.NewLogWriter(task, driver.Stdout, 0)
		if _, err := log.Write([]byte("ten bytes.")); err != nil {
			t.Fatal(err)
		}
		if dropped := log.Close(); dropped != 0 {
			t.Fatalf("%d bytes were dropped", dropped)
		}
		if err := k.keep(attempt(w), task); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.keep(attempt(9), filepath.Join(dir, "tasks", "none")); err != nil {
		t.Errorf("a task without logs: %v", err)
	}
	if k, err = openKept(filepath.Join(dir, "logs"), 25); err != nil {
		t.Fatal(err)
	}
	if len(k.list) != 2 || k.total != 20 {
		t.Errorf("kept %d logs of %d bytes; the bound is 25 bytes", len(k.list), k.total)
	}
	if _, err := os.Lstat(k.dir(attempt(0))); err == nil {
		t.Error("the oldest log is still there")
	}
	buf := make([]byte, 32)
	if n, _, err := driver.ReadLog(k.dir(attempt(2)), driver.Stdout, 0, buf); err != nil || string(buf[:n]) != "ten bytes." {
		t.Errorf("the latest log reads %q, %v", buf[:n], err)
	}
}
