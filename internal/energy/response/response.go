// Package response plans what draws less power for a while: which loads are put off,
// slowed down or stopped when a grid asks for less, at the least penalty.
//
// Power is in W, time in s; penalties are in one unit of the caller's.
package response

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Option is a way in which a load could draw less.
type Option struct {
	Saves   float64 // W, from After on
	After   float64 // s until it does
	Penalty float64 // at least 0
}

// Load is something of which at most one option is taken. Without options it is
// protected: nothing is done to it.
type Load struct{ Options []Option }

// Event is what a grid asks for.
type Event struct {
	Reduce float64 // W
	Within float64 // s
}

// Plan is what is done about an event.
type Plan struct {
	Choice  []int   // the option of each load; -1 is none
	Saves   float64 // W
	Penalty float64
	Bound   float64 // no plan has a lower penalty
	Exact   bool    // nor has any than this
	Short   float64 // W that cannot be saved in time, whatever is done
}

// Limits of a problem.
const (
	maxLoads   = 200_000
	maxOptions = 16
)

// Check says what is wrong with loads or an event.
func Check(loads []Load, e Event) error {
	if len(loads) > maxLoads {
		return fmt.Errorf("%d loads are more than %d", len(loads), maxLoads)
	}
	fine := func(v float64) bool { return v >= 0 && v < 1e15 } // NaN is not
	if !fine(e.Reduce) || !fine(e.Within) {
		return fmt.Errorf("an event that asks for %g W less within %g s cannot be", e.Reduce, e.Within)
	}
	for i, l := range loads {
		if len(l.Options) > maxOptions {
			return fmt.Errorf("load %d has %d options, and at most %d are planned", i, len(l.Options), maxOptions)
		}
		for k, o := range l.Options {
			if !fine(o.Saves) || !fine(o.After) || !fine(o.Penalty) {
				return fmt.Errorf("option %d of load %d saves %g W after %g s at a penalty of %g: one of them cannot be", k, i, o.Saves, o.After, o.Penalty)
			}
		}
	}
	return nil
}

// Respond plans an event: the options that save in time at least what is asked for, at
// the least penalty. It is a covering knapsack with choices. Its linear relaxation takes
// steps along the lower convex hull of each load's options in the order of their price
// for a W (Sinha and Zoltners, 1979, "The Multiple-Choice Knapsack Problem"); rounded up
// and pruned it is the first plan, and its value bounds every plan in a search of all of
// them. The search ends by itself when the problem is small; else the best plan so far
// stands, with its bound, when its effort is used up or stop, which may be nil, says so.
func Respond(loads []Load, e Event, stop func() bool) (Plan, error) {
	if err := Check(loads, e); err != nil {
		return Plan{}, err
	}
	p := newProblem(loads, e)
	if p.most < e.Reduce {
		out := p.plan(p.all())
		out.Short, out.Bound = e.Reduce-out.Saves, out.Penalty
		return out, nil
	}
	s := search{problem: p, best: p.rounded(), stop: stop, choice: make([]int, len(p.items))}
	s.least = p.penalty(s.best)
	bound := p.relaxed(0, e.Reduce)
	s.visit(0, e.Reduce, 0)
	out := p.plan(s.best)
	if out.Exact = !s.ended; out.Exact {
		bound = out.Penalty
	}
	out.Bound = min(bound, out.Penalty)
	return out, nil
}

// problem is what of the loads can help, those first whose steps are cheap.
type problem struct {
	loads int
	items []item
	steps []step // by price
	most  float64
	need  float64
}

// item is a load with the options worth a thought: ever more saved for ever more.
type item struct {
	load int
	opts []choice
}

type choice struct {
	index int
	Option
}

// step is a part of the hull of an item.
type step struct {
	item, to       int // choice that it leads to
	saves, penalty float64
}

func (s step) price() float64 { return s.penalty / s.saves }

func newProblem(loads []Load, e Event) *problem {
	p := &problem{loads: len(loads), need: e.Reduce}
	for i, l := range loads {
		if opts := worthy(l.Options, e.Within); len(opts) > 0 {
			p.items = append(p.items, item{i, opts})
			p.most += opts[len(opts)-1].Saves
		}
	}
	slices.SortStableFunc(p.items, func(a, b item) int { return cmp.Compare(hull(0, a.opts)[0].price(), hull(0, b.opts)[0].price()) })
	for i, it := range p.items {
		p.steps = append(p.steps, hull(i, it.opts)...)
	}
	slices.SortStableFunc(p.steps, func(a, b step) int { return cmp.Compare(a.price(), b.price()) })
	return p
}

