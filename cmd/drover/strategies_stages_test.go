package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
)

// together submits jobs that take a moment, but long on the node n2, which says of
// itself that it is fast.
func (c *liveCell) together(n int) {
	c.t.Helper()
	var list []*api.Workload
	for range n {
		c.n++
		list = append(list, &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprintf("job-%d", c.n),
			Tasks: []api.Task{{
				Name: "main", Driver: api.DriverProcess, Command: []string{"/bin/sh", "-c", `case "$DROVER_IN" in */n2/*) sleep 6;; *) sleep 0.2;; esac`},
				Resources: api.Resources{CPU: 100, Memory: api.MiB},
			}},
		})
	}
	if _, err := c.client.SubmitBatch(c.t.Context(), list); err != nil {
		c.t.Fatal(err)
	}
}

// rollout waits until the change in stages is as it should be.
func (c *liveCell) rollout(what string, is func(r *api.RolloutView) bool) *api.RolloutView {
	c.t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		s, err := c.client.Status(c.t.Context())
		if err == nil && s.Rollout != nil && is(s.Rollout) {
			return s.Rollout
		}
		if time.Since(began) > 2*time.Minute {
			c.t.Fatalf("not %s after 2 minutes: %+v, %v", what, s.Rollout, err)
		}
	}
}

// TestCanaryRollsBack: worst-fit sends jobs to the large node, which is said to be four
// times as fast, so that the rehearsal finds it better. The shadow finds nothing
// against it. The canary does, since that node is slow in truth, and the rest of the
// cell has never seen it.
func TestCanaryRollsBack(t *testing.T) {
	c := newLiveCellOf(t,
		api.Node{Name: "n1", Layer: api.LayerCloud, Capacity: api.Resources{CPU: 16_000, Memory: 8 * api.GiB}},
		api.Node{Name: "n2", Layer: api.LayerCloud, Speed: 4000, Capacity: api.Resources{CPU: 64_000, Memory: 64 * api.GiB}})
	if code, _, stderr := c.drover("strategies", "set", "best-fit"); code != 0 {
		t.Fatal(stderr)
	}
	c.together(10)
	c.settle()
	code, out, stderr := c.drover("strategies", "set", "worst-fit", "--if-better", "--seeds", "3", "--least", "5",
		"--stages", "shadow,canary,all", "--shadow", "5s", "--canary", "30s", "--share", "50%")
	if code != 0 || !inOrder(out, "best-fit stays for now, and worst-fit is tried in its shadow", "drover strategies rollout") {
		t.Fatalf("exit code %d: %s%s", code, out, stderr)
	}
	c.together(10)
	r := c.rollout("a canary", func(r *api.RolloutView) bool { return r.Stage == api.StageCanary })
	if s := r.Shadow; s == nil || s.Decisions < 5 || s.Differ != s.Decisions || s.Refused != 0 || s.Faster == 0 || s.Candidate >= s.Present {
		t.Errorf("the shadow found %+v", s)
	}
	c.settle()
	c.together(30)
	r = c.rollout("rolled back", func(r *api.RolloutView) bool { return r.Status != api.RolloutOpen })
	if r.Status != api.RolloutRolled || !strings.Contains(r.Reason, "completionMean is ") {
		t.Errorf("it is %s: %s", r.Status, r.Reason)
	}
	code, out, _ = c.drover("strategies", "rollout")
	if code != 0 || !inOrder(out, "worst-fit in the place of best-fit", "rolled back", "To another node", "CANARY", "completionMean") {
		t.Errorf("exit code %d: %s", code, out)
	}
	rows, err := c.client.Strategies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rows {
		if s.Default != (s.Name == "best-fit") {
			t.Errorf("%s is the cell's: %v", s.Name, s.Default)
		}
	}
	c.canaryTells()
}

// canaryTells checks what the last thirty jobs say of who decided for them.
func (c *liveCell) canaryTells() {
	c.t.Helper()
	told := map[string]int{}
	for i := range 30 {
		x, err := c.client.Explain(c.t.Context(), fmt.Sprintf("job-%d", c.n-i), "main", 0)
		if err != nil {
			c.t.Fatal(err)
		}
		told[x.Decision.Stage+" by "+x.Decision.Strategy+" on "+x.Task.Node]++
	}
	if len(told) != 2 || told["canary by worst-fit on n2"] < 5 || told["control by best-fit on n1"] < 5 {
		c.t.Errorf("what was decided says %v", told)
	}
}

