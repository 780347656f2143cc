package engine

import (
	"fmt"
	"slices"

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

// CountHeld keeps what elements hold from now on, as if somebody waited.
func (e *Engine) CountHeld() { e.countHeld() }

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
	if fmt.Sprint(was.of) != fmt.Sprint(anew.of) {
		return fmt.Sprintf("elements are kept to hold %+v, and from the state follows %+v", was.of, anew.of)
	}
	for site := range was.sites {
		one, other := *was.sites[site], holdings{}
		if h := anew.sites[site]; h != nil {
			other = *h
		}
		if one.lasting != other.lasting || !slices.Equal(one.ends, other.ends) {
			return fmt.Sprintf("at site %q is kept to be held %+v, and from the state follows %+v", site, one, other)
		}
	}
	return ""
}
