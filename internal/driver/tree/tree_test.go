package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover.dev/internal/driver/drivertest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kinds gives a parent for every way that works on this machine. Version 2
// without controllers, as on a hybrid machine, still freezes and kills.
func kinds(t *testing.T) map[string]Parent {
	t.Helper()
	all := map[string]Parent{"plain": {}}
	detected := Detect()
	if len(detected.V1) > 0 {
		all["v1"] = detected
	}
	all["v2"] = detected
	if mounts, err := os.ReadFile("/proc/self/mounts"); detected.V2 == "" && err == nil {
		dir := filepath.Join(mountOf(string(mounts), "cgroup2", ""), groupName+"-test")
		if os.Mkdir(dir, 0o755) == nil {
			t.Cleanup(func() { os.Remove(dir) })
			all["v2"] = Parent{V2: dir}
		}
	}
	if all["v2"].V2 == "" {
		delete(all, "v2")
	}
	return all
}

// grow makes a tree of a shell and two children that compute.
func grow(t *testing.T, p Parent) (*Tree, *exec.Cmd) {
	t.Helper()
	return growing(t, p, "read go; (while :; do :; done) & (while :; do :; done) & wait")
}

// growing makes a tree of a shell whose script waits for its input to end.
func growing(t *testing.T, p Parent, script string) (*Tree, *exec.Cmd) {
	t.Helper()
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	tr := p.New("w"+strconv.Itoa(os.Getpid())+"-"+strconv.FormatUint(self.Start, 10), self)
	c := exec.Command("sh", "-c", script)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = tr.Kill(10 * time.Second)
		_ = c.Wait()
		if err := tr.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(tr.Join(c.Process.Pid), in.Close()); err != nil {
		t.Fatal(err)
	}
	return tr, c
}

func TestTree(t *testing.T) {
	for name, p := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			tr, c := grow(t, p)
			if tr.Grouped() != (name != "plain") {
				t.Fatalf("tree %+v", tr)
			}
			usage := func() Usage {
				u, err := tr.Usage()
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
			drivertest.Eventually(t, "three processes compute", func() bool { u := usage(); return u.Processes == 3 && u.CPU > 0 })

			if err := tr.Freeze(true); err != nil {
				t.Fatal(err)
			}
			before := usage().CPU
			time.Sleep(50 * time.Millisecond)
			if after := usage().CPU; after != before {
				t.Errorf("used %s while frozen", after-before)
			}
			if err := tr.Freeze(false); err != nil {
				t.Fatal(err)
			}
			drivertest.Eventually(t, "they compute again", func() bool { return usage().CPU > before })

			// What is read back means the same tree, and frozen trees die too.
			b, err := json.Marshal(tr)
			var same Tree
			if err = errors.Join(err, json.Unmarshal(b, &same), same.Freeze(true), same.Kill(10*time.Second)); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			drivertest.Eventually(t, "nothing is left", func() bool { return usage().Processes == 0 })
		})
	}
}

func TestTerminate(t *testing.T) {
	for name, p := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			tr, c := grow(t, p)
			drivertest.Eventually(t, "three processes run", func() bool { u, err := tr.Usage(); return err == nil && u.Processes == 3 })
			if err := tr.Terminate(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			drivertest.Eventually(t, "nothing is left", func() bool { u, err := tr.Usage(); return err == nil && u.Processes == 0 })
		})
	}
}

