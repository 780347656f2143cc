//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
)

// TestContained: tasks that take too much of anything end or are held, and a
// neighbour on the same node does not notice.
func TestContained(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("n1")
	neighbour := api.Task{Driver: api.DriverProcess, Command: []string{tool(t), "hold", "32"}}
	neighbour.Resources.Memory = 64 * api.MiB
	c.applied(job("neighbour", neighbour))
	before := c.await("neighbour", "runs", running(1)).Tasks[0]
	for name, test := range map[string]func(*Cluster){
		"memory": tooMuchMemory, "processes": tooManyProcesses, "log": tooMuchLog,
	} {
		t.Run(name, func(t *testing.T) { test(c.in(t)) })
	}
	after := c.show("neighbour").Tasks[0]
	if after.Status != "running" || after.Try != 1 || after.PID != before.PID || !alive(int(after.PID)) {
		t.Errorf("the neighbour was %+v and is %+v", before, after)
	}
}

func tooMuchMemory(c *Cluster) {
	process := api.Task{Driver: api.DriverProcess, Command: []string{tool(c.t), "hold", "128"}}
	wasm := api.Task{Driver: api.DriverWASM, Artifact: c.module("../internal/driver/wasm/testdata/guest.wasm"), Args: []string{"alloc", "128"}}
	for name, task := range map[string]api.Task{"process": process, "wasm": wasm} {
		task.Resources.Memory, task.Restart = 64*api.MiB, &api.Restart{Policy: api.RestartNever}
		c.applied(job("greedy-"+name, task))
	}
	for _, name := range []string{"greedy-process", "greedy-wasm"} {
		s := c.await(name, "ends", status("failed"))
		if r := s.Tasks[0].Result; r.Reason != "out of memory" || r.MaxRSS > 128*api.MiB {
			c.t.Errorf("%v, with %s at most", s, r.MaxRSS)
		}
		if r := c.CLI("show", name); !strings.Contains(r.Stdout, "out of memory") {
			c.t.Errorf("show: %s", r.Stdout)
		}
	}
}

// tooManyProcesses is a fork bomb that would end at 8191 processes, for the sake
// of machines on which this test fails.
func tooManyProcesses(c *Cluster) {
	const limit = 512 // driver.DefaultProcesses
	bomb := shell("bomb() { [ $1 -gt 0 ] || sleep 600; bomb $(($1 - 1)) & bomb $(($1 - 1)) & wait; }; bomb 12")
	bomb.Timeout, bomb.Restart = 8*api.Second, &api.Restart{Policy: api.RestartNever}
	c.applied(job("bomb", bomb))
	id := ulong(c.show("bomb").Workload.ID)
	most, dir := 0, filepath.Join(c.AgentDir("n1"), "tasks", id+"-")
	s := c.await("bomb", "ends", func(s shown) bool {
		most = max(most, len(slices.DeleteFunc(processesOf(dir), isWorker)))
		return s.Workload.Finished != 0
	})
	if most > limit || most < limit/8 {
		c.t.Errorf("there were %d processes, the limit is %d", most, limit)
	}
	if s.Workload.Status != "failed" {
		c.t.Errorf("%v", s)
	}
	Await(c.t, patience, "nothing is left of it", func() (bool, string) {
		pids := processesOf(dir)
		return len(pids) == 0, fmt.Sprint(pids)
	})
	c.applied(job("after-the-bomb", shell("echo fine")), "--wait")
}

// isWorker tells the agent's worker from the processes of the task that it watches over: the
// limit is theirs.
func isWorker(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && bytes.HasPrefix(b, []byte("drover\x00worker\x00"))
}

