//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drover.dev/internal/failpoint"
)

// Process is one command line of the program that may be started, killed and
// started again. Its methods fail the test when they cannot do what they say.
type Process struct {
	t    testing.TB
	name string
	args []string
	env  []string // of all lives, beside what cleanEnv leaves
	log  string   // file with what all its lives wrote
	mark string   // the file that it writes when it is ready

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when this life is over
	over  error         // how it ended; read after ended
}

// startTimeout is how long a process may take to be ready on a busy machine.
const startTimeout = 30 * time.Second

// Start begins a life with these additions to the environment; it does not wait.
func (p *Process) Start(env ...string) {
	p.t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = out.Close() }() // the process has its own
	if err := os.Remove(p.mark); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = slices.Concat(cleanEnv(), p.env, env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	ended := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.ended = cmd, ended
	p.mu.Unlock()
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.over = err
		p.mu.Unlock()
		close(ended)
	}()
}

// cleanEnv is the environment without settings of the program.
func cleanEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "DROVER_") {
			env = append(env, kv)
		}
	}
	return env
}

// Ready waits until the process says that it is, and returns what it says.
func (p *Process) Ready() string {
	p.t.Helper()
	text, err := p.ready(startTimeout)
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return text
}

var errLate = errors.New("it is not ready in time")

func (p *Process) ready(patience time.Duration) (string, error) {
	late := time.After(patience)
	for {
		if b, err := os.ReadFile(p.mark); err == nil {
			return strings.TrimSpace(string(b)), nil
		}
		select {
		case <-p.Ended():
			p.mu.Lock()
			defer p.mu.Unlock()
			return "", errors.Join(errors.New("it ended before it was ready"), p.over)
		case <-late:
			return "", errLate
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Restart begins the next life and waits until it is ready.
func (p *Process) Restart(env ...string) {
	p.t.Helper()
	p.Start(env...)
	p.Ready()
}

// RestartToDie begins a life that ends by itself at a fail-point, which may be
// before it is ready.
func (p *Process) RestartToDie(point string) {
	p.t.Helper()
	p.Start(failpoint.Env + "=" + point)
	if _, err := p.ready(startTimeout); errors.Is(err, errLate) {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// Ended is closed when the present life is over.
func (p *Process) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// PID is the number of the process in its present or last life.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Kill ends the process as a loss of power would: at once.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	p.awaitEnd(10 * time.Second)
}

// Terminate asks the process to end, and waits. It must end well.
func (p *Process) Terminate() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.awaitEnd(20 * time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over != nil {
		p.t.Errorf("%s was asked to end and ended badly: %v", p.name, p.over)
	}
}

func (p *Process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(sig) // it may have ended
	}
}

func (p *Process) awaitEnd(patience time.Duration) {
	p.t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(patience):
		p.signal(syscall.SIGKILL)
		p.t.Errorf("%s did not end in %v", p.name, patience)
	}
}

// Log is what all lives of the process wrote.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// lastLines is the end of a log.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// processesOf lists the processes that hold anything below dir: their working
// directory, their command line, an open file. So tasks are found, wherever
// sessions and parents have gone.
func processesOf(dir string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != os.Getpid() && holds(filepath.Join("/proc", e.Name()), dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func holds(proc, dir string) bool {
	if b, err := os.ReadFile(filepath.Join(proc, "cmdline")); err == nil && bytes.Contains(b, []byte(dir)) {
		return true
	}
	if at, err := os.Readlink(filepath.Join(proc, "cwd")); err == nil && strings.HasPrefix(at, dir) {
		return true
	}
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return false
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(proc, "fd", f.Name())); err == nil && strings.HasPrefix(to, dir) {
			return true
		}
	}
	return false
}

// killAll ends every process that holds anything below dir.
func killAll(t testing.TB, dir string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		pids := processesOf(dir)
		if len(pids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("processes of the test do not end: %v", pids)
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		time.Sleep(10 * time.Millisecond) // the kernel takes them down
	}
}
