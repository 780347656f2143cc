package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/driver"
	"drover.dev/internal/driver/noop"
)

func digestOf(data []byte) api.Digest {
	sum := sha256.Sum256(data)
	return api.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// testLog shows the agent's log when the test fails or is verbose.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func TestNoopTasks(t *testing.T) {
	const count = 1000
	c, dir := newCell(t), t.TempDir()
	cfg := testConfig(t, c, dir)
	cfg.Drivers = []driver.Driver{noop.Driver{}}
	stop := runAgent(t, cfg)
	var items []api.Assignment
	for i := range uint64(count) {
		items = append(items, job(i, api.Task{Name: "main", Driver: "noop"}))
	}
	c.losses = 2 // answers to reports that are lost
	c.assign(items...)
	c.until(t, "all results, and nothing left to do", func() bool { return len(c.results) == count && len(c.items) == 0 })
	for id, r := range c.results {
		if r.Outcome != api.OutcomeSucceeded || len(c.started[id]) != 0 {
			t.Fatalf("%v: %+v, started %v", id, r, c.started[id])
		}
	}
	stop()
	entries, err := os.ReadDir(filepath.Join(dir, "tasks"))
	if err != nil || len(entries) != 0 {
		t.Errorf("%d directories for tasks that need none, %v", len(entries), err)
	}
}

func TestProcessTask(t *testing.T) {
	c := newCell(t)
	runAgent(t, testConfig(t, c, t.TempDir()))
	big := bytes.Repeat([]byte("0123456789"), 1000)
	as := job(5, shell(`
		set -e
		test "$DROVER_INDEX/$DROVER_COUNT/$DROVER_TASK/$DROVER_WORKLOAD/$DROVER_ATTEMPT" = 3/8/main/demo/1
		test "$DROVER_NODE/$DROVER_SITE/$GREETING" = n1/lab/hello
		cat "$DROVER_IN/deep/small" "$DROVER_IN/big" > "$DROVER_OUT/both"
		printf 'element %s' "$1" > "$DROVER_OUT/small"
		echo to the log; echo and the other one >&2
	`))
	as.Index, as.Count = 3, 8
	as.Task.Args = []string{"name", "{index}"}
	as.Task.Env = map[string]string{"GREETING": "hello"}
	as.Inputs = []api.Supply{{Path: "deep/small", Inline: []byte("tiny")}, {Path: "big", Digest: c.store(big)}}
	as.Task.Outputs = []api.Output{
		{Name: "small", Path: "small"},
		{Name: "both", Path: "both"},
		{Name: "log", Stdout: true},
		{Name: "maybe", Path: "maybe", Optional: true},
	}
	c.keep = true // its directory stays, for the logs
	c.assign(as)
	r := c.result(t, as.Attempt)
	if r.Outcome != api.OutcomeSucceeded || len(r.Outputs) != 3 {
		t.Fatalf("got %+v", r)
	}
	both := append([]byte("tiny"), big...)
	for i, want := range []api.Value{
		{Name: "small", File: "small", Size: 9, Inline: []byte("element 3")},
		{Name: "both", File: "both", Size: api.Bytes(len(both)), Digest: digestOf(both)},
		{Name: "log", File: "stdout", Size: 11, Inline: []byte("to the log\n")},
	} {
		if fmt.Sprint(r.Outputs[i]) != fmt.Sprint(want) {
			t.Errorf("output %d is %+v, want %+v", i, r.Outputs[i], want)
		}
	}
	if !bytes.Equal(c.contents[digestOf(both)], both) {
		t.Error("the large output is not in the store")
	}
	if r.BytesIn != api.Bytes(len(big)) || r.BytesOut != api.Bytes(len(both)+20) || r.Wall <= 0 || r.Start <= 0 {
		t.Errorf("the account is wrong: %+v", r)
	}
	if pids := c.started[as.Attempt]; len(pids) != 1 || pids[0] == 0 {
		t.Errorf("starts reported: %v", pids)
	}
	checkLogs(t, c, as.Attempt)
}