// tooMuchLog writes one line without an end: what the node keeps is bounded, and
// what is read of it, too.
func tooMuchLog(c *Cluster) {
	const keep = api.MiB
	flood := api.Task{
		Driver: api.DriverProcess, Command: []string{"sh", "-c", "echo begin; head -c 10000000000 /dev/zero; echo end"},
		MaxLog: keep, Timeout: 6 * api.Second, Restart: &api.Restart{Policy: api.RestartNever},
	}
	c.applied(job("flood", flood))
	var most int64
	c.await("flood", "ends", func(s shown) bool {
		most = max(most, size(c.t, filepath.Join(c.AgentDir("n1"), "tasks")))
		return s.Workload.Finished != 0
	})
	c.t.Logf("the node kept %d bytes at most; %v", most, c.show("flood"))
	if most > 4*int64(keep) {
		c.t.Errorf("the node kept %d bytes, of a log of at most %d", most, keep)
	}
	r := c.CLI("logs", "flood")
	if len(r.Stdout) > 2*int(keep) || !strings.HasPrefix(r.Stdout, "begin\n") {
		c.t.Errorf("read were %d bytes that begin with %.20q", len(r.Stdout), r.Stdout)
	}
}

// size is that of all files below dir.
func size(t testing.TB, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return gone(err)
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return gone(err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// gone leaves out that a file went while it was looked at.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// importingModule needs env.launch.
//
//	(module (import "env" "launch" (func)) (memory (export "memory") 1) (func (export "_start")))
var importingModule = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + "\x02\x0e\x01\x03env\x06launch\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x01" +
	"\x0a\x04\x01\x02\x00\x0b")

// TestRefused: each fault is named with its place, and nothing changes.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.moduleOf("importing.wasm", importingModule)
	c.moduleOf("text.wasm", []byte("this is no module"))
	before := c.status(t)
	const head = "apiVersion: drover/v1\nkind: job\nname: bad\ntasks:\n"
	for name, test := range map[string]struct {
		text string
		code int
		says []string
	}{
		"missing import": {head + "- {name: a, driver: wasm, artifact: {file: importing.wasm}}", 2, []string{"tasks[0].artifact", "env.launch"}},
		"no module":      {head + "- {name: a, driver: wasm, artifact: {file: text.wasm}}", 2, []string{"tasks[0].artifact", "not a WebAssembly module"}},
		"no such digest": {
			head + "- {name: a, driver: wasm, artifact: {digest: 'sha256:" + strings.Repeat("0", 64) + "'}}", 2,
			[]string{"tasks[0].artifact.digest", "the store holds no artifact"},
		},
		"unknown field": {head + "- {name: a, driver: process, comand: [true]}", 2, []string{"stdin:5", "tasks[0].comand", "did you mean command?"}},
		"cycle": {
			head + "- {name: a, driver: process, command: [a], after: [b]}\n- {name: b, driver: process, command: [b], after: [a]}", 2,
			[]string{"after", "a", "b"},
		},
		"unknown task":  {head + "- {name: a, driver: process, command: [a], after: [bee]}", 2, []string{"tasks[0].after[0]", "bee"}},
		"large array":   {head + "- {name: a, driver: process, command: [a], count: 10000000}", 2, []string{"tasks[0].count", "100000"}},
		"leaving input": {head + "- {name: a, driver: process, command: [a], inputs: [{path: ../x, file: importing.wasm}]}", 2, []string{"tasks[0].inputs[0].path", ".."}},
		"leaving output": {
			head + "- {name: a, driver: process, command: [a], outputs: [{name: o, path: ../../etc/passwd}]}", 2,
			[]string{"tasks[0].outputs[0].path", ".."},
		},
		"leaving file": {head + "- {name: a, driver: process, command: [a], inputs: [{path: x, file: ../../etc/passwd}]}", 2, []string{"tasks[0].inputs[0].file"}},
		"absurd size":  {head + "- {name: a, driver: process, command: [a], resources: {memory: 12Gb, cpu: -1}}", 2, []string{"tasks[0].resources.memory", "12Gi", "tasks[0].resources.cpu"}},
		"two names":    {head + "- {name: a, driver: process, command: [a]}\n- {name: a, driver: process, command: [a]}", 2, []string{"tasks[1].name"}},
		"kind":         {"apiVersion: drover/v1\nkind: jobb\nname: bad\ntasks: []", 2, []string{"kind", "did you mean job?"}},
		"version":      {strings.Replace(head, "v1", "v9", 1) + "- {name: a, driver: process, command: [a]}", 2, []string{"apiVersion", "drover/v1"}},
		"malformed":    {head + "- {name: a, driver: [", 2, []string{"stdin:5:"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.in(t).CLIWith(test.text, "apply", "-f", "-")
			if r.Code != test.code {
				t.Errorf("exit code %d, want %d", r.Code, test.code)
			}
			for _, part := range test.says {
				if !strings.Contains(r.Stderr, part) {
					t.Errorf("%q does not say %q", r.Stderr, part)
				}
			}
		})
	}
	t.Run("over HTTP", func(t *testing.T) { refusedRaw(c.in(t)) })
	if after := c.status(t); !reflect.DeepEqual(after, before) {
		t.Errorf("the cell was at %+v and is at %+v", before, after)
	}
	if list := read[[]api.WorkloadView](c, "ls"); len(list) != 0 {
		t.Errorf("workloads: %+v", list)
	}
}

