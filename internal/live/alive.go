package live

import (
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
}

func newAlive(silentAfter time.Duration, wall func() api.Time) *alive {
	tick := min(max(silentAfter/12, 5*time.Millisecond), 500*time.Millisecond)
	a := &alive{
		tick: tick, wall: wall, start: time.Now(), quiet: silentAfter, pause: max(time.Second, 4*tick), seen: map[string]time.Time{},
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
	for _, name := range st.SortedNodes() {
		a.rules.Track(name, st.Nodes[name].Silent, a.now())
	}
	a.trackCells(st)
}

// track follows the state: a node was registered, or removed.
func (a *alive) track(node string, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known {
		a.rules.Track(node, false, a.now())
		a.seen[node] = time.Now()
		return
	}
	a.rules.Forget(node)
	delete(a.seen, node)
}

// heard notes that a node spoke; false when it is not registered.
func (a *alive) heard(node string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
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
	out := a.rules.Tick(a.now(), a.wall())
	for _, n := range a.back {
		out = append(out, control.Change{Node: n})
	}
	a.back = nil
	return out
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