func checkLogs(t *testing.T, c *cell, id api.Attempt) {
	t.Helper()
	for _, q := range []struct {
		name string
		api.LogRequest
		want  string
		final bool
	}{
		{"all", api.LogRequest{Stream: "stdout"}, "to the log\n", true},
		{"from the middle", api.LogRequest{Stream: "stdout", Offset: 3}, "the log\n", true},
		{"the end", api.LogRequest{Stream: "stderr", Offset: -4}, "one\n", true},
		{"a part", api.LogRequest{Stream: "stdout", Limit: 2}, "to", false},
		{"behind the end", api.LogRequest{Stream: "stdout", Offset: 100}, "", true},
	} {
		t.Run("log "+q.name, func(t *testing.T) {
			q.Attempt = id
			body, err := c.codec.enc.Marshal(q.LogRequest)
			if err != nil {
				t.Fatal(err)
			}
			var chunk api.LogChunk
			if err := c.codec.dec.Unmarshal(c.peer.Answer("log", body), &chunk); err != nil {
				t.Fatal(err)
			}
			if string(chunk.Data) != q.want || chunk.Final != q.final || chunk.Error != "" || chunk.Next != chunk.Offset+int64(len(q.want)) {
				t.Errorf("got %+v, want %q", chunk, q.want)
			}
		})
	}
}

func TestWasmTask(t *testing.T) {
	module, err := os.ReadFile("../driver/wasm/testdata/guest.wasm")
	if err != nil {
		t.Fatal(err)
	}
	c := newCell(t)
	runAgent(t, testConfig(t, c, t.TempDir()))
	as := job(1, api.Task{
		Name: "main", Driver: "wasm", Artifact: &api.Source{Digest: c.store(module)},
		Args: []string{"copy", "/in/x", "/out/{index}"}, Outputs: []api.Output{{Name: "y", Path: "0"}},
	})
	as.Inputs = []api.Supply{{Path: "x", Digest: c.store([]byte("through the guest"))}}
	c.assign(as)
	if r := c.result(t, as.Attempt); r.Outcome != api.OutcomeSucceeded || string(r.Outputs[0].Inline) != "through the guest" {
		t.Fatalf("got %+v", r)
	}
}

