package engine

import (
	"fmt"
	"reflect"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Index lets tests compare and try.
func (e *Engine) Index() *sched.Index { return e.index }

// Limit lowers what a batch may take, so that small worlds cut their steps, too.
func (e *Engine) Limit(batch int) { e.limits = limits{batch, 2 * batch} }

// EventSize lets tests compare estimates with what events take.
var EventSize = sizeOf

// AskOf lets tests try to place an element elsewhere.
func AskOf(w *state.Workload, t *state.Task) *sched.Ask {
	ask := makeAsk(w, t)
	ask.Profile = &api.Profile{}
	ask.Self = selfOf(t.Ref, ask)
	return ask
}

// Recount sets for how many nodes refusals may still be counted anew.
func (v *Views) Recount(nodes int) { v.nodes = nodes }

// Phrase says a refusal in a line.
var Phrase = phrase

// Forgetful has time-slicing work all out anew, whenever it is asked.
func (e *Engine) Forgetful() { e.slicing.forgetful = true }

// Reminders is how many timers are set.
func (e *Engine) Reminders() int { return len(e.timers.heap) }

// SumUp keeps the sums over all sites, or forgets them.
func (e *Engine) SumUp(keep bool) {
	if e.resting.sum = nil; keep {
		e.measureAll()
	}
}

// HeldDiffers says how what is kept of room that elements hold differs from what follows from
// the state; "" when it does not, or nothing is kept.
func (e *Engine) HeldDiffers() string {
	was := e.slicing.held
	if was == nil {
		return ""
	}
	e.slicing.held = nil
	e.countHeld()
	anew := e.slicing.held
	e.slicing.held = was
	for site, h := range was.sites {
		if h.lasting == (space{}) && len(h.ends) == 0 {
			delete(was.sites, site)
		}
	}
	if !reflect.DeepEqual(was, anew) {
		return fmt.Sprintf("kept is %+v, and from the state follows %+v", was, anew)
	}
	return ""
}
