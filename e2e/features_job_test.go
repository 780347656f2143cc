//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
)

// TestJobs is what jobs are for, on two nodes of different layers.
func TestJobs(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.file("") // before the agent looks at it
	c.Agent("cloud-1", "--layer", "cloud", "--allow-path", filepath.Join(c.Dir, "shared"))
	c.Agent("edge-1", "--layer", "edge", "--allow-path", filepath.Join(c.Dir, "shared"))
	for name, test := range map[string]func(*Cluster){
		"process": processJob, "wasm": wasmJob, "run": runCommands, "logs": followLogs, "array": arrayJob,
		"graph": graphJob, "failing": failingJob, "timeout": timeoutJobs, "cancel": cancelJob,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(c.in(t))
		})
	}
}

// outputs are those of the elements of a workload, by "task[index].output".
func (c *Cluster) outputs(name string) map[string]string {
	c.t.Helper()
	out := map[string]string{}
	for _, r := range read[[]api.TaskResult](c, "result", name) {
		for _, v := range r.Outputs {
			text := string(v.Inline)
			if v.Digest != "" {
				text = fmt.Sprintf("%s of %d bytes", v.Digest[:7], v.Size)
			}
			out[fmt.Sprintf("%s[%d].%s", r.Task, r.Index, v.Name)] = text
		}
	}
	return out
}

func processJob(c *Cluster) {
	t := c.t
	w := job("greet", api.Task{
		Driver: api.DriverProcess,
		Command: []string{"sh", "-c", `echo "hello from $DROVER_NODE, a $GREETING"; printf made > "$DROVER_OUT/made.txt"
			head -c 10000 /dev/zero > "$DROVER_OUT/large.bin"`},
		Env: map[string]string{"GREETING": "process"},
		Outputs: []api.Output{
			{Name: "said", Stdout: true}, {Name: "made", Path: "made.txt"}, {Name: "large", Path: "large.bin"},
		},
		Requires: api.Requirements{Layers: []api.Layer{api.LayerEdge}},
	})
	c.applied(w, "--wait")
	got := c.outputs("greet")
	for name, want := range map[string]string{
		"main[0].said": "hello from edge-1, a process\n", "main[0].made": "made", "main[0].large": "sha256: of 10000 bytes",
	} {
		if got[name] != want {
			t.Errorf("output %s is %q, want %q", name, got[name], want)
		}
	}
	dir := t.TempDir()
	if r := c.CLI("result", "greet", "--out", dir); r.Code != 0 {
		t.Fatalf("result: %+v", r)
	}
	large, err := os.ReadFile(filepath.Join(dir, "main", "large.bin"))
	if err != nil || len(large) != 10000 {
		t.Errorf("large.bin has %d bytes, %v", len(large), err)
	}
	for _, v := range read[[]api.WorkloadView](c, "ls", "--prefix", "greet") {
		if v.Name != "greet" || v.Status != "succeeded" || v.Counts.Succeeded != 1 {
			t.Errorf("listed: %+v", v)
		}
	}
	if x := c.CLI("explain", "greet"); x.Code != 0 || !strings.Contains(x.Stdout, "It went to edge-1 (strategy ") {
		t.Errorf("explain: %+v", x)
	}
}

func wasmJob(c *Cluster) {
	t := c.t
	c.applied(job("hello", api.Task{
		Driver: api.DriverWASM, Artifact: c.module("../examples/hello/hello.wasm"), Args: []string{"from", "{index}"},
		Outputs: []api.Output{{Name: "greeting", Stdout: true}}, Resources: api.Resources{Memory: 16 * api.MiB},
	}), "--wait")
	r := c.CLI("result", "hello")
	if r.Code != 0 || !strings.Contains(r.Stdout, "argument 2: 0\n") || !strings.Contains(r.Stdout, "DROVER_WORKLOAD=hello\n") {
		t.Errorf("result: %+v", r)
	}
	if logs := c.CLI("logs", "hello"); logs.Stdout != r.Stdout {
		t.Errorf("the log %q is not the result %q", logs.Stdout, r.Stdout)
	}
}

