//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"drover.dev/api"
)

func ulong(n uint64) string { return strconv.FormatUint(n, 10) }

// TestSecrets: a task gets its secrets, and nobody else ever sees them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const inEnv, inFile = "env-Xq81ZpTw", "file-LmK29vRe"
	c := NewCluster(t)
	dir := t.TempDir()
	for name, value := range map[string]string{"db": inEnv, "cert": inFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	agent := c.Agent("n1", "--secrets", dir, "--log-level", "debug")
	task := shell(`printf %s "$DB" | sha256sum | cut -d' ' -f1; sha256sum "$DROVER_SECRETS/tls/cert" | cut -d' ' -f1; ` + c.gated("leave", "true"))
	task.Secrets = []api.Secret{{Ref: "db", Env: "DB"}, {Ref: "cert", File: "tls/cert"}}
	c.applied(job("holder", task))
	logs := c.start("logs", "-f", "holder")
	for _, want := range []string{inEnv, inFile} {
		sum := sha256.Sum256([]byte(want))
		if got := logs.line(); got != hex.EncodeToString(sum[:]) {
			t.Errorf("the task has a secret with the sum %q", got)
		}
	}
	reveals := func(where, text string) {
		if strings.Contains(text, inEnv) || strings.Contains(text, inFile) {
			t.Errorf("%s shows a secret", where)
		}
	}
	reveals("a command line", commandLines(t))
	walk(t, c.AgentDir("n1"), func(path string, b []byte) {
		if filepath.Base(path) != "cert" { // the task's own file
			reveals(path, string(b))
		}
	})
	c.open("leave")
	c.await("holder", "ends", status("succeeded"))
	Await(t, patience, "the task's directory is removed", func() (bool, string) {
		left, err := os.ReadDir(filepath.Join(c.AgentDir("n1"), "tasks"))
		return err == nil && len(left) == 0, fmt.Sprint(left, err)
	})
	for _, args := range [][]string{{"show", "holder", "-o", "yaml"}, {"explain", "holder", "-o", "json"}, {"logs", "holder"}, {"result", "holder", "-o", "json"}} {
		reveals("drover "+args[0], c.CLI(args...).Stdout)
	}
	reveals("the log of the agent", agent.Log())
	reveals("the log of the server", c.Server.Log())
	c.Stop()
	found := false // that the search finds what is there
	walk(t, c.ServerDir(), func(path string, b []byte) {
		reveals(path, string(b))
		found = found || bytes.Contains(b, []byte("holder"))
	})
	if !found {
		t.Error("the workload is not to be found in the journal: this test cannot find secrets there either")
	}
	walk(t, c.AgentDir("n1"), func(path string, b []byte) { reveals(path, string(b)) })
}

// commandLines are those of every process of the machine.
func commandLines(t testing.TB) string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range paths {
		b, _ := os.ReadFile(p) // it may have ended
		all.Write(b)
	}
	return all.String()
}

