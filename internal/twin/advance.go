package twin

import (
	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Reading is what has passed in a world since it began.
type Reading struct {
	At     api.Time
	Joules float64 // that its nodes drew
	// JobSeconds is the time that jobs have spent between their submission and their
	// end, all added up: an integral of how many there are. When every job has ended,
	// it is the sum of their completion times (Little, 1961, "A Proof for the Queuing
	// Formula: L = λW").
	JobSeconds float64
	Done       int64 // jobs that ended
	Missed     int64 // deadlines of those
	Failed     int64 // elements that ended without success
	Refused    int64 // jobs that the engine did not accept
}

// Begin gives the world its demand. [World.Advance] lets time pass then. It takes the
// place of Run, and may be called once.
func (w *World) Begin(demand Demand) error {
	w.demand, w.more = demand, true
	return w.pull()
}

// Advance lets happen what happens up to a moment and at it, and says what has passed
// by then, also when nothing was left to happen before. Moments must not go back.
// State is then what the cell knows at that moment, and may be copied. The horizon is
// not looked at.
func (w *World) Advance(until api.Time, stop func() bool) (Reading, error) {
	w.end = max(until, 1)
	if err := w.pass(stop); err != nil {
		return Reading{}, err
	}
	m := &w.meter
	for i := range w.nodes {
		m.elapsed(&w.nodes[i], max(until, w.nodes[i].since))
	}
	m.waited(w.awaited, until)
	return Reading{until, m.drew().Joules, m.jobSeconds, m.done, m.missed, m.failed, m.refused}, nil
}

// Tell gives the engine an input between two calls of Advance, as if it came at the
// moment that time has passed to. What it decides is carried out at once; the answer is not given.
func (w *World) Tell(in engine.Input) error {
	w.inputs = append(w.inputs, in)
	return w.decide()
}
