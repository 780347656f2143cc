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

// grid says what the carbon intensity of a zone is by the hour, in g/kWh, from the present
// hour on.
func (c *Cluster) grid(zone string, hours ...int64) {
	c.t.Helper()
	for i := range hours {
		hours[i] *= 1000
	}
	v := &api.Signal{
		Kind: api.SignalCarbon, Zone: zone, Step: api.Hour, Start: api.Time(time.Now().Truncate(time.Hour).UnixNano()),
		Values: hours, Known: int32(len(hours)), Origin: "test",
	}
	if err := c.Client().PutSignal(c.t.Context(), v); err != nil {
		c.t.Fatal(err)
	}
}

// cpuTicks is the CPU time of a process and those that it has awaited.
func cpuTicks(t *testing.T, pid int) (sum int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	for _, at := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
		n, err := strconv.Atoi(fields[at])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// TestTimeSlicing: a process that runs is suspended when the forecast says that clean
// hours come. It uses no CPU then, also while its agent is dead and behind that, and
// after the server was killed. When the forecast changes it goes on and ends.
func TestTimeSlicing(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	site := filepath.Join(c.Dir, "site.yaml")
	if err := os.WriteFile(site, []byte("apiVersion: drover/v1\nkind: site\nname: bonn\nlayer: cloud\nzone: DE\n---\n"+
		"apiVersion: drover/v1\nkind: strategy\nname: unbounded\nslice: true\nterms: [{term: carbon}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := c.CLI("apply", "-f", site); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	agent := c.Agent("n1", "--site", "bonn")
	work := job("work", shell("echo $$ > "+c.file("pid")+"; while [ ! -e "+c.file("open")+" ]; do :; done; echo done"))
	work.Strategy, work.Objective, work.Deadline = "unbounded", api.ObjectiveCarbon, 20*api.Hour
	work.Tasks[0].Duration = api.Hour
	c.grid("DE", 500, 500, 500, 500, 500, 500, 500, 500, 500, 500)
	c.applied(work)
	c.await("work", "runs", running(1))
	Await(t, patience, "it has written its number", func() (bool, string) { return len(c.lines("pid")) == 1, "" })
	pid, err := strconv.Atoi(c.lines("pid")[0])
	if err != nil {
		t.Fatal(err)
	}

	c.grid("DE", 800, 800, 800, 20, 20, 20, 20, 800, 800, 800)
	stands := func(want string) {
		t.Helper()
		c.await("work", "is "+want, func(s shown) bool { return s.Tasks[0].Status == want })
	}
	stands("suspended")
	idles := func(when string) {
		t.Helper()
		before := cpuTicks(t, pid)
		time.Sleep(500 * time.Millisecond)
		if after := cpuTicks(t, pid); after != before {
			t.Errorf("%s it used %d ticks of CPU time", when, after-before)
		}
	}
	idles("suspended,")
	agent.Kill()
	idles("without its agent")
	agent.Restart()
	idles("with a new agent")
	c.Server.Kill()
	c.Server.Restart()
	stands("suspended")
	idles("after the server was killed")

	c.grid("DE", 20, 20, 20, 800, 800, 800, 800, 800, 800, 800)
	stands("running")
	before := cpuTicks(t, pid)
	Await(t, patience, "it uses CPU time again", func() (bool, string) { return cpuTicks(t, pid) > before, "" })
	c.open("open")
	if s := c.await("work", "ends", status("succeeded")); s.Tasks[0].Try != 1 {
		t.Errorf("%v", s)
	}
	if r := c.CLI("result", "work"); r.Stdout != "done\n" {
		t.Errorf("%+v", r)
	}
}
