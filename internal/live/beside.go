package live

import (
	"context"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// beside is what the strategy in the shadow stage of a roll-out would have decided, in
// place of what is being folded in. It is part of the shadow state, so that it costs
// the leader's Step nothing, and stands behind what that has to do.
type beside struct {
	on    bool // this server leads: the others' shadows see the same
	since api.Time
	tally state.ShadowTally // since it was last told
}

// How many decisions of one record are made once more, and how many records may wait
// for the shadow when any is: what is behind does not wait for trials.
const (
	besideRecord = 16
	besideLag    = lag / 8
)

// sees lets the strategy that is tried decide a placement that is about to be folded in.
func (s *shadow) sees(ev *state.TaskPlaced, done *int) {
	if !s.beside.on {
		return
	}
	if _, since, ok := s.engine.Shadowing(); !ok {
		return
	} else if since != s.beside.since {
		s.beside.since, s.beside.tally = since, state.ShadowTally{}
	}
	busy := *done >= besideRecord || len(s.in) > besideLag
	if s.engine.Beside(ev, &s.beside.tally, busy) {
		*done++
	}
}

// found is what the strategy that is tried would have done since the last call; nil
// when there is nothing to tell.
func (s *shadow) found(leads bool) (in *engine.Shadowed, every time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beside.on = leads
	to, since, ok := s.engine.Shadowing()
	if !ok {
		return nil, tellRarely
	}
	tally := s.beside.tally
	s.beside.tally = state.ShadowTally{}
	every = max(tellOften, min(tellRarely, s.engine.State().Rollout.Stages.Shadow.Std()/64))
	if !leads || since != s.beside.since || tally == (state.ShadowTally{}) {
		return nil, every
	}
	return &engine.Shadowed{Strategy: to, Since: since, Tally: tally}, every
}

// How often the findings of a shadow go into the journal.
const (
	tellOften  = 200 * time.Millisecond
	tellRarely = 5 * time.Second
)

// tellShadow hands what a shadow finds to the engine until ctx ends.
func (c *Cell) tellShadow(ctx context.Context) {
	for {
		in, every := c.shadow.found(c.leading.Load())
		if in != nil {
			if _, _, err := c.Do(ctx, []engine.Input{in}); err != nil && ctx.Err() == nil {
				c.log.Warn("what the strategy in the shadow would have done was not recorded; these decisions do not count", "strategy", in.Strategy, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-c.trial:
		case <-time.After(every):
		}
	}
}
