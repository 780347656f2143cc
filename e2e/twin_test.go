//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
)

// TestTheTwinDoesWhatTheCellDid runs 500 mixed tasks on a server and four agents
// of two classes, and then lets the twin run freely on the same arrivals.
func TestTheTwinDoesWhatTheCellDid(t *testing.T) {
	c := NewCluster(t)
	for _, n := range []struct{ name, layer, cpu string }{{"big-1", "cloud", "8"}, {"big-2", "cloud", "8"}, {"small-1", "edge", "2"}, {"small-2", "edge", "2"}} {
		c.Agent(n.name, "--noop", "--layer", n.layer, "--site", n.layer, "--cpu", n.cpu, "--memory", "16Gi")
	}
	cl := c.Client()
	rng := rand.New(rand.NewPCG(5, 5))
	const total = 500
	for n := 0; n < total; {
		w := mixed(rng, n)
		count := int(max(w.Tasks[0].Count, 1))
		n += count
		if _, err := cl.Submit(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(count) * time.Duration(20+rng.IntN(80)) * time.Millisecond)
	}
	awaitNoneRuns(t, c)
	c.Server.Terminate()

	r := c.CLI("twin", "grade", "--from", c.ServerDir(), "-o", "json")
	type match struct{ SameNodePercent, SameClassPercent, CompletionMapePercent float64 }
	var g struct {
		match
		Tasks                  int
		PersistenceMapePercent float64
		WithUsualDelays        match
		BetweenDrawnDelays     match
	}
	if err := json.Unmarshal([]byte(r.Stdout), &g); err != nil || r.Code != 0 {
		t.Fatalf("%v: %s", err, r.Stderr)
	}
	t.Logf("%s", strings.Join(strings.Fields(r.Stdout), " "))
	if g.Tasks < total {
		t.Errorf("the twin has %d of %d tasks", g.Tasks, total)
	}
	if g.SameClassPercent < 95 || g.CompletionMapePercent > 5 {
		t.Errorf("%.1f %% of the tasks went to a node of the same class, want 95 %%; the error is %.1f %%, want 5 %%", g.SameClassPercent, g.CompletionMapePercent)
	}
	// Who does not know by how many milliseconds one task overtakes another goes other
	// ways from there on, as two twins do that draw them: as much can be asked.
	usual := g.WithUsualDelays
	if usual.SameClassPercent < 60 || usual.SameClassPercent < g.BetweenDrawnDelays.SameClassPercent-20 {
		t.Errorf("with usual delays %.1f %% of the tasks went to a node of the same class; that of two twins is %.1f %%", usual.SameClassPercent, g.BetweenDrawnDelays.SameClassPercent)
	}
	if off := max(5, g.PersistenceMapePercent/10); usual.CompletionMapePercent > off {
		t.Errorf("with usual delays the error is %.1f %%, want %.1f %%; that of persistence is %.1f %%", usual.CompletionMapePercent, off, g.PersistenceMapePercent)
	}

	// What the server did is a trace, too, that names nobody.
	out := filepath.Join(c.Dir, "ours.trace")
	if r := c.CLI("trace", "export", "--from", c.ServerDir(), "--to", out); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	var s struct {
		Tasks int
		Users int
	}
	r = c.CLI("trace", "describe", out, "-o", "json")
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil || s.Tasks < total || s.Users != 1 {
		t.Errorf("the exported trace is %s, %v, %s", r.Stdout, err, r.Stderr)
	}
}

// mixed is a single task, an array or a gang, with or without a layer of its own.
func mixed(rng *rand.Rand, n int) *api.Workload {
	task := api.Task{Name: "main", Driver: api.DriverNoop, Args: []string{fmt.Sprintf("%dms", 400+rng.IntN(2000))}}
	task.Resources.CPU = api.Milli(250 * (1 + rng.IntN(4)))
	task.Resources.Memory = api.Bytes(1+rng.IntN(4)) * 256 * api.MiB
	switch rng.IntN(5) {
	case 0:
		task.Count = int32(2 + rng.IntN(4))
	case 1:
		task.Requires.Layers = []api.Layer{api.LayerEdge}
		task.Resources.CPU = 250
	}
	w := job(fmt.Sprintf("mixed-%d", n), task)
	w.Priority = int32(rng.IntN(3))
	return w
}

// awaitNoneRuns waits until all work has ended.
func awaitNoneRuns(t *testing.T, c *Cluster) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		busy := c.CLI("ls", "--status", "pending,running", "-o", "json")
		if busy.Code == 0 && strings.TrimSpace(busy.Stdout) == "[]" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not all work has ended: %+v", busy)
		}
	}
}
