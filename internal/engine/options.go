package engine

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// options are what a task takes where it was decided to go, on the nodes that came next,
// and on the same node at the later times that are cleanest and cheapest. Without power,
// prices or signals that are known there is nothing to tell. due is when it must have
// ended; 0 is never.
func (e *Engine) options(ask *sched.Ask, d *api.Decision, due api.Time) []api.Option {
	if d == nil || d.Chosen == nil || ask.Profile == nil {
		return nil
	}
	first, ok := e.index.Footprint(d.Chosen.Node, ask, d.At)
	if !ok || first.Carbon == nil && first.Cost == nil && first.Basis == api.BasisAssumed {
		return nil
	}
	out := []api.Option{first}
	for i := range d.RunnersUp {
		if o, ok := e.index.Footprint(d.RunnersUp[i].Node, ask, d.At); ok {
			out = append(out, o)
		}
	}
	out = append(out, e.later(ask, &first, due)...)
	for i := range out[1:] {
		out[i+1].CarbonPercent, out[i+1].CostPercent = compared(&first, &out[i+1])
	}
	return out
}

// ahead is how far is looked for a later start.
const ahead = 24 * api.Hour

// later are the starts on the same node that are cleanest and cheapest, if they are
// better than at once by a hundredth, by full hours.
func (e *Engine) later(ask *sched.Ask, now *api.Option, due api.Time) []api.Option {
	cleanest, cheapest := *now, *now
	hour := now.Start - now.Start%api.Time(api.Hour)
	for at := hour.Add(api.Hour); at <= now.Start.Add(ahead); at = at.Add(api.Hour) {
		if due != 0 && at.Add(now.Run) > due {
			break
		}
		o, ok := e.index.Footprint(now.Node, ask, at)
		if !ok {
			break
		}
		o.Delay = at.Sub(now.Start)
		if o.Carbon != nil && cleanest.Carbon != nil && *o.Carbon < *cleanest.Carbon {
			cleanest = o
		}
		if o.Cost != nil && cheapest.Cost != nil && o.Cost.Micro < cheapest.Cost.Micro {
			cheapest = o
		}
	}
	var out []api.Option
	if carbon, _ := compared(now, &cleanest); carbon != nil && *carbon < 0 {
		out = append(out, cleanest)
	}
	if _, cost := compared(now, &cheapest); cost != nil && *cost < 0 && cheapest.Start != cleanest.Start {
		out = append(out, cheapest)
	}
	return out
}

// compared is by how many percent an option takes more than another one.
func compared(with, o *api.Option) (carbon, cost *int32) {
	if with.Carbon != nil && o.Carbon != nil {
		carbon = percent(int64(*o.Carbon), int64(*with.Carbon))
	}
	if with.Cost != nil && o.Cost != nil && o.Cost.Currency == with.Cost.Currency {
		cost = percent(o.Cost.Micro, with.Cost.Micro)
	}
	return carbon, cost
}

// percent is nil where a comparison says nothing: with nothing, or what is below it.
func percent(is, was int64) *int32 {
	if was <= 0 {
		return nil
	}
	p := int32(min(max(math.Round((float64(is)/float64(was)-1)*100), -1_000_000), 1_000_000))
	return &p
}

// optionsOf are those of an element by its decision.
func (e *Engine) optionsOf(w *state.Workload, t *state.Task, d *api.Decision) []api.Option {
	if int(t.Ref.Task) >= len(w.Profiles) {
		return nil
	}
	ask, due := e.ask(w, t), api.Time(0)
	ask.Profile = &w.Profiles[t.Ref.Task]
	if w.Spec.Deadline > 0 && w.Spec.Schedule == nil {
		due = w.Submitted.Add(w.Spec.Deadline)
	}
	return e.options(ask, d, due)
}

// tookSlack is by how much clocks of leaders that follow each other may differ.
const tookSlack = api.Minute

// took is what an attempt that ends now took. It was placed at a moment or later: a node
// that says it ran longer, by more than clocks differ, is not believed.
func (e *Engine) took(a *sched.Ended, placed api.Time) (*api.Footprint, *api.Generated) {
	a.Now, a.Given = e.st.Now, e.st.Given
	if most := e.st.Now.Sub(placed) + tookSlack; a.Result != nil && a.Result.Wall > most {
		c := *a.Result
		c.Wall = most
		a.Result = &c
	}
	return e.index.Took(a)
}

// stillOf is when the present attempt of an element was held still, as the cell heard of it.
func (e *Engine) stillOf(t *state.Task) (out []sched.Stretch) {
	for _, s := range t.Stills.All() {
		out = append(out, sched.Stretch{From: s.From, To: s.To})
	}
	if t.Still != 0 {
		out = append(out, sched.Stretch{From: t.Still, To: e.st.Now})
	}
	return out
}