// walk reads every file below dir.
func walk(t testing.TB, dir string, f func(path string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return gone(err)
		}
		b, err := os.ReadFile(path)
		if err == nil {
			f(path, b)
		}
		return gone(err)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVolumesAndPorts: paths that the operator allowed and no others, scratch
// space, and ports.
func TestVolumesAndPorts(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	open, closed, outside := filepath.Dir(c.file("")), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(closed, "data.txt"), []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(open, "link")); err != nil {
		t.Fatal(err)
	}
	c.Agent("n1", "--allow-path", open, "--allow-path", closed+":ro")
	guest := c.module("../internal/driver/wasm/testdata/guest.wasm")
	copies := func(from, to string, volumes ...api.Volume) api.Task {
		return api.Task{
			Driver: api.DriverWASM, Artifact: guest, Args: []string{"copy", from, to}, Volumes: volumes,
			Restart: &api.Restart{Policy: api.RestartNever},
		}
	}
	mount := func(path string, readOnly bool) api.Volume {
		return api.Volume{Target: "/data", HostPath: path, ReadOnly: readOnly}
	}
	if err := os.WriteFile(filepath.Join(open, "from.txt"), []byte("given"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		task         api.Task
		status, says string
	}{
		"writes":     {copies("/data/from.txt", "/data/to.txt", mount(open, false)), "succeeded", ""},
		"reads":      {copies("/data/data.txt", "/work/x", mount(closed, true)), "succeeded", ""},
		"scratch":    {copies("/data/data.txt", "/tmp/x", mount(closed, true), api.Volume{Target: "/tmp", Scratch: api.MiB}), "succeeded", ""},
		"read-only":  {copies("/data/data.txt", "/data/more.txt", mount(closed, true)), "failed", ""},
		"too-much":   {copies("/data/data.txt", "/data/more.txt", mount(closed, false)), "failed", "does not allow it"},
		"other-path": {copies("/data/passwd", "/work/x", mount("/etc", true)), "failed", "does not allow it"},
		"by-a-link":  {copies("/data/x", "/work/x", mount(filepath.Join(open, "link"), true)), "failed", "does not allow it"},
		"unmounted":  {copies("/etc/passwd", "/work/x"), "failed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := c.in(t)
			c.applied(job(name, test.task))
			s := c.await(name, "ends", func(s shown) bool {
				r := s.Tasks[0].Result
				return s.Workload.Finished != 0 || r != nil && r.Outcome == api.OutcomeRejected
			})
			if r := s.Tasks[0].Result; r == nil || (r.Outcome == api.OutcomeSucceeded) != (test.status == "succeeded") || !strings.Contains(r.Detail, test.says) {
				t.Errorf("%v", s)
			}
		})
	}
	if b, err := os.ReadFile(filepath.Join(open, "to.txt")); string(b) != "given" {
		t.Errorf("written: %q, %v", b, err)
	}
	if files, err := os.ReadDir(closed); len(files) != 1 || err != nil {
		t.Errorf("the read-only directory holds %v, %v", files, err)
	}

	ports := shell("echo $DROVER_PORT_HTTP $DROVER_PORT_ADMIN_UI; " + c.gated("ports", "true"))
	ports.Ports = []api.Port{{Name: "http"}, {Name: "admin-ui"}}
	c.applied(job("ports", ports))
	logs := c.start("logs", "-f", "ports")
	told := logs.line()
	s := c.await("ports", "shows its ports", func(s shown) bool { return len(s.Tasks) == 1 && len(s.Tasks[0].Ports) == 2 })
	if p := s.Tasks[0].Ports; told != ulong(uint64(p[0].Port))+" "+ulong(uint64(p[1].Port)) || p[0].Port == p[1].Port || p[0].Port == 0 {
		t.Errorf("the task was told %q, shown are %v", told, p)
	}
	c.open("ports")
	c.await("ports", "ends", status("succeeded"))
}

// TestAccelerators: two devices are shared by four halves, and not by a fifth.
func TestAccelerators(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("n1", "--accelerator", "gpu:A100=2")
	half := shell(c.gated("gpu", "true"))
	half.Count = 5
	half.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"A100"}, Count: 500}}
	c.applied(job("halves", half))
	s := c.await("halves", "fill the devices", func(s shown) bool { return s.Workload.Counts.Running == 4 })
	if s.Workload.Counts.Pending != 1 {
		t.Errorf("%v", s)
	}
	if r := c.CLI("explain", "halves"); !strings.Contains(r.Stdout, "accelerator") || !strings.Contains(r.Stdout, "is not free") {
		t.Errorf("explain: %s", r.Stdout)
	}
	if n := read[[]api.NodeView](c, "nodes", "n1")[0]; len(n.Used.Accelerators) != 1 || n.Used.Accelerators[0].Count != 2000 {
		t.Errorf("used: %+v", n.Used)
	}
	c.open("gpu")
	c.await("halves", "end", status("succeeded"))
	other := shell("true")
	other.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"H100"}, Count: 1000}}
	c.applied(job("other-model", other))
	Await(t, patience, "it says which model is missing", func() (bool, string) {
		r := c.CLI("explain", "other-model")
		return strings.Contains(r.Stdout, "H100") && strings.Contains(r.Stdout, "allow any model of gpu"), r.Stdout
	})
}
