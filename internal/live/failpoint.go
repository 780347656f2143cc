package live

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// FailpointEnv names the environment variable that makes a server kill itself
// with SIGKILL at a named point: "server.before-append", or with ":3" at the
// third time it gets there. Only tests of what survives set it.
const FailpointEnv = "DROVER_FAILPOINT"

// The points, in the order in which one batch passes them.
const (
	pointBeforeAppend   = "server.before-append"   // decided, not sent to the journal
	pointAfterAppend    = "server.after-append"    // in the journal, nobody was told
	pointBeforeDispatch = "server.before-dispatch" // answered, the nodes were not told
	pointAfterDispatch  = "server.after-dispatch"  // the nodes were told
	pointBeforeSnapshot = "server.before-snapshot" // a snapshot is due, nothing is written
	pointBeforeTruncate = "server.before-truncate" // snapshot and archive are written, the journal is whole
	pointAfterTruncate  = "server.after-truncate"  // the journal was truncated
)

// Failpoints lists the names that FailpointEnv takes.
func Failpoints() []string {
	return []string{
		pointBeforeAppend, pointAfterAppend, pointBeforeDispatch, pointAfterDispatch,
		pointBeforeSnapshot, pointBeforeTruncate, pointAfterTruncate,
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
	if !strings.HasPrefix(name, "server.") {
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
