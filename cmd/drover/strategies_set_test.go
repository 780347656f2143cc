package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/local"
)

// liveCell is a real cell with one node of one core that waits for its tasks.
type liveCell struct {
	*local.Cell
	t      *testing.T
	client *client.Client
	n      int
}

func newLiveCell(t *testing.T) *liveCell {
	return newLiveCellOf(t, api.Node{Name: "n1", Layer: api.LayerCloud, Capacity: api.Resources{CPU: 1000, Memory: api.GiB}})
}

func newLiveCellOf(t *testing.T, nodes ...api.Node) *liveCell {
	if testing.Short() {
		t.Skip("starts a server and a node")
	}
	cell, err := local.Start(t.Context(), local.Config{
		Dir: t.TempDir(), Noop: true, StopTasks: true, Nodes: nodes,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Server: cell.URL, Token: cell.Token, Tenant: api.DefaultTenant, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); _ = cell.Close() })
	return &liveCell{Cell: cell, t: t, client: c}
}

// submit gives the cell jobs at once, each of which runs alone for a while.
func (c *liveCell) submit(runs ...time.Duration) {
	c.t.Helper()
	var list []*api.Workload
	for _, run := range runs {
		c.n++
		list = append(list, &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprintf("job-%d", c.n),
			Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Args: []string{run.String()}, Duration: api.Duration(run), Resources: api.Resources{CPU: 1000}}},
		})
	}
	if _, err := c.client.SubmitBatch(c.t.Context(), list); err != nil {
		c.t.Fatal(err)
	}
}

// longFirst is two long runs and twelve short ones.
func longFirst() []time.Duration {
	return append([]time.Duration{300 * time.Millisecond, 300 * time.Millisecond}, slices.Repeat([]time.Duration{10 * time.Millisecond}, 12)...)
}

// settle waits until nothing is left to do.
func (c *liveCell) settle() {
	c.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		s, err := c.client.Status(c.t.Context())
		if err == nil && s.Pending == 0 && s.Running == 0 && s.Finished == int64(c.n) {
			return
		}
		if time.Since(began) > time.Minute {
			c.t.Fatalf("%d jobs, and the cell stands at %+v, %v", c.n, s, err)
		}
	}
}

func (c *liveCell) drover(words ...string) (code int, out, err string) {
	con := newConsole(c.t, map[string]string{"DROVER_SERVER": c.URL, "DROVER_TOKEN": c.Token})
	code = con.run(c.t.Context(), words)
	return code, con.out.String(), con.err.String()
}

// TestSetIfBetter: long jobs before short ones are what shortest-first is for, and
// fifo is not.
func TestSetIfBetter(t *testing.T) {
	c := newLiveCell(t)
	c.submit(longFirst()...)
	c.settle()
	is := func(name string) bool { // soon: reads follow the journal
		for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
			rows, err := c.client.Strategies(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(rows, func(s api.StrategyView) bool { return s.Default && s.Name == name }) {
				return true
			}
		}
		return false
	}
	gate := []string{"--if-better", "--metric", "completion.mean", "--by", "2%", "--seeds", "3"}
	for _, tt := range []struct {
		words  []string
		code   int
		now    string
		out    string
		stderr string
	}{
		{[]string{"strategies", "set", "fifo"}, 0, "fifo", "", "strategy is fifo"},
		{append([]string{"strategies", "set", "shortest-first", "--dry-run"}, gate...), 0, "fifo", "would be set", ""},
		{append([]string{"strategies", "set", "no-such"}, gate...), exitUsage, "fifo", "", "no strategy"},
		{append([]string{"strategies", "set", "shortest-first", "--guard", "speed:5%"}, gate...), exitUsage, "fifo", "", "no metric"},
		{append([]string{"strategy", "set", "shortest-first"}, gate...), 0, "shortest-first", "The cell's strategy is shortest-first", ""},
		{append([]string{"strategies", "set", "fifo"}, gate...), exitFailed, "shortest-first", "shortest-first stays: completion, mean becomes worse", ""},
		{[]string{"strategies", "set", "fifo", "--by", "3%"}, exitUsage, "shortest-first", "", "--if-better"},
	} {
		code, out, stderr := c.drover(tt.words...)
		if code != tt.code || !is(tt.now) || !strings.Contains(out, tt.out) || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%v: exit code %d, and the strategy should be %s\n%s%s", tt.words, code, tt.now, out, stderr)
		}
	}
	var got changed
	code, out, _ := c.drover(append([]string{"strategies", "set", "shortest-first", "-o", "json"}, gate...)...)
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Applied || got.Strategy != "shortest-first" {
		t.Errorf("it is the cell's already: exit code %d, %v: %s", code, err, out)
	}
	code, out, _ = c.drover(append([]string{"strategies", "set", "fifo", "-o", "json"}, gate...)...)
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFailed || got.Applied || got.Verdict.Passed || len(got.Verdict.Findings) != 2 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	// What the candidate would have done beside the present strategy stands in it, too.
	if s := got.Verdict.Shadow; s == nil || s.Strategy != "fifo" || s.Decisions != int64(3*got.Verdict.Jobs) || s.Refused != 0 {
		t.Errorf("in the shadow: %+v", s)
	}
}

// TestRollBack: what the rehearsal found better is taken back when the jobs that come
// take longer than any before.
func TestRollBack(t *testing.T) {
	c := newLiveCell(t)
	c.submit(longFirst()...)
	c.settle()
	code, out, stderr := c.drover("strategies", "set", "shortest-first", "--if-better", "--seeds", "3", "--watch", "20s", "--least", "8")
	if code != 0 || !strings.Contains(out, "It is on probation for 20.0 s") {
		t.Fatalf("exit code %d: %s%s", code, out, stderr)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) { // soon: reads follow the journal
		if _, out, _ := c.drover("status"); inOrder(out, "Strategy", "shortest-first in the place of greedy, on probation") {
			break
		} else if time.Since(began) > 10*time.Second {
			t.Fatalf("the status is\n%s", out)
		}
	}
	c.submit(slices.Repeat([]time.Duration{5 * time.Second}, 12)...)
	var p *api.ProbationView
	for began := time.Now(); p == nil || p.Status == api.ProbationOpen; time.Sleep(50 * time.Millisecond) {
		s, err := c.client.Status(t.Context())
		if err != nil || time.Since(began) > 2*time.Minute {
			t.Fatalf("still on probation, %v: %+v", err, p)
		}
		p = s.Probation
	}
	if p.Status != api.ProbationRolledBack || !strings.Contains(p.Reason, "completionMean is ") {
		t.Errorf("it is %s: %s", p.Status, p.Reason)
	}
	// They wait, and nothing of them has ended: that is seen, too.
	code, out, _ = c.drover("strategies", "probation")
	if code != 0 || !inOrder(out, "shortest-first was rolled back to greedy", "completionMean") {
		t.Errorf("exit code %d: %s", code, out)
	}
	rows, err := c.client.Strategies(t.Context())
	if err != nil || !slices.ContainsFunc(rows, func(s api.StrategyView) bool { return s.Default && s.Name == "greedy" }) {
		t.Errorf("the strategies are %+v, %v", rows, err)
	}
}
