package live

import (
	"strings"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/state"
)

// alive is the leader's memory of when nodes were heard of.
type alive struct {
	tick  time.Duration // how often check is to be called
	wall  func() api.Time
	start time.Time // monotonic times count from here
	quiet time.Duration
	pause time.Duration

	mu    sync.Mutex
	rules *control.Liveness
	seen  map[string]time.Time
	back  []string // were silent and spoke
	doubt map[string]doubt
}

// doubt is about a node that was found silent: what says so is on its way into the journal,
// or stands there at a sequence that the shadow has not reached. The silence counts from when
// it stands there, so until the shadow shows it nothing may renew the node's lease: were the
// leader to die before it records that the node is back, the next one would give up work that
// the node believes it may go on with.
type doubt struct {
	open int    // how many such inputs are on their way
	seq  uint64 // of the last that stands
}

func newAlive(silentAfter time.Duration, wall func() api.Time) *alive {
	tick := min(max(silentAfter/12, 5*time.Millisecond), 500*time.Millisecond)
	a := &alive{
		tick: tick, wall: wall, start: time.Now(), quiet: silentAfter, pause: max(time.Second, 4*tick), seen: map[string]time.Time{},
		doubt: map[string]doubt{},
	}
	a.rules = control.NewLiveness(api.Duration(a.quiet), api.Duration(a.pause), a.now())
	return a
}

func (a *alive) now() api.Duration { return api.Duration(time.Since(a.start)) }

// begin gives every node a full grace period: this server has just begun to
// listen.
func (a *alive) begin(st *state.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules, a.back = control.NewLiveness(api.Duration(a.quiet), api.Duration(a.pause), a.now()), nil
	clear(a.doubt)
	for _, name := range st.SortedNodes() {
		a.rules.Track(name, st.Nodes[name].Silent, a.now())
	}
	a.trackCells(st)
}

// track follows the state: a node was registered, or removed. One that was known before has
// just spoken, and no more: that it is silent may be on its way into the journal, behind what
// registered it, and has to be taken back there.
func (a *alive) track(node string, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !known:
		a.rules.Forget(node)
		delete(a.seen, node)
	case !a.spoke(node):
		a.rules.Track(node, false, a.now())
		a.seen[node] = time.Now()
	}
}

// heard notes that a node spoke; false when it is not registered.
func (a *alive) heard(node string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spoke(node)
}

// spoke is heard under the lock.
func (a *alive) spoke(node string) bool {
	back, known := a.rules.Heard(node, a.now())
	if known {
		a.seen[node] = time.Now()
	}
	if back {
		a.back = append(a.back, node)
	}
	return known
}

// check gives what changed since the last call.
func (a *alive) check() []control.Change {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []control.Change
	for _, n := range a.back { // they spoke before now, whatever they have been since
		out = append(out, control.Change{Node: n})
	}
	a.back = nil
	for _, c := range a.rules.Tick(a.now(), a.wall()) {
		if c.Silent && !strings.HasPrefix(c.Node, cellLane) { // cells have no leases
			a.doubt[c.Node] = doubt{open: a.doubt[c.Node].open + 1}
		}
		out = append(out, c)
	}
	return out
}

// recorded notes that what check said of a node's silence stands in the journal.
func (a *alive) recorded(node string, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d, ok := a.doubt[node]; ok {
		a.doubt[node] = doubt{open: max(d.open-1, 0), seq: seq}
	}
}

// doubted tells whether a node's silence is on its way into the journal, or behind what the
// shadow shows, which is at a sequence.
func (a *alive) doubted(node string, shown uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, ok := a.doubt[node]
	if ok && d.open == 0 && d.seq <= shown {
		delete(a.doubt, node) // from here on the state says it
		return false
	}
	return ok
}

// LastSeen implements httpapi.Cell.
func (c *Cell) LastSeen(node string) api.Time {
	c.alive.mu.Lock()
	defer c.alive.mu.Unlock()
	if at, ok := c.alive.seen[node]; ok {
		return api.Time(at.UnixNano())
	}
	return 0
}
