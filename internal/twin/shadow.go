package twin

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// Shadowed is what the strategy in the shadow would have done, see [Config].
type Shadowed struct {
	Tally state.ShadowTally
	// Terms are by how much, in sum, each term of its score preferred its own choice to the
	// node that was taken, of the decisions that scored both and differ; by their names.
	Terms []api.Term
}

// shadow decides beside the cell's strategy: a second state is folded from the same
// events, as every live server does, and stands where the engine stood when a placement
// is about to be folded in.
type shadow struct {
	follower *engine.Engine
	strategy string
	found    Shadowed
}

func newShadow(cfg *Config) *shadow {
	if cfg.Shadow == "" {
		return nil
	}
	return &shadow{follower: engine.NewFollower(state.New()), strategy: cfg.Shadow}
}

// follow folds in what the engine decided, and decides beside it.
func (s *shadow) follow(now api.Time, events []state.Event) error {
	if s == nil {
		return nil
	}
	if err := s.follower.Follow(now, nil); err != nil { // time passes first
		return err
	}
	for i, ev := range events {
		if p, ok := ev.(*state.TaskPlaced); ok {
			if would, instead, ok := s.follower.Would(s.strategy, p); ok {
				s.compare(p.Decision, &would, instead)
			}
		}
		if err := s.follower.Follow(now, events[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *shadow) compare(did, would *api.Decision, instead *api.Candidate) {
	engine.Compare(&s.found.Tally, did, would, instead)
	if would.Chosen == nil || instead == nil || would.Chosen.Node == did.Chosen.Node {
		return
	}
	for _, t := range would.Chosen.Terms {
		s.prefers(t.Name, t.Value)
	}
	for _, t := range instead.Terms {
		s.prefers(t.Name, -t.Value)
	}
}

func (s *shadow) prefers(term string, by int64) {
	at, known := slices.BinarySearchFunc(s.found.Terms, term, func(t api.Term, name string) int { return cmp.Compare(t.Name, name) })
	if !known {
		s.found.Terms = slices.Insert(s.found.Terms, at, api.Term{Name: term})
	}
	s.found.Terms[at].Value += by
}

// result is what was found; nil without a shadow.
func (s *shadow) result() *Shadowed {
	if s == nil {
		return nil
	}
	return &s.found
}