// TestBadEnds are attempts that cannot succeed, each with a reason for people.
func TestBadEnds(t *testing.T) {
	secrets := t.TempDir()
	for name, mode := range map[string]os.FileMode{"good": 0o600, "open": 0o644} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte("hush\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	c := newCell(t)
	cfg := testConfig(t, c, t.TempDir())
	cfg.SecretsDir = secrets
	cfg.HostPaths = []string{secrets + ":ro"}
	runAgent(t, cfg)
	with := func(t api.Task, f func(*api.Task)) api.Task { f(&t); return t }
	for i, k := range []struct {
		name    string
		task    api.Task
		inputs  []api.Supply
		outcome api.Outcome
		reason  string
		detail  string
		root    bool // only root can try it
	}{
		{name: "exit code", task: shell("exit 3"), outcome: api.OutcomeFailed},
		{name: "no such driver", task: api.Task{Driver: "quantum"}, outcome: api.OutcomeRejected, detail: `no driver "quantum"`},
		{
			name: "output missing", outcome: api.OutcomeFailed, reason: "output missing", detail: `left no file "x"`,
			task: with(shell("true"), func(t *api.Task) { t.Outputs = []api.Output{{Name: "o", Path: "x"}} }),
		},
		{
			name: "output is a link out", outcome: api.OutcomeFailed, reason: "output missing",
			task: with(shell(`ln -s /etc/passwd "$DROVER_OUT/x"`), func(t *api.Task) { t.Outputs = []api.Output{{Name: "o", Path: "x"}} }),
		},
		{
			name: "output below a link out", outcome: api.OutcomeFailed, reason: "output missing",
			task: with(shell(`ln -s /etc "$DROVER_OUT/x"`), func(t *api.Task) { t.Outputs = []api.Output{{Name: "o", Path: "x/passwd"}} }),
		},
		{
			name: "output is a pipe", outcome: api.OutcomeFailed, reason: "output missing", detail: "not a regular file",
			task: with(shell(`mkfifo "$DROVER_OUT/x"`), func(t *api.Task) { t.Outputs = []api.Output{{Name: "o", Path: "x"}} }),
		},
		{
			name: "output of another user", outcome: api.OutcomeFailed, reason: "output missing", detail: "belongs to another user",
			task: with(shell(`echo x > "$DROVER_OUT/x"; chown 12345 "$DROVER_OUT/x"`), func(t *api.Task) { t.Outputs = []api.Output{{Name: "o", Path: "x"}} }),
			root: true,
		},
		{
			name: "input leaves its directory", task: shell("true"), inputs: []api.Supply{{Path: "../x", Inline: []byte("x")}},
			outcome: api.OutcomeRejected, detail: "leaves the input directory",
		},
		{
			name: "no such artifact", task: shell("true"), inputs: []api.Supply{{Path: "x", Digest: digestOf([]byte("nowhere"))}},
			outcome: api.OutcomeRejected, detail: ErrNoArtifact.Error(),
		},
		{
			name: "secret that the node lacks", outcome: api.OutcomeRejected, detail: "does not have it",
			task: with(shell("true"), func(t *api.Task) { t.Secrets = []api.Secret{{Ref: "none", Env: "S"}} }),
		},
		{
			name: "secret that all may read", outcome: api.OutcomeRejected, detail: "may read it",
			task: with(shell("true"), func(t *api.Task) { t.Secrets = []api.Secret{{Ref: "open", Env: "S"}} }),
		},
		{
			name: "secret elsewhere", outcome: api.OutcomeRejected, detail: "not the name of a secret",
			task: with(shell("true"), func(t *api.Task) { t.Secrets = []api.Secret{{Ref: "../x", Env: "S"}} }),
		},
		{
			name: "secrets in place", outcome: api.OutcomeSucceeded,
			task: with(shell(`test "$S" = hush && test "$(cat "$DROVER_SECRETS/f")" = hush`), func(t *api.Task) {
				t.Secrets = []api.Secret{{Ref: "good", Env: "S", File: "f"}}
			}),
		},
		{
			name: "host path not allowed", outcome: api.OutcomeRejected, detail: "does not allow it",
			task: with(shell("true"), func(t *api.Task) { t.Volumes = []api.Volume{{HostPath: "/etc", Target: "/mnt"}} }),
		},
		{
			name: "host path not allowed for writing", outcome: api.OutcomeRejected, detail: "does not allow it",
			task: with(shell("true"), func(t *api.Task) { t.Volumes = []api.Volume{{HostPath: secrets, Target: "/mnt"}} }),
		},
		{
			name: "timeout", outcome: api.OutcomeFailed, reason: "timeout",
			task: with(shell("sleep 60"), func(t *api.Task) { t.Timeout = 300 * api.Millisecond }),
		},
		{
			name: "standard output larger than what is kept", outcome: api.OutcomeFailed, reason: "output limit", detail: "maxLog",
			task: with(shell("head -c 100000 /dev/zero"), func(t *api.Task) {
				t.MaxLog = 4 << 10
				t.Outputs = []api.Output{{Name: "o", Stdout: true}}
			}),
		},
	} {
		t.Run(k.name, func(t *testing.T) {
			if k.root && os.Geteuid() != 0 {
				t.Skip("SKIPPED: only root can give files away")
			}
			as := job(uint64(i+1), k.task)
			as.Inputs = k.inputs
			c.assign(as)
			r := c.result(t, as.Attempt)
			if r.Outcome != k.outcome || (k.reason != "" && r.Reason != k.reason) || !strings.Contains(r.Detail, k.detail) {
				t.Errorf("got %v, reason %q, detail %q", r.Outcome, r.Reason, r.Detail)
			}
			if strings.Contains(fmt.Sprint(r), "hush") {
				t.Error("a secret went out")
			}
		})
	}
}

// TestRestart leaves a task running, and has the next agent adopt it.
func TestRestart(t *testing.T) {
	c, dir := newCell(t), t.TempDir()
	stop := runAgent(t, testConfig(t, c, dir))
	gate := filepath.Join(t.TempDir(), "gate")
	as := job(1, shell(`echo $$ > "$DROVER_OUT/pid"; while ! test -e `+gate+`; do sleep 0.02; done`))
	as.Task.Outputs = []api.Output{{Name: "pid", Path: "pid"}}
	c.assign(as)
	c.until(t, "the start", func() bool { return len(c.started[as.Attempt]) == 1 })
	before := c.started[as.Attempt][0]
	stop()
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", before)); err != nil {
		t.Fatalf("the worker did not outlive its agent: %v", err)
	}
	cfg := testConfig(t, c, dir)
	adopted := make(chan string, 16)
	cfg.Logger = slog.New(&spy{Handler: slog.DiscardHandler, message: "adopted", key: "pid", seen: adopted})
	runAgent(t, cfg)
	select {
	case pid := <-adopted:
		if pid != fmt.Sprint(before) {
			t.Errorf("adopted pid %s, started %d", pid, before)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("not adopted")
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := c.result(t, as.Attempt)
	if r.Outcome != api.OutcomeSucceeded || len(r.Outputs[0].Inline) == 0 {
		t.Errorf("got %+v", r)
	}
	// The agent may have stopped before it noted that the report had arrived; then
	// the next one repeats it. Another start would have another pid.
	for _, pid := range c.started[as.Attempt] {
		if pid != before {
			t.Errorf("started again, as %d after %d", pid, before)
		}
	}
}

// spy hands on one attribute of one message.
type spy struct {
	slog.Handler
	message, key string
	seen         chan string
}

func (s *spy) Enabled(context.Context, slog.Level) bool { return true }

func (s *spy) Handle(_ context.Context, r slog.Record) error {
	if r.Message == s.message {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == s.key {
				s.seen <- a.Value.String()
			}
			return true
		})
	}
	return nil
}

