package live

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// Bounds on hooks of batteries: how many run at once, how soon one is run again that
// failed, and how often a battery is told again what it does already, which also tells how
// full it is.
const (
	chargersAtOnce = 8
	chargeAgain    = time.Minute
	chargeAnew     = 10 * time.Minute
	maxFailure     = 200 // bytes of why a hook failed
)

// chargeBatteries tells batteries what the engine asks of them, until ctx ends. It is
// level-triggered: a hook is run when its battery is asked for something else, again when
// it failed, now and then anyway, and by a new leader.
func (c *Cell) chargeBatteries(ctx context.Context) {
	w := charging{cell: c, tell: c.Do, tried: map[string]told{}, done: make(chan charged, chargersAtOnce)}
	defer w.hooks.Wait()
	c.runHooks(ctx, func() { w.look(ctx, c.shadow.charging()) }, w.forget)
}

type charging struct {
	cell  *Cell
	tell  func(context.Context, []engine.Input) ([]state.Answer, uint64, error)
	tried map[string]told
	busy  int
	done  chan charged // hooks that have ended
	hooks sync.WaitGroup
}

// told is which order a battery was told last.
type told struct {
	order  uint64
	gone   bool // nobody asked for it any more
	at     time.Time
	busy   bool
	failed bool
	obeyed api.Time // when the hook of this order last began that succeeded; 0: none did
}

// charged is what came of a hook.
type charged struct {
	site   string
	began  api.Time
	failed bool
}

// look runs the hooks that are due: as many as may run at once and one of each site, those
// first that were not told for longest.
func (w *charging) look(ctx context.Context, list []engine.Charging) {
	for len(w.done) > 0 {
		w.ended(<-w.done)
	}
	slices.SortStableFunc(list, func(a, b engine.Charging) int { return w.tried[a.Site].at.Compare(w.tried[b.Site].at) })
	wanted := make(map[string]bool, len(list))
	for _, b := range list {
		wanted[b.Site] = true
		if last := w.tried[b.Site]; w.busy < chargersAtOnce && last.due(b.Order, b.Gone) {
			next := told{order: b.Order, gone: b.Gone, at: time.Now(), busy: true}
			if last.order == b.Order {
				next.obeyed = last.obeyed
			}
			w.tried[b.Site] = next
			w.busy++
			began := w.cell.cfg.Wall()
			w.hooks.Go(func() { w.done <- charged{b.Site, began, !w.set(ctx, b, next.obeyed)} })
		}
	}
	maps.DeleteFunc(w.tried, func(site string, last told) bool { return !wanted[site] && !last.busy })
}

// forget keeps what runs: a battery must not be told two things at once, also when leading is
// lost and won again meanwhile.
func (w *charging) forget() {
	maps.DeleteFunc(w.tried, func(_ string, last told) bool { return !last.busy })
}

// due reports whether a battery is to be told an order.
func (t told) due(order uint64, gone bool) bool {
	since := time.Since(t.at)
	switch {
	case t.busy:
		return false
	case t.order != order || t.gone != gone:
		return true
	case t.failed:
		return since >= chargeAgain
	}
	return since >= chargeAnew
}

func (w *charging) ended(c charged) {
	w.busy--
	t := w.tried[c.site]
	if t.busy, t.failed = false, c.failed; !c.failed {
		t.obeyed = c.began
	}
	w.tried[c.site] = t
}

// set tells one battery, which obeyed until a moment as far as is known, and the cell what
// came of it; whether it obeys.
func (w *charging) set(ctx context.Context, b engine.Charging, obeyed api.Time) bool {
	in := &engine.Battery{Site: b.Site, Order: b.Order}
	charge, err := w.run(ctx, b)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		in.Obeyed = obeyed
		in.Failed = strings.ToValidUTF8(err.Error()[:min(len(err.Error()), maxFailure)], "")
		if b.Idle == "" {
			w.cell.log.Warn("a battery does not do what it is asked", "site", b.Site, "setpoint", b.Setpoint.String(), "error", err)
		}
	case charge != nil:
		in.Told, in.Level = true, *charge
	}
	if in.Failed == b.Idle && !in.Told && !b.Gone {
		return err == nil // there is nothing new
	}
	if _, _, told := w.tell(ctx, []engine.Input{in}); told != nil {
		w.cell.log.Debug("what was heard of a battery is told again later", "site", b.Site, "error", told)
		return false
	}
	return err == nil
}

// run runs the hook of a battery. A charge that cannot be counts as none.
func (w *charging) run(ctx context.Context, b engine.Charging) (*api.Microjoules, error) {
	hook, known := w.cell.cfg.Batteries[b.Site]
	switch {
	case !known && b.Gone:
		return nil, nil // nobody is left who could tell it anything
	case !known:
		return nil, errors.New("the server does not know how: name the site in the file of --batteries")
	}
	said, err := hook.Set(ctx, b.Site, b.Setpoint)
	if err != nil || said == nil || b.Gone {
		return nil, err
	}
	level, err := said.Level(&b.Battery)
	if err != nil {
		w.cell.log.Warn("what a battery says of its charge is not believed", "site", b.Site, "error", err)
		return nil, nil
	}
	return &level, nil
}

// charging lists the batteries that somebody must tell what to do.
func (s *shadow) charging() []engine.Charging {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.engine.Charging()
}