// runCommands is drover run: output, error stream, files and exit code are the
// program's.
func runCommands(c *Cluster) {
	t := c.t
	c.module("../examples/hello/hello.wasm")
	if err := os.WriteFile(filepath.Join(c.Dir, "in.txt"), []byte("three little words"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		want Result // parts of it
	}{
		{"process", []string{"--driver", "process", "--", "sh", "-c", "echo out; echo err >&2; exit 7"}, Result{"out\n", "err\n", 7}},
		{"wasm", []string{"./hello.wasm", "--", "a b", "c"}, Result{"argument 1: a b\nargument 2: c\n", "", 0}},
		{"more than a log keeps", []string{"--driver", "process", "--", "head", "-c", "30000000", "/dev/zero"}, Result{}},
		{"files", []string{
			"--driver", "process", "--input", "in.txt", "--output", "n.txt", "--out", "fetched", "--",
			"sh", "-c", `wc -w < "$DROVER_IN/in.txt" > "$DROVER_OUT/n.txt"`,
		}, Result{}},
	} {
		got := c.CLI(append([]string{"run"}, test.args...)...)
		if strings.Contains(got.Stderr, "cannot be shown") || got.Code != test.want.Code || !strings.Contains(got.Stdout, test.want.Stdout) || !strings.Contains(got.Stderr, test.want.Stderr) {
			t.Errorf("%s: %.500q %q, code %d, want %+v", test.name, got.Stdout, got.Stderr, got.Code, test.want)
		}
	}
	n, err := os.ReadFile(filepath.Join(c.Dir, "fetched", "main", "n.txt"))
	if err != nil || strings.TrimSpace(string(n)) != "3" {
		t.Errorf("fetched %q, %v", n, err)
	}
}

// followLogs reads a line of a task before the task ends.
func followLogs(c *Cluster) {
	c.applied(job("talker", shell("echo first; "+c.gated("talk", "echo second"))))
	logs := c.start("logs", "-f", "talker")
	if l := logs.line(); l != "first" {
		c.t.Errorf("the first line is %q", l)
	}
	if s := c.show("talker"); s.Workload.Status != "running" {
		c.t.Errorf("after its first line: %v", s)
	}
	c.open("talk")
	if l := logs.line(); l != "second" {
		c.t.Errorf("the second line is %q", l)
	}
	if code := logs.code(); code != 0 {
		c.t.Errorf("logs -f ended with %d", code)
	}
}

func arrayJob(c *Cluster) {
	const n = 20
	w := job("squares", shell("echo $(({index} * DROVER_INDEX)) of $DROVER_COUNT"))
	w.Tasks[0].Count = n
	c.applied(w, "--wait")
	got := c.outputs("squares")
	if len(got) != n {
		c.t.Errorf("%d outputs", len(got))
	}
	for i := range n {
		if name := fmt.Sprintf("main[%d].out", i); got[name] != fmt.Sprintf("%d of %d\n", i*i, n) {
			c.t.Errorf("%s is %q", name, got[name])
		}
	}
	if r := c.CLI("result", "squares.main[7]"); r.Stdout != "49 of 20\n" {
		c.t.Errorf("element 7: %+v", r)
	}
}

// graphJob passes data from the edge to an array in the cloud and back.
func graphJob(c *Cluster) {
	t := c.t
	edge := api.Requirements{Layers: []api.Layer{api.LayerEdge}}
	cloud := api.Requirements{Layers: []api.Layer{api.LayerCloud}}
	source, halves, join := shell("seq 1 2000 | tee $DROVER_OUT/numbers"), shell(""), shell("")
	source.Name, source.Requires = "source", edge
	source.Outputs = append(source.Outputs, api.Output{Name: "numbers", Path: "numbers"}) // 8893 bytes: an artifact
	halves.Name, halves.Requires, halves.Count = "halves", cloud, 2
	halves.Command[2] = `awk "NR % 2 == {index} { s += \$1 } END { print s }" $DROVER_IN/given`
	halves.Inputs = []api.Input{{Path: "given", Task: "source", Output: "numbers"}}
	join.Name, join.Requires = "join", edge
	join.Command[2] = `cat $DROVER_IN/sums/*/stdout | awk '{ s += $1 } END { print s }'`
	join.Inputs = []api.Input{{Path: "sums", Task: "halves", Output: "out"}}
	c.applied(&api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "pipeline", Tasks: []api.Task{join, source, halves},
	}, "--wait")
	got := c.outputs("pipeline")
	for name, want := range map[string]string{"halves[0].out": "1001000\n", "halves[1].out": "1000000\n", "join[0].out": "2001000\n"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, task := range c.show("pipeline").Tasks {
		want := map[string]string{"source": "edge-1", "halves": "cloud-1", "join": "edge-1"}[task.TaskName]
		if task.Node != want {
			t.Errorf("%s ran on %s, want %s", task.Name, task.Node, want)
		}
	}
}

// failingJob is tried as often as its policy says, and says why it failed.
func failingJob(c *Cluster) {
	t := c.t
	w := job("failing", shell("echo $DROVER_ATTEMPT >> "+c.file("tries")+"; echo it broke >&2; exit 3"))
	w.Tasks[0].Restart = &api.Restart{Attempts: 2, Backoff: 50 * api.Millisecond}
	if r := c.apply(w, "--wait"); r.Code != 1 || !strings.Contains(r.Stdout+r.Stderr, "failed") {
		t.Errorf("apply --wait: %+v", r)
	}
	if got := strings.Join(c.lines("tries"), " "); got != "1 2 3" {
		t.Errorf("attempts %q, want 1 2 3", got)
	}
	s := c.show("failing")
	if task := s.Tasks[0]; s.Workload.Status != "failed" || task.Try != 3 || task.Result.ExitCode != 3 {
		t.Errorf("%v", s)
	}
	if r := c.CLI("show", "failing"); !strings.Contains(r.Stdout, "exit code 3") {
		t.Errorf("show does not say why it failed: %s", r.Stdout)
	}
	if r := c.CLI("logs", "failing"); r.Stderr != "it broke\n" {
		t.Errorf("logs: %+v", r)
	}
	first, second := shell("exit 1"), shell("true")
	first.Name, second.Name, second.After = "first", "second", []string{"first"}
	first.Restart = &api.Restart{Policy: api.RestartNever}
	c.apply(&api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "chain", Tasks: []api.Task{first, second}}, "--wait")
	if s := c.show("chain"); s.Workload.Status != "failed" || s.Tasks[1].Status != "cancelled" || s.Tasks[1].Try != 0 {
		t.Errorf("what depends on a failed task: %v", s)
	}
	w = job("flaky", shell("[ $DROVER_ATTEMPT = 2 ] && echo good"))
	w.Tasks[0].Restart = &api.Restart{Attempts: 1, Backoff: 50 * api.Millisecond}
	c.applied(w, "--wait")
	if r := c.CLI("result", "flaky"); r.Stdout != "good\n" {
		t.Errorf("result of the second attempt: %+v", r)
	}
}

