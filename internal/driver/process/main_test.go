package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"drover.dev/internal/driver/worker"
	"go.uber.org/goleak"
)

// TestMain makes the test binary its own worker, and its own tasks.
func TestMain(m *testing.M) {
	worker.Main(Kinds()...)
	if len(os.Args) > 2 && os.Args[1] == "task" {
		os.Exit(task(os.Args[2], os.Args[3:]))
	}
	goleak.VerifyTestMain(m)
}

// task is what the tests run where a shell is not exact enough.
func task(name string, args []string) int {
	switch name {
	case "hold": // as many bytes of memory as asked for, a second long
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return 2
		}
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i)
		}
		time.Sleep(time.Second)
		fmt.Println("held", b[n-1] == byte(n-1))
	case "line": // one line without an end
		chunk := []byte(strings.Repeat("x", 1<<20))
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return 2
		}
		for range n {
			os.Stdout.Write(chunk)
		}
	case "daemon": // forks twice, each time into a session of its own
		c := exec.Command("/proc/self/exe", append([]string{"task", "daemon2"}, args...)...)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if c.Start() != nil {
			return 2
		}
	case "daemon2":
		c := exec.Command("/bin/sleep", args[0])
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if c.Start() != nil {
			return 2
		}
	case "agent": // starts one task, keeps an idle worker, and waits for its end
		return agent(args[0], args[1], args[2] == "true")
	}
	return 0
}

func agent(dir, script string, plain bool) int {
	o := Options{Idle: 1}
	if plain {
		o.Parent = &tree.Parent{}
	}
	d, err := New(o)
	if err != nil {
		return 2
	}
	h, err := d.Start(context.Background(), driver.Spec{Dir: dir, Command: "sh", Args: []string{"-c", script}, Env: environ()})
	if err != nil {
		return 2
	}
	fmt.Println(h.Identity().PID)
	time.Sleep(time.Minute)
	return 0
}

// each runs a test with the groups that this machine has, and without any.
func each(t *testing.T, f func(t *testing.T, d *Driver)) {
	t.Run("groups", func(t *testing.T) {
		p := tree.Detect()
		if p.V2 == "" && p.V1 == nil {
			t.Skip("SKIPPED: this machine gives us no control groups")
		}
		f(t, newDriver(t, Options{Parent: &p}))
	})
	t.Run("plain", func(t *testing.T) { f(t, newDriver(t, Options{Parent: &tree.Parent{}})) })
}

func newDriver(t *testing.T, o Options) *Driver {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func environ() []string { return []string{"PATH=/usr/local/bin:/usr/bin:/bin"} }

// own makes a spec that runs a task of this test binary.
func own(t *testing.T, l driver.Limits, args ...string) driver.Spec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return driver.Spec{Dir: t.TempDir(), Command: exe, Args: append([]string{"task"}, args...), Env: environ(), Limits: l}
}

func shell(t *testing.T, l driver.Limits, script string) driver.Spec {
	t.Helper()
	return driver.Spec{Dir: t.TempDir(), Command: "sh", Args: []string{"-c", script}, Env: environ(), Limits: l}
}

// sleeper is a command that no other run of these tests uses.
func sleeper(n int) string { return fmt.Sprintf("sleep %d%07d", n, os.Getpid()) }

// running finds living processes whose command line has the marker.
func running(t *testing.T, marker string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || !strings.Contains(strings.ReplaceAll(string(b), "\x00", " "), marker) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
