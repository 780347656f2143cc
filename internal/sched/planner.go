package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
	solver "drover.dev/internal/sched/assign"
)

// The global planners. A strategy that names one has its tasks wait for a plan
// that is made for all of them at once, outside the Step.
const (
	PlannerCost       = "min-cost-assignment"
	PlannerCompletion = "min-total-completion"
	PlannerDynamic    = "dynamic"
)

// Planners returns the planners that a strategy may name.
func Planners() []Named {
	return []Named{
		{
			PlannerCost, "least sum of costs, a cost being minus the weighted score: each task on one node, what nodes have is not exceeded",
			"Fisher, 1981, The Lagrangian Relaxation Method for Solving Integer Programming Problems",
		},
		{
			PlannerCompletion, "least sum of predicted completion times: side by side within what nodes have, and one after the other where a node takes one at a time",
			"Bruno, Coffman and Sethi, 1974, Scheduling Independent Tasks to Reduce Mean Finishing Time",
		},
		{
			PlannerDynamic, "as " + PlannerCompletion + ", and running tasks move where that saves more than the move costs: lost work, transfer, a new start",
			"",
		},
	}
}

// Planner is what plans for a task; "" when nothing does. Gangs, replicas, and tasks
// that are bound to a node or tied to other tasks go the ordinary way.
func (x *Index) Planner(a *Ask) string {
	if a.Gang > 1 || a.Pin != "" || a.Spread || a.tied() {
		return ""
	}
	return x.planOf(a).planner
}

// waitsForPlan reports whether a shape is kept out of Next. While it is, it is not
// blocked: what is left of it once the plan is there is tried.
func (x *Index) waitsForPlan(s *shape) bool { return x.held && x.Planner(s.ask) != "" }

// HoldPlanned keeps tasks that a planner plans for out of Next, or lets them in.
func (x *Index) HoldPlanned(on bool) {
	if x.held == on {
		return
	}
	x.held = on
	x.queue.blocked = slices.DeleteFunc(x.queue.blocked, func(b blocked) bool {
		s := b.shape
		s.blocked = s.blocked && !x.waitsForPlan(s)
		return !s.blocked
	})
	for _, name := range sortedKeys(x.queue.shapes) {
		switch s := x.queue.shapes[name]; {
		case x.waitsForPlan(s):
			x.queue.leave(s)
		case !on && !s.blocked:
			x.offer(s)
		}
	}
}

// DecideOn is Decide for a node that is given: a refusal when the task cannot be
// placed there now. Runners-up are those of the strategy's score.
func (x *Index) DecideOn(ref api.TaskRef, a *Ask, now api.Time, name string) (api.Decision, []api.DeviceShare) {
	s := x.scorer(ref, a)
	d, devices := s.decide(now)
	e := x.byName[name]
	if d.Chosen == nil || e == nil || !s.admits(e) {
		b := *a
		b.Pin, b.Shape, b.Static = name, a.Shape+"@"+name, cmp.Or(a.Static, a.Shape)+"@"+name
		return x.Decide(ref, &b, now)
	}
	if d.Chosen.Node == name {
		return d, devices
	}
	others := append([]api.Candidate{*d.Chosen}, d.RunnersUp...)
	others = slices.DeleteFunc(others, func(c api.Candidate) bool { return c.Node == name })
	chosen, _ := s.explain(e, nil)
	d.Chosen, d.RunnersUp = &chosen, others[:min(len(others), runnersUp)]
	return d, s.account(&d, e)
}

// Problem is what a planner works on: nodes as they are, what waits, and what runs
// and may be moved. It shares nothing that changes with the index it came from.
type Problem struct {
	x       *Index
	now     api.Time
	waiting []waiter // in the order of the queue
	running []running
}

// running is a task that holds a node.
type running struct {
	Item
	on      string
	devices []api.DeviceShare
	left    api.Duration // that it is predicted to run on, and to return what it made
	movable bool
}

// Limits of a plan. What is beyond them goes the ordinary way.
const (
	maxPlanTasks = 4096
	maxPlanPairs = 1 << 22 // of tasks and nodes
)

// Problem begins a problem at a time.
func (x *Index) Problem(now api.Time) *Problem { return &Problem{x: x.Trial(), now: now} }

// waiter is a task that waits, with its place in the queue.
type waiter struct {
	Item
	rank
}

// Await names the tasks that wait, in any order.
func (p *Problem) Await(items []Item) {
	list := make([]waiter, len(items))
	for i := range items {
		list[i].Item, list[i].rank = items[i], rank{ready: items[i].Ready, ref: items[i].Ref}
		list[i].first, list[i].second = p.x.order().rank(&items[i])
	}
	slices.SortFunc(list, func(a, b waiter) int {
		if before(&a.rank, &b.rank) {
			return -1
		}
		return 1 // no two are equal
	})
	p.waiting = list[:min(len(list), maxPlanTasks, maxPlanPairs/max(len(p.x.nodes), 1))]
}

// Runs names a task of a job that has held a node for some time. A movable one may
// be stopped and begun anew elsewhere. One that takes longer than predicted is
// expected to go on for a tenth of the prediction.
func (p *Problem) Runs(it Item, on string, devices []api.DeviceShare, since api.Duration, movable bool) {
	e := p.x.byName[on]
	if e == nil {
		return
	}
	est := p.x.estimate(e, it.Ask)
	left := max(est.run-since, est.run/10) + est.back
	p.running = append(p.running, running{it, on, devices, left, movable})
}

// Plan is where tasks should go. Costs are in the planner's unit: weighted score,
// or microseconds.
type Plan struct {
	Planner string
	Places  []Placing // in the order in which they are to be made
	Cost    int64     // of all waiting tasks that are placed
	Bound   int64     // proven: where these tasks fit, no plan costs less
	Before  int64     // cost of placing them one after the other, each where it costs least
}

// Placing puts one task on a node.
type Placing struct {
	Ref  api.TaskRef
	Try  uint32 // its last attempt when the view was made
	Node string
	Move bool         // it runs elsewhere
	Gain api.Duration // of a move
}

// Solve plans until stop says so, or nothing better is found any more. With the
// same answers of stop it gives the same plan. A problem is solved once.
func (p *Problem) Solve(stop func() bool) Plan {
	var out Plan
	moves := p.moves(stop) // first: it looks at the nodes as they are
	for _, planner := range Planners() {
		m := p.model(planner.Name)
		var part Plan
		if len(m.jobs) > 0 {
			part = m.solve(solver.Options{Stop: stop})
		}
		if planner.Name == PlannerDynamic {
			part.Planner, part.Places = PlannerDynamic, append(part.Places, moves...)
		}
		out.add(part)
	}
	return out
}

// add joins the plans of several planners. Sums of their costs say nothing.
func (o *Plan) add(part Plan) {
	switch {
	case len(part.Places) == 0 && o.Planner != "":
	case len(o.Places) == 0:
		*o = part
	default:
		o.Planner += ", " + part.Planner
		o.Places = append(o.Places, part.Places...)
		o.Cost, o.Bound, o.Before = 0, 0, 0
	}
}