// loopModule runs for ever and calls nothing: only its worker's death ends it.
//
//	(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))
var loopModule = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00" +
	"\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b")

func timeoutJobs(c *Cluster) {
	t := c.t
	sleeping := shell("echo $$ > " + c.file("sleeper") + "; sleep 600")
	looping := api.Task{Driver: api.DriverWASM, Artifact: c.moduleOf("loop.wasm", loopModule)}
	late := job("late", shell("true"))
	late.Deadline, late.Tasks[0].Requires.Sites = api.Second, []string{"nowhere"}
	c.applied(late)
	for name, task := range map[string]api.Task{"sleeping": sleeping, "looping": looping} {
		task.Timeout, task.Restart = api.Second, &api.Restart{Policy: api.RestartNever}
		c.applied(job(name, task))
	}
	for _, name := range []string{"sleeping", "looping"} {
		s := c.await(name, "fails", status("failed"))
		r := s.Tasks[0].Result
		if r.Reason != "timeout" || time.Duration(r.Wall) < time.Second {
			t.Errorf("%v, after %v", s, r.Wall)
		}
		if r := c.CLI("show", name); !strings.Contains(r.Stdout, "timeout") {
			t.Errorf("show: %s", r.Stdout)
		}
	}
	if s := c.await("late", "fails", status("failed")); !strings.Contains(s.Workload.Reason, "deadline") {
		t.Errorf("%v", s)
	}
	if pid := c.pid("sleeper"); alive(pid) {
		t.Errorf("process %d lives on after its timeout", pid)
	}
}

// pid reads the number of a process that a task wrote.
func (c *Cluster) pid(file string) int {
	c.t.Helper()
	lines := c.lines(file)
	if len(lines) == 0 {
		c.t.Fatalf("no process has written %s", file)
	}
	pid, err := strconv.Atoi(lines[len(lines)-1])
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// cancelJob ends a task that does not want to, and its children.
func cancelJob(c *Cluster) {
	t := c.t
	task := shell("trap '' TERM; sleep 600 & echo $$ > " + c.file("stubborn") + "; echo $! > " + c.file("child") + "; while :; do sleep 1; done")
	task.Grace = 200 * api.Millisecond
	c.applied(job("stubborn", task))
	Await(t, patience, "the task runs", func() (bool, string) {
		return len(c.lines("child")) == 1, c.show("stubborn").String()
	})
	if r := c.CLI("cancel", "stubborn", "--wait"); r.Code != 0 {
		t.Errorf("cancel: %+v", r)
	}
	if s := c.show("stubborn"); s.Workload.Status != "cancelled" || s.Tasks[0].Status != "cancelled" {
		t.Errorf("%v", s)
	}
	for _, file := range []string{"stubborn", "child"} {
		if pid := c.pid(file); alive(pid) {
			t.Errorf("process %d of %s lives on", pid, file)
		}
	}
	if r := c.CLI("cancel", "nothing-like-it"); r.Code != 3 {
		t.Errorf("cancel of what is not there: %+v", r)
	}
}
