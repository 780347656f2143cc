//go:build e2e

package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSuspend: a process that counts is suspended by a command: it uses no CPU, also when
// its agent and the server were killed meanwhile, goes on by itself when the time is over,
// and ends with the right count in its first attempt, nothing being done twice.
func TestSuspend(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	agent := c.Agent("n1")
	work := job("work", shell("echo $$ > "+c.file("pid")+"; n=0; while [ ! -e "+c.file("open")+" ]; do n=$((n+1)); done; echo x >> "+c.file("ran")+"; echo done"))
	c.applied(work)
	c.await("work", "runs", running(1))
	Await(t, patience, "it has written its number", func() (bool, string) { return len(c.lines("pid")) == 1, "" })
	pid, err := strconv.Atoi(c.lines("pid")[0])
	if err != nil {
		t.Fatal(err)
	}
	if r := c.CLI("suspend", "work", "--for", "1h", "--reason", "lunch"); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	stands := func(want string) {
		t.Helper()
		c.await("work", "is "+want, func(s shown) bool { return s.Tasks[0].Status == want })
	}
	idles := func(when string) {
		t.Helper()
		before := cpuTicks(t, pid)
		time.Sleep(500 * time.Millisecond)
		if after := cpuTicks(t, pid); after != before {
			t.Errorf("%s it used %d ticks of CPU time", when, after-before)
		}
	}
	stands("suspended")
	idles("suspended,")
	agent.Kill()
	agent.Restart()
	c.Server.Kill()
	c.Server.Restart()
	stands("suspended")
	idles("after server and agent were killed")

	// The second command counts: it is soon over, and nobody comes back to say so.
	if r := c.CLI("suspend", "work", "--for", "2s"); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	stands("running")
	before := cpuTicks(t, pid)
	Await(t, patience, "it uses CPU time again", func() (bool, string) { return cpuTicks(t, pid) > before, "" })
	c.open("open")
	if s := c.await("work", "ends", status("succeeded")); s.Tasks[0].Try != 1 || len(s.Tasks[0].Suspensions) != 0 {
		t.Errorf("%+v", s.Tasks[0])
	}
	if n := strings.Join(c.lines("ran"), ""); n != "x" {
		t.Errorf("it ran %q", n)
	}
	if r := c.CLI("result", "work"); r.Stdout != "done\n" {
		t.Errorf("%+v", r)
	}
	if r := c.CLI("suspend", "work"); r.Code == 0 {
		t.Errorf("what has ended is suspended: %+v", r)
	}
}
