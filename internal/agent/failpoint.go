package agent

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// FailpointEnv names the environment variable that makes an agent kill itself
// with SIGKILL at a named point: "agent.before-start", or with ":3" at the third
// time it gets there. Only tests of what survives set it.
const FailpointEnv = "DROVER_FAILPOINT"

// The points, in the order in which one task passes them.
const (
	pointAfterAssign   = "agent.after-assign"         // a set was taken in, nothing is written yet
	pointBeforeStart   = "agent.before-start"         // the start is recorded, the driver not asked
	pointAfterStart    = "agent.after-start"          // the driver said that the task runs
	pointBeforeSync    = "agent.before-outbox-sync"   // a report was decided, nothing is written
	pointAfterSync     = "agent.after-outbox-sync"    // a report is durable, nothing is sent
	pointBeforeReport  = "agent.before-report"        // a batch of reports is about to be sent
	pointAfterAck      = "agent.after-report-ack"     // the server has them, the outbox does not know
	pointBeforeDelete  = "agent.before-outbox-delete" // an attempt is forgotten, its directory is still there
	pointBeforeCollect = "agent.before-collect"       // the task has ended, its outputs are not stored
)

// Failpoints lists the names that FailpointEnv takes.
func Failpoints() []string {
	return []string{
		pointAfterAssign, pointBeforeStart, pointAfterStart, pointBeforeCollect, pointBeforeSync, pointAfterSync,
		pointBeforeReport, pointAfterAck, pointBeforeDelete,
	}
}

// failpoint is inert when nil.
type failpoint struct {
	name string
	left atomic.Int64
	die  func()
}

// newFailpoint reads "name[:count]". Names of other programs are not ours to
// judge; a misspelt one of ours is an error.
func newFailpoint(text string) (*failpoint, error) {
	name, count, counted := strings.Cut(text, ":")
	if !strings.HasPrefix(name, "agent.") {
		return nil, nil
	}
	if !slices.Contains(Failpoints(), name) {
		return nil, fmt.Errorf("%s=%q: no such point; there are %s", FailpointEnv, text, strings.Join(Failpoints(), ", "))
	}
	f := &failpoint{name: name, die: killSelf}
	f.left.Store(1)
	if counted {
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s=%q: the count must be a positive number", FailpointEnv, text)
		}
		f.left.Store(n)
	}
	return f, nil
}

// at dies here if this is the point and its time has come.
func (f *failpoint) at(name string) {
	if f != nil && f.name == name && f.left.Add(-1) == 0 {
		f.die()
	}
}

func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil && p.Kill() == nil {
		select {} // the signal is on its way
	}
}
