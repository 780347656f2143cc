//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drover.dev/api"
)

// patience is how long to wait for what takes no time of its own.
const patience = 90 * time.Second

// in is the cluster for a subtest: faults and what is to be cleaned up are its.
func (c *Cluster) in(t testing.TB) *Cluster {
	d := *c
	d.t = t
	return &d
}

// file is a path that tasks and tests share.
func (c *Cluster) file(name string) string {
	c.t.Helper()
	dir := filepath.Join(c.Dir, "shared")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// open makes the file that a task waits for; see gated.
func (c *Cluster) open(gate string) {
	c.t.Helper()
	if err := os.WriteFile(c.file(gate), nil, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// gated is a script that goes on when the gate is opened.
func (c *Cluster) gated(gate, script string) string {
	return fmt.Sprintf("while [ ! -e %s ]; do sleep 0.02; done; %s", c.file(gate), script)
}

// lines are those of a shared file; none when there is no file yet.
func (c *Cluster) lines(name string) []string {
	c.t.Helper()
	b, err := os.ReadFile(c.file(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Fatal(err)
	}
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// apply submits a workload by the command line.
func (c *Cluster) apply(w *api.Workload, flags ...string) Result {
	c.t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.CLIWith(string(text), append([]string{"apply", "-f", "-"}, flags...)...)
}

// applied is apply of what must be taken.
func (c *Cluster) applied(w *api.Workload, flags ...string) {
	c.t.Helper()
	if r := c.apply(w, flags...); r.Code != 0 {
		c.t.Fatalf("apply %s: %+v", w.Name, r)
	}
}

// read runs a command and reads the JSON that it prints.
func read[T any](c *Cluster, args ...string) (v T) {
	c.t.Helper()
	r := c.CLI(append(args, "-o", "json")...)
	if r.Code != 0 {
		c.t.Fatalf("drover %s: %+v", strings.Join(args, " "), r)
	}
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil {
		c.t.Fatalf("drover %s: %v in %s", strings.Join(args, " "), err, r.Stdout)
	}
	return v
}

// shown is what drover show prints.
type shown struct {
	Workload api.WorkloadView `json:"workload"`
	Tasks    []api.TaskView   `json:"tasks"`
}

func (s shown) String() string {
	text := fmt.Sprintf("%s %s rev %d healthy %d %q;", s.Workload.Name, s.Workload.Status, s.Workload.Revision, s.Workload.Healthy, s.Workload.Reason)
	for _, t := range s.Tasks {
		text += fmt.Sprintf(" %s %s on %q try %d healthy %v %q", t.Name, t.Status, t.Node, t.Try, t.Healthy, t.Reason)
		if r := t.Result; r != nil {
			text += fmt.Sprintf(" (%v, exit %d, %q %q)", r.Outcome, r.ExitCode, r.Reason, r.Detail)
		}
	}
	return text
}

// show shows a workload by the command line.
func (c *Cluster) show(name string) shown {
	c.t.Helper()
	return read[shown](c, "show", name)
}

// await waits until a workload stands as cond says, and returns how it stands.
func (c *Cluster) await(name, what string, cond func(shown) bool) (s shown) {
	c.t.Helper()
	Await(c.t, patience, name+" "+what, func() (bool, string) {
		s = c.show(name)
		return cond(s), s.String()
	})
	return s
}

func status(want string) func(shown) bool {
	return func(s shown) bool { return s.Workload.Status == want }
}

// running holds when so many elements run, and no more are there.
func running(n int) func(shown) bool {
	return func(s shown) bool {
		return len(s.Tasks) == n && int(s.Workload.Counts.Running) == n
	}
}

// healthy holds when a service has settled at so many replicas.
func healthy(n int32) func(shown) bool {
	return func(s shown) bool {
		return s.Workload.Status == "running" && s.Workload.Healthy == n && len(s.Tasks) == int(n)
	}
}

// background is a command line that goes on.
type background struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string // of its standard output; closed at its end
	ended chan struct{}
}

// start starts a command line of the program and reads its output as it comes.
func (c *Cluster) start(args ...string) *background {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cleanEnv(), "DROVER_SERVER="+c.URL, "DROVER_TOKEN="+c.Token(), "XDG_CONFIG_HOME="+c.Dir)
	cmd.Dir = c.Dir
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		c.t.Fatal(err)
	}
	b := &background{t: c.t, cmd: cmd, lines: make(chan string, 100), ended: make(chan struct{})}
	go func() {
		defer cancel()
		defer close(b.ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			b.lines <- s.Text()
		}
		close(b.lines)
		_ = cmd.Wait() // the exit code tells
	}()
	c.t.Cleanup(func() {
		cancel()
		for range b.lines {
		}
		<-b.ended
	})
	return b
}

// line is the next line of its output.
func (b *background) line() string {
	b.t.Helper()
	select {
	case l, more := <-b.lines:
		if !more {
			b.t.Fatalf("%q ended with code %d before its next line", b.cmd.Args, b.code())
		}
		return l
	case <-time.After(patience):
		b.t.Fatalf("%q prints nothing", b.cmd.Args)
	}
	return ""
}

// code waits for the end.
func (b *background) code() int {
	b.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(patience):
		b.t.Fatalf("%q does not end", b.cmd.Args)
	}
	return b.cmd.ProcessState.ExitCode()
}

// goingOn reports whether it has not ended.
func (b *background) goingOn() bool {
	select {
	case <-b.ended:
		return false
	default:
		return true
	}
}

// alive reports whether there is such a process that is no corpse.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

var buildTool = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "tool")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./testdata/tool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the tool: %w\n%s", err, out)
	}
	return path, nil
})

// tool is the path of what tasks run; see testdata/tool.
func tool(t testing.TB) string {
	t.Helper()
	path, err := buildTool()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// module copies a WebAssembly module to where manifests find it.
func (c *Cluster) module(path string) *api.Source {
	c.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.moduleOf(filepath.Base(path), b)
}

func (c *Cluster) moduleOf(name string, b []byte) *api.Source {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.Dir, name), b, 0o644); err != nil {
		c.t.Fatal(err)
	}
	return &api.Source{File: name}
}

// gateModule is a task that ends when the gate is opened, see testdata/gate.
// The agent must allow the shared directory.
func (c *Cluster) gateModule(gate string) api.Task {
	c.t.Helper()
	return api.Task{
		Driver: api.DriverWASM, Artifact: c.module("testdata/gate/gate.wasm"), Args: []string{"/shared/" + filepath.Base(c.file(gate))},
		Volumes: []api.Volume{{Target: "/shared", HostPath: filepath.Dir(c.file(gate)), ReadOnly: true}},
		Outputs: []api.Output{{Name: "out", Stdout: true}},
	}
}