// worthy are the options in time that no other one beats, by what they save.
func worthy(options []Option, within float64) (out []choice) {
	var all []choice
	for i, o := range options {
		if o.After <= within && o.Saves > 0 {
			all = append(all, choice{i, o})
		}
	}
	slices.SortStableFunc(all, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.Penalty, b.Penalty), cmp.Compare(b.Saves, a.Saves))
	})
	for _, c := range all {
		if len(out) == 0 || c.Saves > out[len(out)-1].Saves {
			out = append(out, c)
		}
	}
	return out
}

// hull are the steps along the lower convex hull of an item's choices, from nothing on.
func hull(i int, opts []choice) (out []step) {
	saved, paid := 0.0, 0.0
	for at := 0; at < len(opts); {
		best := at
		for k := at; k < len(opts); k++ {
			if (opts[k].Penalty-paid)*(opts[best].Saves-saved) <= (opts[best].Penalty-paid)*(opts[k].Saves-saved) {
				best = k
			}
		}
		out = append(out, step{i, best, opts[best].Saves - saved, opts[best].Penalty - paid})
		saved, paid, at = opts[best].Saves, opts[best].Penalty, best+1
	}
	return out
}

// relaxed is the least penalty with which items from one on could save so much if steps
// could be taken in part; infinite when they cannot.
func (p *problem) relaxed(from int, need float64) (sum float64) {
	for _, s := range p.steps {
		switch {
		case need <= 0:
			return sum
		case s.item < from:
		case s.saves >= need:
			return sum + s.penalty*need/s.saves
		default:
			need, sum = need-s.saves, sum+s.penalty
		}
	}
	if need > 1e-9 {
		return math.Inf(1)
	}
	return sum
}

// rounded takes whole steps until enough is saved, and then undoes what is too much, the
// dearest first.
func (p *problem) rounded() []int {
	out, need := p.nothing(), p.need
	for _, s := range p.steps {
		if need <= 0 {
			break
		}
		out[s.item], need = s.to, need-s.saves
	}
	for _, s := range slices.Backward(p.steps) {
		if out[s.item] != s.to {
			continue
		}
		for lower := -1; lower < s.to; lower++ {
			if less := p.saves(s.item, s.to) - p.saves(s.item, lower); less <= -need {
				out[s.item], need = lower, need+less
				break
			}
		}
	}
	return out
}

func (p *problem) saves(item, choice int) float64 {
	if choice < 0 {
		return 0
	}
	return p.items[item].opts[choice].Saves
}

func (p *problem) nothing() []int { return slices.Repeat([]int{-1}, len(p.items)) }

// all is the most that can be done.
func (p *problem) all() []int {
	out := p.nothing()
	for i, it := range p.items {
		out[i] = len(it.opts) - 1
	}
	return out
}

func (p *problem) penalty(choice []int) (sum float64) {
	for i, c := range choice {
		if c >= 0 {
			sum += p.items[i].opts[c].Penalty
		}
	}
	return sum
}

func (p *problem) plan(choice []int) Plan {
	out := Plan{Choice: slices.Repeat([]int{-1}, p.loads), Penalty: p.penalty(choice)}
	for i, c := range choice {
		if c >= 0 {
			out.Choice[p.items[i].load] = p.items[i].opts[c].index
			out.Saves += p.items[i].opts[c].Saves
		}
	}
	return out
}

// search goes through all plans that could be better than the best, depth first.
type search struct {
	*problem
	choice, best []int
	least        float64
	effort       int
	ended        bool // before all were looked at
	stop         func() bool
}

// maxEffort bounds a search, in steps that were looked at: about a tenth of a second.
const maxEffort = 30_000_000

func (s *search) visit(at int, need, paid float64) {
	if s.ended || paid+s.bound(at, need) >= s.least-1e-9*s.least {
		return
	}
	if need <= 1e-9 {
		s.least = paid
		for i := at; i < len(s.choice); i++ {
			s.choice[i] = -1
		}
		s.best = slices.Clone(s.choice)
		return
	}
	opts := s.items[at].opts // need is positive and can be met, so that there are some
	for k := len(opts) - 1; k >= -1; k-- {
		s.choice[at] = k
		if k >= 0 {
			s.visit(at+1, need-opts[k].Saves, paid+opts[k].Penalty)
		} else {
			s.visit(at+1, need, paid)
		}
	}
}

// bound is the relaxation's, at its effort.
func (s *search) bound(at int, need float64) float64 {
	const between = 1024
	if s.effort%between+len(s.steps) >= between && s.stop != nil && s.stop() {
		s.ended = true
	}
	if s.effort += len(s.steps) + 1; s.effort > maxEffort {
		s.ended = true
	}
	return s.relaxed(at, need)
}
