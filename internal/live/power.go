package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// asked is what is asked of a node beside its set.
func asked(n *state.Node) api.PowerAsk {
	switch n.Power {
	case api.PowerSleeping:
		return api.AskSleep
	case api.PowerWaking:
		return api.AskHello
	}
	return api.AskNothing
}

// wakeable takes from a node that it can sleep when nobody here could wake it.
func (c *Cell) wakeable(n *api.Node) {
	if _, known := c.cfg.Wake[n.Name]; n.Sleep != nil && !known {
		c.log.Debug("a node that could sleep never does: this server does not know how to wake it", "node", n.Name)
		n.Sleep = nil
	}
}

// Bounds on waking: how many hooks run at once, and how soon one is run again for a node
// that has not come.
const (
	wakersAtOnce = 8
	wakeAgain    = 10 * time.Second
)

// wakeNodes has the nodes woken that the engine wants awake, until ctx ends. It is
// level-triggered: a hook is run again when its node has not come in time, and by a new
// leader. To wake a machine that is awake does no harm.
func (c *Cell) wakeNodes(ctx context.Context) {
	w := waking{cell: c, tried: map[string]try{}, busy: map[string]bool{}, done: make(chan string, wakersAtOnce)}
	defer w.hooks.Wait()
	c.runHooks(ctx, func() { w.look(ctx, c.shadow.waking()) }, func() { clear(w.tried) })
}

// runHooks looks at each tick, until ctx ends, which hooks are due while this server leads,
// and otherwise forgets which ones ran: the next leader begins anew.
func (c *Cell) runHooks(ctx context.Context, look, forget func()) {
	tick := time.NewTicker(c.cfg.WakeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if c.leading.Load() {
			look()
		} else {
			forget()
		}
	}
}

type waking struct {
	cell  *Cell
	tried map[string]try
	busy  map[string]bool // nodes whose hook runs now
	done  chan string     // nodes whose hook has ended
	hooks sync.WaitGroup
}

// try is when a node was last woken, by which order.
type try struct {
	order api.Time
	at    time.Time
}

// look runs the hooks that are due of the nodes that somebody must wake: as many as may
// run at once and one of each node, those first that were not tried for longest, so that
// hooks that hang do not keep others from being woken.
func (w *waking) look(ctx context.Context, list []engine.Woken) {
	for len(w.done) > 0 {
		delete(w.busy, <-w.done)
	}
	slices.SortStableFunc(list, func(a, b engine.Woken) int { return w.tried[a.Node].at.Compare(w.tried[b.Node].at) })
	wanted := make(map[string]bool, len(list))
	for _, n := range list {
		wanted[n.Node] = true
		last := w.tried[n.Node]
		if w.busy[n.Node] || last.order == n.Since && time.Since(last.at) < max(n.Takes.Std(), wakeAgain) {
			continue
		}
		if len(w.busy) == wakersAtOnce {
			continue // at a next tick
		}
		w.tried[n.Node], w.busy[n.Node] = try{n.Since, time.Now()}, true
		w.hooks.Go(func() {
			w.wake(ctx, n.Node)
			w.done <- n.Node
		})
	}
	for node := range w.tried { // order-free: each by itself
		if !wanted[node] {
			delete(w.tried, node)
		}
	}
}

func (w *waking) wake(ctx context.Context, node string) {
	hook, known := w.cell.cfg.Wake[node]
	if !known {
		w.cell.log.Warn("a node is to be woken, and this server does not know how: name it in the file of --wake", "node", node)
		return
	}
	if err := hook.Wake(ctx, node); err != nil {
		w.cell.log.Warn("a node was not woken", "node", node, "error", err)
		return
	}
	w.cell.log.Info("a node is being woken", "node", node)
}

// waking lists the nodes that somebody must wake.
func (s *shadow) waking() []engine.Woken {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.engine.Waking()
}
