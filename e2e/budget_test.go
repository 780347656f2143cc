//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the program may cost, and what a busy machine is forgiven.
const (
	readyBudget, readyFloor = time.Second, 3 * time.Second
	idleBudget, idleFloor   = 100 << 20, 150 << 20 // resident bytes
	sizeBudget              = 50 << 20             // bytes of the stripped binary
	idleFor                 = 5 * time.Second
)

// TestBudgets measures what `drover dev` costs before it does anything. It runs
// alone, since it measures.
func TestBudgets(t *testing.T) {
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("binary: %.1f MiB, asked at most %d MiB", mib(info.Size()), sizeBudget>>20)
	if info.Size() > sizeBudget {
		t.Errorf("the binary has %d bytes, above %d", info.Size(), sizeBudget)
	}
	c := newCluster(t, t.TempDir())
	dev := c.process("dev", "dev", "--data", c.Dir, "--http", c.address(7420))
	c.agents = append(c.agents, dev)
	for _, start := range []string{"first start", "start with data"} {
		began := time.Now()
		dev.Restart()
		took := time.Since(began)
		t.Logf("%s: ready after %d ms, asked at most %d ms", start, took.Milliseconds(), readyBudget.Milliseconds())
		if took > readyFloor {
			t.Errorf("%s: ready after %v, above the floor of %v", start, took, readyFloor)
		}
		if start == "first start" {
			dev.Terminate()
		}
	}
	time.Sleep(idleFor) // idleness is what is measured
	rss := resident(t, dev.PID())
	var others int64
	for _, pid := range processesOf(c.Dir) {
		if pid != dev.PID() {
			others += resident(t, pid)
		}
	}
	t.Logf("idle: %.1f MiB resident, asked at most %d MiB; its idle workers %.1f MiB more, most of it shared",
		mib(rss), idleBudget>>20, mib(others))
	if rss > idleFloor {
		t.Errorf("idle it takes %d bytes, above the floor of %d", rss, idleFloor)
	}
	dev.Terminate()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// resident is what a process has in memory, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	if err != nil {
		return 0 // it has ended
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Errorf("process %d does not tell its memory", pid)
	return 0
}
