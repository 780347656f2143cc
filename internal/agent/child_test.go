package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/driver"
	"drover.dev/internal/driver/noop"
	"drover.dev/internal/driver/process"
	"drover.dev/internal/failpoint"
)

// childEnv makes the test binary an agent, configured by its value.
const childEnv = "DROVER_TEST_AGENT"

type childConfig struct{ Server, DataDir string }

// childAgent is the program of an agent, as small as it can be.
func childAgent() int {
	var c childConfig
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &c); err != nil {
		return 2
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	p, err := process.New(process.Options{})
	if err != nil {
		return 2
	}
	defer func() { _ = p.Close() }()
	err = Run(ctx, Config{
		Server: c.Server, JoinToken: "let me in", DataDir: c.DataDir, Drivers: []driver.Driver{noop.Driver{}, p},
		CacheSize: 64 * api.MiB, Node: api.Node{Name: "n1"}, Failpoint: os.Getenv(failpoint.Env),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// keepAlive runs agents one after the other: the first with a fail-point, of
// which it must die, the next without.
func keepAlive(t *testing.T, w *wire, dir, point string) (stop func()) {
	t.Helper()
	config, err := json.Marshal(childConfig{Server: w.http.URL, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	run := func(point string) *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childEnv+"="+string(config), failpoint.Env+"="+point)
		c.Stderr = t.Output()
		if err := c.Start(); err != nil {
			t.Error(err)
		}
		return c
	}
	first := run(point)
	second, done := (*exec.Cmd)(nil), make(chan struct{})
	go func() {
		defer close(done)
		if err := first.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("the agent did not die at %s: %v", point, err)
		}
		second = run("")
	}()
	return func() {
		<-done
		_ = second.Process.Kill()
		_ = second.Wait()
	}
}

// TestKilled kills an agent with SIGKILL at each of its fail-points while tasks
// are on their way. Every task's end arrives, and none ran twice: what is
// reported as succeeded ran once, what is reported as lost did not run at all or
// did not come to its end.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen processes for each fail-point")
	}
	const tasks = 8
	for _, point := range Failpoints() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, newCell(t))
			effects := t.TempDir()
			stop := keepAlive(t, w, t.TempDir(), point)
			var items []api.Assignment
			for i := range uint64(tasks) {
				as := job(i+1, shell(fmt.Sprintf("echo ran >> %s; echo %d > \"$DROVER_OUT/n\"", filepath.Join(effects, fmt.Sprint(i+1)), i+1)))
				as.Task.Outputs = []api.Output{{Name: "n", Path: "n"}}
				items = append(items, as, job(100+i, api.Task{Name: "main", Driver: "noop"}))
			}
			w.assign(items...)
			w.until(t, "all results, and nothing left to do", func() bool { return len(w.results) == 2*tasks && len(w.items) == 0 })
			stop()
			lost := 0
			for i := range uint64(tasks) {
				lost += checkEffect(t, w, effects, i+1)
			}
			t.Logf("%d of %d lost", lost, tasks)
		})
	}
}

// checkEffect compares what a task did with what was reported of it.
func checkEffect(t *testing.T, w *wire, effects string, i uint64) (lost int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(effects, fmt.Sprint(i)))
	runs := strings.Count(string(data), "ran")
	r := w.results[job(i, api.Task{}).Attempt]
	switch r.Outcome {
	case api.OutcomeSucceeded:
		if runs != 1 || err != nil || string(r.Outputs[0].Inline) != fmt.Sprintln(i) {
			t.Errorf("task %d succeeded, ran %d times: %+v", i, runs, r)
		}
	case api.OutcomeLost:
		if runs > 1 {
			t.Errorf("task %d was lost, but ran %d times", i, runs)
		}
		return 1
	default:
		t.Errorf("task %d: %+v", i, r)
	}
	return 0
}