func TestStopAndForget(t *testing.T) {
	c, dir := newCell(t), t.TempDir()
	runAgent(t, testConfig(t, c, dir))
	asked, dropped := job(1, shell("sleep 60")), job(2, shell("sleep 60"))
	c.assign(asked, dropped)
	c.until(t, "both starts", func() bool { return len(c.started) == 2 })
	c.change(func() {
		c.items[0].Desire, c.items[0].Task, c.items[0].Version = api.DesireStop, nil, c.version
		c.items[1].Version = c.version
		c.gone, c.items = append(c.gone, c.items[1]), c.items[:1]
	})
	if r := c.result(t, asked.Attempt); r.Outcome != api.OutcomeStopped {
		t.Errorf("got %+v", r)
	}
	c.until(t, "the directories to go", func() bool {
		left, err := os.ReadDir(filepath.Join(dir, "tasks"))
		return err == nil && len(left) == 0
	})
	if c.results[dropped.Attempt] != nil {
		t.Error("nobody asked for the result of what was dropped")
	}
}

func TestStopTasks(t *testing.T) {
	c := newCell(t)
	cfg := testConfig(t, c, t.TempDir())
	cfg.StopTasks = true
	stop := runAgent(t, cfg)
	as := job(1, shell("sleep 60"))
	c.assign(as)
	c.until(t, "the start", func() bool { return len(c.started) == 1 })
	stop()
	if r := c.results[as.Attempt]; r == nil || r.Outcome != api.OutcomeLost {
		t.Errorf("got %+v", r)
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	c := newCell(t)
	runAgent(t, testConfig(t, c, t.TempDir()))
	flag := filepath.Join(t.TempDir(), "bad")
	as := job(1, shell("sleep 60"))
	as.Task.Checks = []api.Check{{
		Type: "exec", Command: []string{"sh", "-c", "! test -e " + flag}, Interval: 20 * api.Millisecond, Timeout: 5 * api.Second, Failures: 2,
	}}
	c.assign(as)
	healthy := func(n int) func() bool { return func() bool { return len(c.health[as.Attempt]) == n } }
	c.until(t, "health", healthy(1))
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.until(t, "bad health", healthy(2))
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	c.until(t, "health again", healthy(3))
	if got := c.health[as.Attempt]; got[0] != api.ReportHealthy || got[1] != api.ReportUnhealthy || got[2] != api.ReportHealthy {
		t.Errorf("got %v", got)
	}
	c.change(func() { c.items[0].Desire, c.items[0].Task, c.items[0].Version = api.DesireStop, nil, c.version })
	c.result(t, as.Attempt)
}

// TestStoreDown has the store fail for a while: outputs are kept until it works.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	c := newCell(t)
	runAgent(t, testConfig(t, c, t.TempDir()))
	c.broken = fmt.Errorf("no route to the store")
	as := job(1, shell(`head -c 10000 /dev/zero > "$DROVER_OUT/x"; sleep 0.1`))
	as.Task.Outputs = []api.Output{{Name: "x", Path: "x"}}
	c.assign(as)
	c.until(t, "the start", func() bool { return len(c.started) == 1 })
	time.Sleep(300 * time.Millisecond)
	c.mu.Lock()
	c.broken = nil
	c.mu.Unlock()
	if r := c.result(t, as.Attempt); r.Outcome != api.OutcomeSucceeded || r.Outputs[0].Size != 10000 {
		t.Errorf("got %+v", r)
	}
}

func TestTwoAgentsOneDirectory(t *testing.T) {
	t.Parallel()
	c, dir := newCell(t), t.TempDir()
	ready := make(chan struct{})
	cfg := testConfig(t, c, dir)
	cfg.OnReady = func(api.Node) { close(ready) }
	runAgent(t, cfg)
	<-ready
	err := Run(context.Background(), testConfig(t, c, dir))
	if err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("got %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	for _, k := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{"empty", Config{}, []string{"no data directory", "no drivers", "server is not a URL"}},
		{"credentials in the URL", Config{Server: "http://a:b@host"}, []string{"holds credentials"}},
		{"bad names", Config{Node: api.Node{Name: "a.b", Layer: "space"}}, []string{`"a.b" is not a node name`, `"space" is not a layer`}},
		{"half a link", Config{Link: &cell{}}, []string{"a link needs a store"}},
		{"relative host path", Config{HostPaths: []string{"data:ro"}}, []string{`"data:ro" is not absolute`}},
	} {
		t.Run(k.name, func(t *testing.T) {
			err := Run(t.Context(), k.cfg)
			for _, want := range k.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}