// status is where the cell stands.
func (c *Cluster) status(t testing.TB) api.CellStatus {
	t.Helper()
	return read[api.CellStatus](c, "status")
}

// refusedRaw is what no client of ours would send.
func refusedRaw(c *Cluster) {
	t := c.t
	spec := func(task string) string {
		return `{"apiVersion":"drover/v1","kind":"job","name":"raw","tasks":[` + task + `]}`
	}
	digest := "sha256:" + strings.Repeat("1", 64)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		says               []string
	}{
		"large array": {
			"POST", "/v1/workloads", spec(`{"name":"a","driver":"process","command":["a"],"count":10000000}`), 422,
			[]string{"tasks[0].count"},
		},
		"unknown field": {
			"POST", "/v1/workloads", spec(`{"name":"a","driver":"process","comand":["a"]}`), 422,
			[]string{"tasks[0].comand", "did you mean command?"},
		},
		"cycle": {
			"POST", "/v1/workloads", spec(`{"name":"a","driver":"process","command":["a"],"after":["a"]}`), 422, []string{"after"},
		},
		"escape": {
			"POST", "/v1/workloads", spec(`{"name":"a","driver":"process","command":["a"],"outputs":[{"name":"o","path":"../x"}]}`), 422,
			[]string{"tasks[0].outputs[0].path"},
		},
		"file of the client": {
			"POST", "/v1/workloads", spec(`{"name":"a","driver":"wasm","artifact":{"file":"x.wasm"}}`), 422, []string{"tasks[0].artifact"},
		},
		"malformed":       {"POST", "/v1/workloads", `{"kind":`, 422, []string{"is not JSON"}},
		"digest mismatch": {"PUT", "/v1/artifacts/" + digest, "other bytes", 422, []string{digest}},
		"its bytes":       {"GET", "/v1/artifacts/" + digest, "", 404, nil},
		"path in a digest": {
			"GET", "/v1/artifacts/..%2f..%2fadmin.token", "", 422, nil,
		},
	} {
		status, answer := c.http(test.method, test.path, strings.NewReader(test.body), "Content-Type", "application/json")
		var p api.Problem
		if err := json.Unmarshal(answer, &p); status != test.status || err != nil || p.Detail == "" {
			t.Errorf("%s: %d %s, want %d and a problem", name, status, answer, test.status)
		}
		for _, part := range test.says {
			if !bytes.Contains(answer, []byte(part)) {
				t.Errorf("%s: %s does not say %q", name, answer, part)
			}
		}
	}
	largeBody(c)
}

// endless gives spaces, as JSON may begin with, and counts them.
type endless struct{ given int64 }

func (e *endless) Read(b []byte) (int, error) {
	const gigabyte = 1 << 30
	if e.given >= gigabyte {
		return 0, io.EOF
	}
	for i := range b {
		b[i] = ' '
	}
	e.given += int64(len(b))
	return len(b), nil
}