// A session is found after its worker died; a stranger with its number is not.
func TestSession(t *testing.T) {
	all := map[int]Stat{
		1: {PID: 1, Start: 1}, 10: {PID: 10, Session: 10, Start: 50, Parent: 1}, 11: {PID: 11, Session: 10, Start: 60, Parent: 1},
		12: {PID: 12, Session: 12, Start: 70, Parent: 1},
	}
	for name, c := range map[string]struct {
		leader Process
		want   int
	}{
		"the leader lives":  {Process{10, 50}, 2},
		"a reused number":   {Process{10, 49}, 0},
		"no session at all": {Process{}, 0},
	} {
		if got := session(all, c.leader); len(got) != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	delete(all, 10)
	if got := session(all, Process{10, 50}); len(got) != 1 || got[0].PID != 11 {
		t.Errorf("the leader is gone: %+v", got)
	}
}

func TestParseStat(t *testing.T) {
	rest := "S 2 3 4 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 7 0 99 1000 5 18446744073709551615"
	s, err := parseStat([]byte("17 (a) b (c)) " + rest))
	want := Stat{State: 'S', Parent: 2, Session: 4, CPU: 4 * time.Second, Threads: 7, Start: 99, RSS: 5 * int64(os.Getpagesize())}
	if err != nil || s != want {
		t.Errorf("got %+v, %v; want %+v", s, err, want)
	}
	for _, bad := range []string{"", "17 (x) S", "17 (x) " + strings.Replace(rest, "99", "x", 1)} {
		if s, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}

// An agent asks once for each driver, and gets the same group each time.
func TestDetectAgain(t *testing.T) {
	first := Detect()
	if again := Detect(); !reflect.DeepEqual(again, first) {
		t.Errorf("first %+v, then %+v", first, again)
	}
}

// Limits of version 2 for real: one that forks too much, and one that holds too
// much. Machines on which version 1 has the controllers cannot run it; a virtual
// machine with version 2 alone does.
func TestV2Limits(t *testing.T) {
	p := Detect()
	if p.V2 == "" {
		t.Skip("SKIPPED: no control groups of version 2 with the controllers memory, cpu and pids for us here")
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	run := func(name, script string, l Limits) (*Tree, string, error) {
		tr := p.New("v2-"+name, self)
		t.Cleanup(func() {
			if err := errors.Join(tr.Kill(10*time.Second), tr.Remove()); err != nil {
				t.Error(err)
			}
		})
		c := exec.Command("sh", "-c", "read go; "+script)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		if err := errors.Join(tr.Set(l), c.Start(), tr.Join(c.Process.Pid), in.Close()); err != nil {
			t.Fatal(err)
		}
		err = c.Wait()
		return tr, out.String(), err
	}
	if _, out, err := run("pids", "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo all", Limits{Processes: 4}); strings.Contains(out, "all") {
		t.Errorf("eight processes ran where four may: %v, %s", err, out)
	}
	greedy, out, err := run("memory", `x=x; while :; do x=$x$x; done`, Limits{Memory: 32 << 20})
	if usage, usageErr := greedy.Usage(); err == nil || usageErr != nil || usage.OOMKills == 0 {
		t.Errorf("32 MiB were no limit: %v, %+v, %v, %.200s", err, usage, usageErr, out)
	}
	const half = 500
	slow, out, err := run("cpu", `i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done`, Limits{CPU: half})
	throttled, readErr := readKey(slow.V2, "cpu.stat", "nr_throttled")
	if err != nil || readErr != nil || throttled == 0 {
		t.Errorf("half a core was no limit: throttled %d times, %v, %v, %s", throttled, err, readErr, out)
	}
}

// The files of version 2, in a directory that only looks like a group.
func TestLimitsOfV2(t *testing.T) {
	dir := t.TempDir()
	files := []string{"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tr := &Tree{V2: dir}
	if err := tr.Set(Limits{Memory: 1 << 20, CPU: 1500, Processes: 7}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1048576", "0", "1", "150000 100000", "7"} {
		if got, err := read(dir, files[i]); got != want || err != nil {
			t.Errorf("%s is %q, %v; want %q", files[i], got, err, want)
		}
	}
	if err := os.Remove(filepath.Join(dir, "memory.max")); err != nil {
		t.Fatal(err)
	}
	if err := tr.Set(Limits{Memory: 1}); err == nil {
		t.Error("a limit that cannot be set was set")
	}
}

func TestOwnGroups(t *testing.T) {
	got := ownGroups("3:cpu,cpuacct:/a:b\n1:name=systemd:/s\n0::/user.slice\nbroken\n")
	for c, want := range map[string]string{"cpu": "/a:b", "cpuacct": "/a:b", "name=systemd": "/s", "": "/user.slice"} {
		if got[c] != want {
			t.Errorf("%q is %q, want %q", c, got[c], want)
		}
	}
}

func TestSweepKeepsTheLiving(t *testing.T) {
	p := Detect()
	if p.V1 == nil && p.V2 == "" {
		t.Skip("SKIPPED: this machine gives us no control groups")
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	dead, alive := p.New("sweep-dead", self), p.New("sweep-alive", self)
	defer alive.Remove()
	p.Sweep(func(name string) bool { return name != "sweep-dead" })
	for _, dir := range dead.Dirs() {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s remains", dir)
		}
	}
	for _, dir := range alive.Dirs() {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

// TestFreezeAmidForks: a shell that stands between the fork of a command and its exec waits in
// the kernel, for as long as the command is stopped too. It stands still all the same.
func TestFreezeAmidForks(t *testing.T) {
	for name, p := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			tr, _ := growing(t, p, "read go; while :; do /bin/true; done")
			drivertest.Eventually(t, "it computes", func() bool { u, err := tr.Usage(); return err == nil && u.CPU > 0 })
			for range 60 {
				if err := errors.Join(tr.Freeze(true), tr.Freeze(false)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}