// TestCanaryOfASite: worst-fit would send jobs to the hall, and is tried at the plant alone:
// there it takes the large node, which is slow in truth. Nothing reaches the hall.
func TestCanaryOfASite(t *testing.T) {
	c := newLiveCellOf(t,
		api.Node{Name: "n1", Layer: api.LayerEdge, Site: "plant", Capacity: api.Resources{CPU: 16_000, Memory: 8 * api.GiB}},
		api.Node{Name: "n2", Layer: api.LayerEdge, Site: "plant", Speed: 4000, Capacity: api.Resources{CPU: 64_000, Memory: 64 * api.GiB}},
		api.Node{Name: "n3", Layer: api.LayerCloud, Site: "hall", Speed: 4000, Capacity: api.Resources{CPU: 640_000, Memory: 640 * api.GiB}})
	if code, _, stderr := c.drover("strategies", "set", "best-fit"); code != 0 {
		t.Fatal(stderr)
	}
	c.together(10)
	c.settle()
	code, out, stderr := c.drover("strategies", "set", "worst-fit", "--if-better", "--seeds", "3", "--least", "5",
		"--stages", "canary,all", "--canary", "30s", "--sites", "plant")
	if code != 0 || !inOrder(out, "best-fit stays for now, and worst-fit is tried as a canary") {
		t.Fatalf("exit code %d: %s%s", code, out, stderr)
	}
	c.rollout("a canary", func(r *api.RolloutView) bool { return r.Stage == api.StageCanary })
	if _, out, _ := c.drover("strategies", "rollout"); !strings.Contains(out, "worst-fit chooses the node for 50 % of the jobs that best-fit sends to plant") {
		t.Errorf("it is shown as %s", out)
	}
	c.together(30)
	if r := c.rollout("rolled back", func(r *api.RolloutView) bool { return r.Status != api.RolloutOpen }); r.Status != api.RolloutRolled {
		t.Errorf("it is %s: %s", r.Status, r.Reason)
	}
	c.canaryTells()
}

func TestFlagsOfStages(t *testing.T) {
	for _, tt := range []struct {
		o    rollFlags
		want string
		none bool
	}{
		{o: rollFlags{}, none: true},
		{o: rollFlags{names: []string{"all"}}, none: true},
		{o: rollFlags{names: []string{"canary", "shadow"}}, want: "in this order"},
		{o: rollFlags{names: []string{"dark"}}, want: "in this order"},
		{o: rollFlags{names: []string{"shadow"}, shadow: time.Millisecond}, want: "--shadow"},
		{o: rollFlags{names: []string{"canary"}, canary: time.Hour, share: "12.5%"}, want: "whole number"},
		{o: rollFlags{names: []string{"canary"}, canary: time.Hour, share: "95%"}, want: "--share"},
		{o: rollFlags{names: []string{"shadow", "all"}, shadow: time.Hour}},
		{o: rollFlags{names: []string{"canary"}, canary: time.Hour, share: "25%", tenants: []string{"a", "b"}}},
		{o: rollFlags{names: []string{"canary"}, canary: time.Hour, sites: []string{"plant", "plant"}}, want: "--sites[1]"},
		{o: rollFlags{names: []string{"canary"}, canary: time.Hour, sites: []string{"plant"}}},
	} {
		s, err := tt.o.stages()
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v", tt.o, err)
			}
			continue
		}
		if err != nil || (s == nil) != tt.none {
			t.Errorf("%+v: %+v, %v", tt.o, s, err)
		}
	}
	s, _ := (&rollFlags{names: []string{"canary"}, canary: time.Hour, share: "25%"}).stages()
	if !s.Stop || s.Share != 25 || s.Shadow != 0 {
		t.Errorf("%+v", s)
	}
	for _, tt := range []struct {
		sites []string
		share int32
	}{{nil, 10}, {[]string{"plant", "mine"}, 50}} {
		s, err := (&rollFlags{names: []string{"canary"}, canary: time.Hour, sites: tt.sites}).stages()
		if err != nil || s.Share != tt.share || len(s.Sites) != len(tt.sites) {
			t.Errorf("a canary at %v: %+v, %v", tt.sites, s, err)
		}
	}
}

func TestFlagsOfStagesThatAreNotAskedFor(t *testing.T) {
	for _, tt := range []struct {
		stages, flag string
		code         int
	}{
		{"", "--share=20%", exitUsage},
		{"all", "--shadow=1h", exitUsage},
		{"shadow,all", "--share=300%", exitUsage},
		{"canary", "--shadow=1h", exitUsage},
		{"shadow", "--sites=plant", exitUsage},
	} {
		con := newConsole(t, map[string]string{"DROVER_SERVER": "http://127.0.0.1:1", "DROVER_TOKEN": "none"})
		code := con.run(t.Context(), []string{"strategies", "set", "fifo", "--if-better", "--stages", tt.stages, tt.flag})
		if code != tt.code || !strings.Contains(con.err.String(), "that is not asked for") {
			t.Errorf("--stages %q %s: exit code %d: %s", tt.stages, tt.flag, code, con.err.String())
		}
	}
}
