//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"drover.dev/api"
)

// TestSleep: an idle node is put to sleep, which ends its agent as it ends a machine;
// work that fits nowhere else has it woken by the server's hook, and runs there.
func TestSleep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	there := func(name string) func() (bool, string) {
		return func() (bool, string) {
			_, err := os.Stat(in(name))
			return err == nil, fmt.Sprint(err)
		}
	}
	c := NewCluster(t, "--silent-after", "4s", "--wake", write("wake.yaml", "nodes:\n  n1: {onWake: [/usr/bin/touch, "+in("woken")+"]}\n"))
	sleeper := write("sleep.yaml", "onSleep: [/bin/sh, -c, 'touch "+in("asleep")+"; kill -9 $(cat "+in("pid")+")']\nwatts: 3\ndown: 1s\nup: 5s\n")
	machine := c.Agent("n1", "--cpu", "2", "--sleep", sleeper)
	write("pid", fmt.Sprint(machine.PID()))

	if r := c.CLI("nodes", "sleep", "n1"); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	Await(t, patience, "the machine falls asleep", there("asleep"))
	machine.awaitEnd(patience)
	status := func(want string) func() (bool, string) {
		return func() (bool, string) {
			n := read[[]api.NodeView](c, "nodes", "n1")[0]
			return n.Status == want, n.Status
		}
	}
	Await(t, patience, "it is shown as asleep", status("sleeping"))

	task := shell("echo $DROVER_NODE")
	task.Resources.CPU = 1000
	c.applied(job("dream", task))
	Await(t, patience, "the hook wakes it", there("woken"))
	if ok, is := status("waking")(); !ok {
		t.Errorf("it is not shown as waking: %s", is)
	}
	machine.Restart()
	ctx := Within(t, patience)
	done, err := c.Client().WaitFinished(ctx, "dream")
	if err != nil || done[0].Status != "succeeded" {
		t.Fatalf("%+v, %v", done, err)
	}
	if ok, is := status("ready")(); !ok {
		t.Errorf("it is not ready: %s", is)
	}
}
