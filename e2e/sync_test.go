//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// syncedWorkloads is how many submissions TestSyncBeforeAck follows.
const syncedWorkloads = 20

// TestSyncBeforeAck has the kernel tell what a server does between the write of
// a record and the answer to the client: a successful sync of that very file.
func TestSyncBeforeAck(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed, so nothing is known of syncs")
	}
	c := newCluster(t, t.TempDir())
	trace := filepath.Join(c.Dir, "trace")
	c.Server = c.process("server", "server", "--data", c.ServerDir(), "--http", c.address(7420), "--bus", c.address(7421))
	c.Server.args = append([]string{
		strace, "-f", "-y", "-s", "4096", "-o", trace,
		"-e", "trace=fsync,fdatasync,write,pwrite64,writev,sendto,sendmsg",
	}, c.Server.args...)
	c.Server.Restart()
	cl, ctx := c.Client(), Within(t, time.Minute)
	names := make([]string, syncedWorkloads)
	for i := range names {
		names[i] = fmt.Sprintf("synced-%02d", i)
		if _, err := cl.Submit(ctx, job(names[i], shell("true"))); err != nil {
			t.Fatal(err)
		}
	}
	endTraced(c.Server, c.ServerDir())
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls := parseTrace(string(text))
	between := 0
	for _, name := range names {
		between += syncedBetween(t, calls, name)
	}
	t.Logf("%d submissions: each answer came after its record was written and its file synced; %d syncs in between, "+
		"%d of the journal's file in all", len(names), between, len(slices.DeleteFunc(slices.Clone(calls), func(c call) bool {
		return !c.syncs() || !c.ofJournal()
	})))
}

// endTraced ends a program under strace; strace then writes down the rest and
// ends by itself.
func endTraced(p *Process, dir string) {
	for _, pid := range processesOf(dir) {
		if pid != p.PID() {
			_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		}
	}
	p.awaitEnd(20 * time.Second)
}

// call is one system call: what it did, and the lines of the trace where it
// began and ended.
type call struct {
	name, path, text string
	ok               bool
	began, ended     int
}

func (c *call) syncs() bool { return (c.name == "fsync" || c.name == "fdatasync") && c.ok }

// ofJournal tells the files that JetStream keeps records in.
func (c *call) ofJournal() bool {
	return strings.Contains(c.path, "DROVER_JOURNAL_") && strings.HasSuffix(c.path, ".blk")
}

var (
	wholeCall   = regexp.MustCompile(`^(\d+) +(\w+)\((\d+)<([^>]*)>(.*?)(?:\) += (-?\d+).*| <unfinished \.\.\.>)$`)
	resumedCall = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>.* = (-?\d+)`)
)

// parseTrace reads what strace wrote. Calls that never ended are left out.
func parseTrace(text string) (calls []call) {
	open := map[string]call{} // by thread
	for i, line := range strings.Split(text, "\n") {
		if m := resumedCall.FindStringSubmatch(line); m != nil {
			if c, known := open[m[1]]; known && c.name == m[2] {
				c.ok, c.ended = !strings.HasPrefix(m[3], "-"), i
				calls = append(calls, c)
			}
			delete(open, m[1])
			continue
		}
		m := wholeCall.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		c := call{name: m[2], path: m[4], text: m[5], began: i, ended: i, ok: !strings.HasPrefix(m[6], "-")}
		if m[6] == "" {
			open[m[1]] = c
			continue
		}
		calls = append(calls, c)
	}
	return calls
}

// syncedBetween finds the write of the record that holds a name, and the answer
// that names it, and demands a sync of the record's file between the two. It
// returns how many there were.
func syncedBetween(t *testing.T, calls []call, name string) (syncs int) {
	t.Helper()
	record := slices.IndexFunc(calls, func(c call) bool { return c.ofJournal() && !c.syncs() && strings.Contains(c.text, name) })
	answer := slices.IndexFunc(calls, func(c call) bool {
		return strings.Contains(c.text, "HTTP/1.1 201") && strings.Contains(c.text, name)
	})
	if record < 0 || answer < 0 {
		t.Errorf("%s: its record is at call %d, its answer at %d of %d", name, record, answer, len(calls))
		return 0
	}
	for _, c := range calls {
		if c.syncs() && c.path == calls[record].path && c.began > calls[record].ended && c.ended < calls[answer].began {
			syncs++
		}
	}
	if syncs == 0 {
		t.Errorf("%s was answered without a sync after its record was written", name)
	}
	return syncs
}
