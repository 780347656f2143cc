package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/drivertest"
	"drover.dev/internal/driver/tree"
	"drover.dev/internal/driver/worker"
)

func TestAdoptAfterARestart(t *testing.T) {
	each(t, func(t *testing.T, old *Driver) {
		s := shell(t, driver.Limits{}, `echo begun; until [ -e ../in/go ]; do sleep 0.02; done; exit 9`)
		h := drivertest.Start(t, old, s)
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Wait(t.Context()); !errors.Is(err, driver.ErrClosed) {
			t.Errorf("wait on the closed driver: %v", err)
		}

		next := newDriver(t, Options{})
		adopted, err := next.Adopt(t.Context(), s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if adopted.Identity() != h.Identity() || adopted.Identity().PID == 0 {
			t.Errorf("identity %+v, was %+v", adopted.Identity(), h.Identity())
		}
		if err := os.WriteFile(filepath.Join(s.Dir, driver.In, "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		e := drivertest.Wait(t, adopted)
		if e.Code != 9 || e.Reason != driver.None || drivertest.Output(t, s, driver.Stdout) != "begun\n" {
			t.Errorf("%+v", e)
		}
		// And once more, long after its end.
		again, err := next.Adopt(t.Context(), s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if second := drivertest.Wait(t, again); second != e {
			t.Errorf("first %+v, then %+v", e, second)
		}
	})
}

func TestStopAnAdopted(t *testing.T) {
	each(t, func(t *testing.T, old *Driver) {
		s := shell(t, driver.Limits{}, `sleep 600`)
		drivertest.Start(t, old, s)
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		adopted, err := newDriver(t, Options{}).Adopt(t.Context(), s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := adopted.Stop(time.Minute); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, adopted); e.Reason != driver.Stopped {
			t.Errorf("%+v", e)
		}
	})
}

func TestNothingToAdopt(t *testing.T) {
	d := newDriver(t, Options{})
	if _, err := d.Adopt(t.Context(), filepath.Join(t.TempDir(), "never")); !errors.Is(err, driver.ErrGone) {
		t.Errorf("missing directory: %v", err)
	}
	// An agent died between making the directory and handing out the task.
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, worker.Run), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := d.Adopt(t.Context(), dir); !errors.Is(err, driver.ErrGone) {
			t.Errorf("empty directory: %v", err)
		}
	}
}

// The number of a dead worker may belong to anybody by now.
func TestAReusedPidIsLeftAlone(t *testing.T) {
	d := newDriver(t, Options{})
	s := shell(t, driver.Limits{}, "sleep 600")
	h := drivertest.Start(t, d, s)
	if err := syscall.Kill(h.Identity().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	drivertest.Wait(t, h)

	stranger, err := tree.Self() // this very process: a kill would be noticed
	if err != nil {
		t.Fatal(err)
	}
	birth := map[string]any{}
	path := filepath.Join(s.Dir, worker.Run, "worker.json")
	b, err := os.ReadFile(path)
	if err = errors.Join(err, json.Unmarshal(b, &birth)); err != nil {
		t.Fatal(err)
	}
	birth["pid"] = stranger.PID
	for name, start := range map[string]uint64{"other start time": stranger.Start - 1, "only the lock differs": stranger.Start} {
		birth["startTime"] = start
		b, err := json.Marshal(birth)
		if err = errors.Join(err, os.WriteFile(path, b, 0o600), os.RemoveAll(filepath.Join(s.Dir, worker.Run, "status.json")),
			os.RemoveAll(filepath.Join(s.Dir, worker.Run, "stop.json"))); err != nil {
			t.Fatal(err)
		}
		again, err := d.Adopt(t.Context(), s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Stop(0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if e := drivertest.Wait(t, again); e.Reason != driver.Lost && e.Reason != driver.Stopped {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestASuspendedTaskUsesNoCPU(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		h := drivertest.Start(t, d, shell(t, driver.Limits{Wall: 700 * time.Millisecond}, `(while :; do :; done) & while :; do :; done`))
		cpu := func() time.Duration {
			u, err := d.Usage(h)
			if err != nil {
				t.Fatal(err)
			}
			return u.CPU
		}
		drivertest.Eventually(t, "it computes", func() bool { return cpu() > 20*time.Millisecond })
		if err := errors.Join(d.Suspend(h), d.Suspend(h)); err != nil {
			t.Fatal(err)
		}
		before := cpu()
		time.Sleep(time.Second) // beyond its limit, which stands still
		if after := cpu(); after != before {
			t.Errorf("used %s while suspended", after-before)
		}
		if err := errors.Join(d.Resume(h), d.Resume(h)); err != nil {
			t.Fatal(err)
		}
		drivertest.Eventually(t, "it computes again", func() bool { return ended(h) || cpu() > before })
		e := drivertest.Wait(t, h)
		if e.Reason != driver.Timeout || e.Wall < 1700*time.Millisecond {
			t.Errorf("%+v", e)
		}
	})
}

// TestResumeWithoutARecord: an agent that died after it had suspended a task, and before
// that was written down, leaves one that its successor lets go on.
func TestResumeWithoutARecord(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		s := shell(t, driver.Limits{}, `until [ -e ../in/go ]; do sleep 0.02; done; echo on`)
		h := drivertest.Start(t, d, s)
		if err := d.Suspend(h); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(s.Dir, worker.Run, "suspend.json")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Resume(h), os.WriteFile(filepath.Join(s.Dir, driver.In, "go"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, h); e.Code != 0 || drivertest.Output(t, s, driver.Stdout) != "on\n" {
			t.Errorf("%+v", e)
		}
	})
}

func TestStopOfASuspended(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		s := shell(t, driver.Limits{}, `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.02; done`)
		h := drivertest.Start(t, d, s)
		drivertest.Eventually(t, "the task is ready", func() bool { return drivertest.Output(t, s, driver.Stdout) != "" })
		if err := d.Suspend(h); err != nil {
			t.Fatal(err)
		}
		if err := h.Stop(20 * time.Second); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, h); e.Reason != driver.Stopped || drivertest.Output(t, s, driver.Stdout) != "ready\nbye\n" {
			t.Errorf("%+v", e)
		}
	})
}

// An agent dies as by kill -9: its idle workers go with it, its task runs on.
func TestAgentIsKilled(t *testing.T) {
	each(t, func(t *testing.T, next *Driver) {
		s := shell(t, driver.Limits{}, `until [ -e ../in/go ]; do sleep 0.02; done; exit 9`)
		agent := exec.Command("/proc/self/exe", "task", "agent", s.Dir, s.Args[1], fmt.Sprint(strings.HasSuffix(t.Name(), "plain")))
		out, err := agent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
		var worker int
		if _, err := fmt.Fscan(out, &worker); err != nil {
			t.Fatal(err)
		}
		var idle int
		drivertest.Eventually(t, "a worker idles", func() bool {
			for _, pid := range running(t, "worker "+Name) {
				if s, err := tree.ReadStat(pid); err == nil && s.Parent == agent.Process.Pid && pid != worker {
					idle = pid
				}
			}
			return idle != 0
		})
		if err := agent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = agent.Wait()

		adopted, err := next.Adopt(t.Context(), s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := adopted.Identity().PID; got != worker {
			t.Errorf("pid %d, was %d", got, worker)
		}
		drivertest.Eventually(t, "the idle worker is gone", func() bool { return !slices.Contains(running(t, "worker "+Name), idle) })
		if err := os.WriteFile(filepath.Join(s.Dir, driver.In, "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, adopted); e.Code != 9 || e.Reason != driver.None {
			t.Errorf("%+v", e)
		}
	})
}
