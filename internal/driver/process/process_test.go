package process

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/drivertest"
	"drover.dev/internal/driver/tree"
)

func TestRunsACommand(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		s := shell(t, driver.Limits{}, `echo out; echo err >&2; pwd; echo "$0 $A"; echo result > ../out/r; exit 3`)
		s.Env = append(s.Env, "A=b c")
		e := drivertest.Run(t, d, s)
		if e.Code != 3 || e.Reason != driver.None || e.Signal != "" || e.OK() {
			t.Errorf("exit %+v", e)
		}
		want := "out\n" + filepath.Join(s.Dir, driver.Work) + "\nsh b c\n"
		if got := drivertest.Output(t, s, driver.Stdout); got != want {
			t.Errorf("stdout %q, want %q", got, want)
		}
		if got := drivertest.Output(t, s, driver.Stderr); got != "err\n" {
			t.Errorf("stderr %q", got)
		}
		if b, err := os.ReadFile(filepath.Join(s.Dir, driver.Out, "r")); string(b) != "result\n" {
			t.Errorf("result %q, %v", b, err)
		}
		if e.Wall <= 0 || e.CPU <= 0 || e.Ended-e.Started != int64(e.Wall) || e.MaxRSS <= 0 {
			t.Errorf("measured %+v", e)
		}
	})
}

func TestTheEnvironmentIsWhatTheSpecSays(t *testing.T) {
	t.Setenv("SECRET_OF_THE_AGENT", "1")
	d := newDriver(t, Options{})
	s := driver.Spec{Dir: t.TempDir(), Command: "/usr/bin/env", Env: []string{"ONLY=this"}}
	if e := drivertest.Run(t, d, s); !e.OK() {
		t.Fatalf("%+v", e)
	}
	if got := drivertest.Output(t, s, driver.Stdout); got != "ONLY=this\n" {
		t.Errorf("environment %q", got)
	}
}

func TestNothingIsInherited(t *testing.T) {
	d := newDriver(t, Options{})
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := syscall.Dup(int(f.Fd())); err != nil { // without close-on-exec
		t.Fatal(err)
	}
	s := shell(t, driver.Limits{}, `ls /proc/self/fd | tr '\n' ' '; grep -E 'NoNewPrivs|SigIgn' /proc/self/status; umask`)
	if e := drivertest.Run(t, d, s); !e.OK() {
		t.Fatalf("%+v", e)
	}
	got := drivertest.Output(t, s, driver.Stdout)
	// 3 is the directory that ls itself reads.
	for _, want := range []string{"0 1 2 3 SigIgn", "NoNewPrivs:\t1", "SigIgn:\t0000000000000000", "0022"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestStartFailures(t *testing.T) {
	d := newDriver(t, Options{})
	for name, c := range map[string]struct {
		command string
		env     []string
		says    string
	}{
		"no such file":     {"/nowhere/x", nil, "/nowhere/x"},
		"not in PATH":      {"no-such-command", environ(), "not found in the PATH of"},
		"no PATH":          {"sh", nil, "no PATH"},
		"not executable":   {"/etc/passwd", nil, "permission denied"},
		"a directory":      {"/etc", nil, "permission denied"},
		"relative PATH":    {"x", []string{"PATH=."}, "not found"},
		"last PATH wins":   {"sh", []string{"PATH=/bin", "PATH=/nowhere"}, "not found"},
		"empty PATH entry": {"x", []string{"PATH=:"}, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			e := drivertest.Run(t, d, driver.Spec{Dir: t.TempDir(), Command: c.command, Env: c.env})
			if e.Reason != driver.StartFailed || !strings.Contains(e.Detail, c.says) {
				t.Errorf("got %+v, want %q", e, c.says)
			}
		})
	}
}

func TestRefusedSpecs(t *testing.T) {
	d := newDriver(t, Options{})
	used := shell(t, driver.Limits{}, "true")
	drivertest.Run(t, d, used)
	for name, s := range map[string]driver.Spec{
		"no command":      {Dir: t.TempDir()},
		"relative dir":    {Dir: "x", Command: "sh"},
		"negative limit":  {Dir: t.TempDir(), Command: "sh", Limits: driver.Limits{Memory: -1}},
		"relative mount":  {Dir: t.TempDir(), Command: "sh", Mounts: []driver.Mount{{Source: "x", Target: "/y"}}},
		"used directory":  used,
		"impossible path": {Dir: "/proc/1/nowhere", Command: "sh"},
	} {
		if h, err := d.Start(t.Context(), s); err == nil {
			t.Errorf("%s: started %+v", name, h.Identity())
		}
	}
}

func TestIdleWorkersTakeTasks(t *testing.T) {
	d := newDriver(t, Options{Idle: 2})
	for range 5 {
		if e := drivertest.Run(t, d, shell(t, driver.Limits{}, "true")); !e.OK() {
			t.Fatalf("%+v", e)
		}
	}
	d.Warm(0)
}

func TestDaemonsEndWithTheirTask(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		marker := sleeper(1)
		if e := drivertest.Run(t, d, own(t, driver.Limits{}, "daemon", strings.TrimPrefix(marker, "sleep "))); !e.OK() {
			t.Fatalf("%+v", e)
		}
		if left := running(t, marker); len(left) > 0 {
			t.Errorf("still running: %v", left)
		}
	})
}

