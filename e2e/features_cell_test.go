//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// TestSystem: one task on each matching node, and on one that joins later.
func TestSystem(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("cloud-1")
	c.Agent("edge-1", "--layer", "edge")
	task := api.Task{
		Name: "probe", Driver: api.DriverProcess, Command: []string{"sh", "-c", "echo $DROVER_NODE >> " + c.file("probes") + "; sleep 600"},
		Requires: api.Requirements{Layers: []api.Layer{api.LayerEdge}},
	}
	c.applied(&api.Workload{APIVersion: api.Version, Kind: api.KindSystem, Name: "probe", Tasks: []api.Task{task}})
	c.await("probe", "runs on the edge", running(1))
	c.Agent("edge-2", "--layer", "edge")
	s := c.await("probe", "runs on the node that joined", running(2))
	if s.Tasks[0].Node == s.Tasks[1].Node {
		t.Errorf("two on one node: %v", s)
	}
	Await(t, patience, "both have written", func() (bool, string) {
		got := c.lines("probes")
		slices.Sort(got)
		return slices.Equal(got, []string{"edge-1", "edge-2"}), strings.Join(got, " ")
	})
}

// TestCron runs a job every second; one whose run goes on is skipped.
func TestCron(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("n1")
	quick := job("quick", shell("echo $DROVER_WORKLOAD"))
	quick.Schedule = &api.Schedule{Cron: "* * * * * *", Zone: "Europe/Berlin", Overlap: api.OverlapAllow, Keep: 3}
	slow := job("slow", shell(c.gated("slow", "echo done")))
	slow.Schedule = &api.Schedule{Cron: "* * * * * *", Overlap: api.OverlapSkip}
	cl, ctx := c.Client(), Within(t, 3*patience)
	st, err := cl.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c.applied(quick)
	c.applied(slow)
	runs := func(name, status string) []api.WorkloadView {
		all := read[[]api.WorkloadView](c, "ls", "--runs-of", ulong(c.show(name).Workload.ID))
		return slices.DeleteFunc(all, func(v api.WorkloadView) bool { return status != "" && v.Status != status })
	}
	Await(t, patience, "three runs succeed", func() (bool, string) {
		got := runs("quick", "succeeded")
		return len(got) >= 3, ulong(uint64(len(got)))
	})
	for _, v := range runs("quick", "succeeded")[:1] {
		if !strings.HasPrefix(v.Name, "quick-2") {
			t.Errorf("a run is named %q", v.Name)
		}
	}
	skipped := 0
	for e, err := range cl.Watch(ctx, client.WatchOptions{From: st.Seq, Workload: "slow", Types: []string{"run.scheduled"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.Detail, "skipped: the run before has not ended") {
			skipped++
		}
		if skipped == 3 {
			break
		}
	}
	if got := runs("slow", ""); len(got) != 1 {
		t.Errorf("%d runs while the first goes on", len(got))
	}
	c.open("slow")
	Await(t, patience, "a second run", func() (bool, string) {
		got := runs("slow", "succeeded")
		return len(got) >= 2, ulong(uint64(len(got)))
	})
	if s := c.show("slow").Workload; s.NextRun == 0 {
		t.Errorf("no next run is shown: %+v", s)
	}
	if r := c.CLI("cancel", "quick", "slow"); r.Code != 0 {
		t.Errorf("cancel: %+v", r)
	}
	c.await("quick", "is cancelled", status("cancelled"))
}

// TestDrain empties a node: replicas move first and are never too few, a job
// may end where it is.
func TestDrain(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("n1")
	c.applied(c.web("web", "one", 2), "--wait")
	c.applied(job("steady", shell(c.gated("steady", "echo done"))))
	c.await("steady", "runs", running(1))
	c.Agent("n2")
	began := time.Now()
	drain := c.start("drain", "n1", "--grace", "10m", "--wait")
	c.await("web", "moves", func(s shown) bool {
		return healthy(2)(s) && s.Tasks[0].Node == "n2" && s.Tasks[1].Node == "n2"
	})
	if least := c.fewest("web", began); least < 1 {
		t.Errorf("%d replicas served while they moved", least)
	}
	if s := c.show("steady"); s.Workload.Status != "running" || s.Tasks[0].Node != "n1" || !drain.goingOn() {
		t.Errorf("during the grace: %v; drain is done: %v", s, !drain.goingOn())
	}
	if n := read[[]api.NodeView](c, "nodes", "n1")[0]; n.Status != "draining" {
		t.Errorf("n1 is %s", n.Status)
	}
	c.open("steady")
	if s := c.await("steady", "ends", status("succeeded")); s.Tasks[0].Try != 1 || s.Tasks[0].Node != "n1" {
		t.Errorf("%v", s)
	}
	if code := drain.code(); code != 0 {
		t.Errorf("drain ended with %d", code)
	}
	if n := read[[]api.NodeView](c, "nodes", "n1")[0]; n.Status != "drained" || n.Tasks != 0 {
		t.Errorf("n1 is %s with %d tasks", n.Status, n.Tasks)
	}
	c.applied(job("next", shell("echo $DROVER_NODE")), "--wait")
	if r := c.CLI("result", "next"); r.Stdout != "n2\n" {
		t.Errorf("work went to the drained node: %+v", r)
	}
	if r := c.CLI("drain", "n1", "--off"); r.Code != 0 {
		t.Errorf("drain --off: %+v", r)
	}
	if n := read[[]api.NodeView](c, "nodes", "n1")[0]; n.Status != "ready" {
		t.Errorf("n1 is %s", n.Status)
	}
}

// TestAgentRestart: tasks do not notice that their agent is killed and started
// again, and their results arrive.
func TestAgentRestart(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	agent := c.Agent("n1", "--allow-path", filepath.Dir(c.file("")))
	c.applied(job("process", shell("echo $$ >> "+c.file("pid")+"; "+c.gated("open", "echo done"))))
	c.applied(job("wasm", c.gateModule("open")))
	names := []string{"process", "wasm"}
	before := map[string]api.TaskView{}
	for _, name := range names {
		before[name] = c.await(name, "runs", func(s shown) bool { return running(1)(s) && s.Tasks[0].PID != 0 }).Tasks[0]
	}
	Await(t, patience, "the process has written its number", func() (bool, string) { return len(c.lines("pid")) == 1, "" })
	agent.Kill()
	for _, name := range names {
		if !alive(int(before[name].PID)) {
			t.Errorf("%s died with its agent", name)
		}
	}
	agent.Restart()
	for _, name := range names {
		after := c.show(name).Tasks[0]
		if after.PID != before[name].PID || after.Try != 1 || after.Status != "running" || !alive(int(after.PID)) {
			t.Errorf("%s before: %+v, after: %+v", name, before[name], after)
		}
	}
	c.open("open")
	for _, name := range names {
		if s := c.await(name, "ends", status("succeeded")); s.Tasks[0].Try != 1 || s.Tasks[0].PID != before[name].PID {
			t.Errorf("%v", s)
		}
	}
	if r := c.CLI("result", "process"); r.Stdout != "done\n" {
		t.Errorf("result of the process: %+v", r)
	}
	if r := c.CLI("result", "wasm"); r.Stdout != "waiting\nopen\n" {
		t.Errorf("result of the module: %+v", r)
	}
	if got := c.lines("pid"); len(got) != 1 {
		t.Errorf("the process was started %d times", len(got))
	}
}

// TestAgentGone: the agent is killed, its tasks run on. Each does as its onLost
// says: one is done elsewhere and recorded once, one has failed, one waits. When
// the agent is back at last, it stops what was placed elsewhere.
func TestAgentGone(t *testing.T) {
	t.Parallel()
	c := NewCluster(t, "--heartbeat", "1s", "--silent-after", "4s")
	agent := c.Agent("n1")
	for _, lost := range []api.OnLost{api.LostReplace, api.LostFail, api.LostWait} {
		name := string(lost)
		w := job(name, shell("echo $$ >> "+c.file(name+"-pid")+"; "+c.gated(name, "echo $DROVER_ATTEMPT on $DROVER_NODE")))
		w.Tasks[0].OnLost = lost
		c.applied(w)
		c.await(name, "runs", func(s shown) bool { return running(1)(s) && len(c.lines(name+"-pid")) == 1 })
	}
	c.Agent("n2")
	agent.Kill()
	s := c.await("replace", "runs elsewhere", func(s shown) bool { return running(1)(s) && s.Tasks[0].Node == "n2" })
	if s.Tasks[0].Try != 2 {
		t.Errorf("%v", s)
	}
	if s := c.await("fail", "fails", status("failed")); !strings.Contains(s.Workload.Reason+s.Tasks[0].Reason, "node n1 is silent") {
		t.Errorf("%v", s)
	}
	c.open("replace")
	c.await("replace", "ends", status("succeeded"))
	if r := c.CLI("result", "replace"); r.Stdout != "2 on n2\n" {
		t.Errorf("result: %+v", r)
	}
	if s := c.show("wait"); s.Tasks[0].Node != "n1" || s.Tasks[0].Try != 1 || s.Workload.Finished != 0 {
		t.Errorf("%v", s)
	}

	agent.Restart()
	Await(t, patience, "the task that was given up is stopped", func() (bool, string) {
		return !alive(c.pid("fail-pid")), ""
	})
	if r := c.CLI("result", "replace"); r.Stdout != "2 on n2\n" {
		t.Errorf("result after the first node came back: %+v", r)
	}
	c.open("wait")
	c.await("wait", "ends", status("succeeded"))
	if r := c.CLI("result", "wait"); r.Stdout != "1 on n1\n" || len(c.lines("wait-pid")) != 1 {
		t.Errorf("result: %+v", r)
	}
}

// TestRunGoesOn: drover run outlives the death of the server, and cancels its
// work when it is interrupted.
func TestRunGoesOn(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("n1")
	run := c.start("run", "--driver", "process", "--name", "steady", "--", "sh", "-c", "echo begin; "+c.gated("open", "echo end; exit 9"))
	if l := run.line(); l != "begin" {
		t.Errorf("the first line is %q", l)
	}
	c.Server.Kill()
	c.Server.Restart()
	c.open("open")
	if l := run.line(); l != "end" {
		t.Errorf("the second line is %q", l)
	}
	if code := run.code(); code != 9 {
		t.Errorf("it ended with %d, want 9", code)
	}
	run = c.start("run", "--driver", "process", "--name", "stopped", "--", "sh", "-c", "echo begin; sleep 600")
	run.line()
	if err := run.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := run.code(); code != 130 {
		t.Errorf("after an interrupt it ended with %d, want 130", code)
	}
	if s := c.show("stopped"); s.Workload.Status != "cancelled" {
		t.Errorf("%v", s)
	}
}

// TestSubmitTwice: one key, one workload, and the same answer, also when the
// server was killed between.
func TestSubmitTwice(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	text, err := json.Marshal(job("once", shell("echo once")))
	if err != nil {
		t.Fatal(err)
	}
	submit := func(key string) (int, api.Applied) {
		t.Helper()
		status, body := c.http(http.MethodPost, "/v1/workloads", bytes.NewReader(text), "Idempotency-Key", key, "Content-Type", "application/json")
		var a api.Applied
		if err := json.Unmarshal(body, &a); err != nil {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		return status, a
	}
	status1, a := submit("key-1")
	c.Server.Kill()
	c.Server.Restart()
	status2, b := submit("key-1")
	if status1 != status2 || status1/100 != 2 || a.ID == 0 || a.ID != b.ID || a.Action != b.Action {
		t.Errorf("first %d %+v, second %d %+v", status1, a, status2, b)
	}
	if list := read[[]api.WorkloadView](c, "ls"); len(list) != 1 {
		t.Errorf("%d workloads", len(list))
	}
}

// http makes a raw request.
func (c *Cluster) http(method, path string, body io.Reader, headers ...string) (status int, answer []byte) {
	c.t.Helper()
	res, err := http.DefaultClient.Do(c.request(method, path, body, headers...))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, answer
}

func (c *Cluster) request(method, path string, body io.Reader, headers ...string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(Within(c.t, patience), method, c.URL+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.Token())
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// TestWatch follows changes, is interrupted by the death of the server, and goes
// on at the same place: nothing is missed and nothing comes twice.
func TestWatch(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("n1")
	cl := c.Client()
	st, err := cl.Status(Within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	w := job("seen", shell("echo {index}"))
	w.Tasks[0].Count = 5
	c.applied(w, "--wait")
	whole := c.changes("/v1/watch?workload=seen&from="+ulong(st.Seq), "")
	if first := whole[0]; first.Type != "workload.submitted" || first.Workload != "seen" {
		t.Errorf("the first change is %+v", first)
	}
	ended := 0
	for _, e := range whole {
		if e.Type == "task.ended" {
			ended++
		}
	}
	if ended != 5 {
		t.Errorf("%d tasks ended in %v", ended, whole)
	}
	c.Server.Kill()
	c.Server.Restart()
	for at := range whole[:len(whole)-1] {
		rest := c.changes("/v1/watch?workload=seen", whole[at].id)
		if !slices.Equal(rest, whole[at+1:]) {
			t.Errorf("after %s came %v, want %v", whole[at].id, rest, whole[at+1:])
		}
	}
}

// change is one event of a watch, with its id.
type change struct {
	api.WatchEvent
	id string
}

// changes reads a watch up to the end of the workload.
func (c *Cluster) changes(path, after string) (out []change) {
	c.t.Helper()
	r := c.request(http.MethodGet, path, nil)
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	id, event := "", ""
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			ch := change{id: id}
			if err := json.Unmarshal([]byte(value), &ch.WatchEvent); err != nil || event != "change" {
				c.t.Fatalf("event %s: %s, %v", event, value, err)
			}
			if out = append(out, ch); ch.Type == api.EventFinished {
				return out
			}
		}
	}
	c.t.Fatalf("%s after %q ended early, with %v", path, after, out)
	return nil
}