// largeBody sends a gigabyte, with its length and without: it is refused before
// much of it has been read.
func largeBody(c *Cluster) {
	t := c.t
	for name, length := range map[string]int64{"announced": 1 << 30, "streamed": -1} {
		body := &endless{}
		r := c.request(http.MethodPost, "/v1/workloads", body, "Content-Type", "application/json")
		r.ContentLength = length
		res, err := http.DefaultClient.Do(r)
		if err != nil { // the server closes while the client still writes; it may or may not see the answer
			t.Logf("%s: %v", name, err)
		} else {
			_ = res.Body.Close()
			if res.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %s", name, res.Status)
			}
		}
		if body.given > 64<<20 {
			t.Errorf("%s: %d bytes were taken", name, body.given)
		}
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Server.PID())); err == nil {
		peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
		if peak == nil || len(peak[1]) > 6 {
			t.Errorf("the server's memory: %s kB at most", peak)
		}
	}
}

// TestPending: what fits nowhere waits, and is told which requirement so many
// nodes failed and the smallest change that would admit it; that change does.
func TestPending(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("small-1", "--memory", "256Mi", "--layer", "edge")
	c.Agent("small-2", "--memory", "512Mi", "--layer", "edge")
	c.Agent("device-1", "--memory", "8Gi", "--layer", "device")
	w := job("large", shell("echo ran on $DROVER_NODE"))
	w.Tasks[0].Resources.Memory = 2 * api.GiB
	w.Tasks[0].Requires.Layers = []api.Layer{api.LayerEdge}
	c.applied(w)
	var x []api.Explanation
	Await(t, patience, "it is explained", func() (bool, string) {
		x = read[[]api.Explanation](c, "explain", "large")
		return len(x) == 1 && x[0].Decision != nil && len(x[0].Suggestions) > 0, fmt.Sprintf("%+v", x)
	})
	if x[0].Task.Status != "pending" {
		t.Errorf("it is %s", x[0].Task.Status)
	}
	for _, want := range []api.ReasonCount{{Reason: "memory 2Gi exceeds the whole node", Nodes: 2}, {Reason: "layer is not edge", Nodes: 1}} {
		if !slices.Contains(x[0].Decision.Reasons, want) {
			t.Errorf("reasons %+v, want %+v among them", x[0].Decision.Reasons, want)
		}
	}
	for _, want := range []api.Suggestion{
		{Change: "request 1536Mi less memory (512Mi)", Nodes: 1}, {Change: "allow layers other than edge", Nodes: 1},
	} {
		if !slices.Contains(x[0].Suggestions, want) {
			t.Errorf("suggestions %+v, want %+v among them", x[0].Suggestions, want)
		}
	}
	text := c.CLI("explain", "large").Stdout
	for _, part := range []string{"No node takes it now", "exceeds the whole node", "WOULD TAKE IT AFTER THIS CHANGE", "(512Mi)"} {
		if !strings.Contains(text, part) {
			t.Errorf("explain does not say %q:\n%s", part, text)
		}
	}
	if plans := c.CLIWith(string(marshal(t, w)), "plan", "-f", "-"); plans.Code != 0 || !strings.Contains(plans.Stdout, "(512Mi)") {
		t.Errorf("plan: %+v", plans)
	}

	less := job("less", w.Tasks[0])
	less.Tasks[0].Resources.Memory = 512 * api.MiB
	c.applied(less, "--wait")
	if r := c.CLI("result", "less"); r.Stdout != "ran on small-2\n" {
		t.Errorf("with less memory: %+v", r)
	}
	wider := job("wider", w.Tasks[0])
	wider.Tasks[0].Requires.Layers = nil
	c.applied(wider, "--wait")
	if r := c.CLI("result", "wider"); r.Stdout != "ran on device-1\n" {
		t.Errorf("on any layer: %+v", r)
	}
	if s := c.show("large"); s.Tasks[0].Status != "pending" {
		t.Errorf("the first one: %v", s)
	}
	began := time.Now()
	c.Agent("large-1", "--memory", "4Gi", "--layer", "edge")
	if s := c.await("large", "runs on the node that joined", status("succeeded")); s.Tasks[0].Node != "large-1" {
		t.Errorf("%v, after %v", s, time.Since(began))
	}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