func TestStop(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		t.Run("gracefully", func(t *testing.T) {
			s := shell(t, driver.Limits{}, `trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done`)
			h := drivertest.Start(t, d, s)
			drivertest.Eventually(t, "the task is ready", func() bool { return drivertest.Output(t, s, driver.Stdout) != "" })
			if err := h.Stop(20 * time.Second); err != nil {
				t.Fatal(err)
			}
			if e := drivertest.Wait(t, h); e.Reason != driver.Stopped || e.Code != 7 {
				t.Errorf("exit %+v", e)
			}
			if got := drivertest.Output(t, s, driver.Stdout); got != "ready\nbye\n" {
				t.Errorf("stdout %q", got)
			}
		})
		t.Run("by force", func(t *testing.T) {
			s := shell(t, driver.Limits{}, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
			h := drivertest.Start(t, d, s)
			drivertest.Eventually(t, "the task is ready", func() bool { return drivertest.Output(t, s, driver.Stdout) != "" })
			if err := h.Stop(100 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if e := drivertest.Wait(t, h); e.Reason != driver.Stopped || e.Signal != "SIGKILL" {
				t.Errorf("exit %+v", e)
			}
		})
		t.Run("after the end", func(t *testing.T) {
			h := drivertest.Start(t, d, shell(t, driver.Limits{}, "exit 5"))
			drivertest.Wait(t, h)
			if err := h.Stop(0); err != nil {
				t.Error(err)
			}
			if e := drivertest.Wait(t, h); e.Code != 5 || e.Reason != driver.None {
				t.Errorf("exit %+v", e)
			}
		})
	})
}

func TestMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root to mount")
	}
	d := newDriver(t, Options{})
	source := t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "f"), []byte("data\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := shell(t, driver.Limits{}, `cat ../data/f; touch ../data/g || echo refused; touch ../more/g`)
	s.Mounts = []driver.Mount{
		{Source: source, Target: filepath.Join(s.Dir, "data"), ReadOnly: true},
		{Source: source, Target: filepath.Join(s.Dir, "more")},
	}
	if e := drivertest.Run(t, d, s); !e.OK() {
		t.Fatalf("%+v: %s", e, drivertest.Output(t, s, driver.Stderr))
	}
	if got := drivertest.Output(t, s, driver.Stdout); got != "data\nrefused\n" {
		t.Errorf("stdout %q", got)
	}
	if _, err := os.Stat(filepath.Join(source, "g")); err != nil {
		t.Error(err)
	}
	trap := shell(t, driver.Limits{}, "true")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/etc", link); err != nil {
		t.Fatal(err)
	}
	trap.Mounts = []driver.Mount{{Source: link, Target: filepath.Join(trap.Dir, "data"), ReadOnly: true}}
	if e := drivertest.Run(t, d, trap); e.Reason != driver.StartFailed || !strings.Contains(e.Detail, "symbolic link") {
		t.Errorf("a link in the place of what was allowed: %+v", e)
	}
	if left, err := os.ReadDir(filepath.Join(s.Dir, "data")); len(left) > 0 || err != nil {
		t.Errorf("the mount is seen outside of its task: %v, %v", left, err)
	}
}

func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root to change the user")
	}
	for name, p := range map[string]tree.Parent{"groups": tree.Detect(), "plain": {}} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, Options{User: &User{UID: 65534, GID: 65534}, Parent: &p})
			s := shell(t, driver.Limits{}, `id -u; id -G; echo x > ../out/x && echo y > ../run/y`)
			for dir := s.Dir; dir != os.TempDir(); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			e := drivertest.Run(t, d, s)
			if e.Code == 0 || e.Reason != driver.None {
				t.Errorf("the task could write where only the agent may: %+v", e)
			}
			if got := drivertest.Output(t, s, driver.Stdout); got != "65534\n65534\n" {
				t.Errorf("ran as %q; %s", got, drivertest.Output(t, s, driver.Stderr))
			}
		})
	}
}

func TestClosedDriver(t *testing.T) {
	d := newDriver(t, Options{Idle: 1})
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	marker := sleeper(2)
	if _, err := d.Start(t.Context(), shell(t, driver.Limits{}, marker)); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("start: %v", err)
	}
	drivertest.Eventually(t, "what was started is gone", func() bool { return len(running(t, marker)) == 0 })
}
