//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// attempt is a task that a worker runs, as a node's files tell it.
type attempt struct {
	pid      int
	workload uint64
	try      uint32
}

// kill ends the worker alone; its task's processes are the node's business.
func (a attempt) kill() { _ = syscall.Kill(a.pid, syscall.SIGKILL) } // it may have ended

// workersOf lists the workers that run a task on some nodes now.
func workersOf(t testing.TB, c *Cluster, nodes ...string) (out []attempt) {
	t.Helper()
	for _, node := range nodes {
		tasks := c.AgentDir(node) + "/tasks/"
		for _, pid := range processesOf(tasks) {
			if a, ok := attemptOf(pid, tasks); ok {
				out = append(out, a)
			}
		}
	}
	return out
}

// attemptOf reads from a worker's open files which task it runs. The directory
// of an attempt is called WORKLOAD-TASK-INDEX-TRY.
func attemptOf(pid int, tasks string) (a attempt, ok bool) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil || !strings.HasPrefix(string(line), "drover\x00worker\x00") {
		return a, false
	}
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return a, false
	}
	for _, f := range files {
		to, err := os.Readlink(filepath.Join(proc, "fd", f.Name()))
		below, found := strings.CutPrefix(to, tasks)
		if err != nil || !found {
			continue
		}
		var task, index int
		if n, _ := fmt.Sscanf(below, "%d-%d-%d-%d/", &a.workload, &task, &index, &a.try); n == 4 {
			a.pid = pid
			return a, true
		}
	}
	return a, false
}
