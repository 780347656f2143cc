package engine

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// A global planner looks at all that waits at once, which takes longer than a Step
// may. So the Step only asks for a plan (state.PlanAsked); the shell computes it on
// a view that it can read meanwhile and hands it back as an input, and the Step
// follows it as far as it still holds. Until then what the plan is about waits.
// Everything depends on the state alone: an engine that was rebuilt in between
// waits for the same plan.

// planPatience is how long tasks wait for a plan: its budget of a second, and some
// for the ways there and back. A shell that never answers delays them by that.
const planPatience = 3 * api.Second

// MaxPlanned is how many tasks one part of a plan may name.
const MaxPlanned = 256

// Planned is a part of a plan. The parts of a plan come in order.
type Planned struct {
	N       uint64         `cbor:"1,keyasint"` // of the plan that was asked for
	Seq     uint64         `cbor:"2,keyasint"` // of the last record that the planner had seen
	Planner string         `cbor:"3,keyasint"`
	Nodes   []string       `cbor:"4,keyasint,omitempty"` // that Tasks go to
	Tasks   []PlannedPlace `cbor:"5,keyasint,omitempty"` // in the order in which they are placed; at most MaxPlanned
	Last    bool           `cbor:"6,keyasint,omitempty"`
	Total   int32          `cbor:"9,keyasint,omitempty"` // tasks of the whole plan
	Cost    int64          `cbor:"7,keyasint,omitempty"` // of the whole plan
	Bound   int64          `cbor:"8,keyasint,omitempty"` // no plan for that view costs less
}

// PlannedPlace is where a plan puts one task.
type PlannedPlace struct {
	Ref  api.TaskRef  `cbor:"1,keyasint"`
	Try  uint32       `cbor:"2,keyasint,omitempty"` // its last attempt when the plan was made
	Node uint32       `cbor:"3,keyasint,omitempty"` // position in Nodes
	Move bool         `cbor:"4,keyasint,omitempty"` // it runs elsewhere, and is to leave for that node
	Gain api.Duration `cbor:"5,keyasint,omitempty"` // of a move: by how much less time is spent in all, its cost counted
}

// InputKind implements Input.
func (*Planned) InputKind() InputKind { return InputPlanned }

// planning reports whether a plan is waited for.
func (e *Engine) planning() bool { return e.st.Planning != nil && e.st.Planning.Open }

// planned keeps a part of a plan until this Step places.
func (e *Engine) planned(in *Planned) {
	if e.planning() && in.N == e.st.Planning.N && len(in.Tasks) <= MaxPlanned {
		e.plans = append(e.plans, in)
	}
}

// plannable reports whether an entry of the queue is to wait for a plan.
func (e *Engine) plannable(it *sched.Item) bool {
	return !e.planless && e.index.Planner(it.Ask) != ""
}

// askPlan asks for a plan: from here on its tasks wait.
func (e *Engine) askPlan() {
	n := uint64(1)
	if p := e.st.Planning; p != nil {
		n = p.N + 1
	}
	e.emit(&state.PlanAsked{N: n})
}

// followPlans does what the parts of the plan say, as far as it still holds.
func (e *Engine) followPlans() {
	parts := e.plans
	e.plans = nil
	for _, in := range parts {
		if !e.planning() || in.N != e.st.Planning.N {
			continue // the part before was the last
		}
		for i := range in.Tasks {
			e.followPlan(in, &in.Tasks[i])
		}
		if in.Last {
			e.closePlan(state.PlanOutcome{
				Planner: clipTo(in.Planner, maxName), Seq: in.Seq, Tasks: in.Total, Cost: in.Cost, Bound: in.Bound,
			})
		}
	}
}

// followPlan does what a plan says about one task. Who has a higher priority and found room
// in this very Step goes first.
func (e *Engine) followPlan(in *Planned, p *PlannedPlace) {
	if en := e.entries[p.Ref]; en != nil && !p.Move {
		e.placeAbove(en.ask.Priority)
	}
	_, t := e.st.Task(p.Ref)
	if t == nil || t.Try != p.Try || int64(p.Node) >= int64(len(in.Nodes)) || e.full() {
		return
	}
	node := in.Nodes[p.Node]
	switch {
	case !p.Move:
		e.bindPlanned(in, t, node)
	case e.mayMove(t, node):
		e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopMove, Reason: clip("planned for node " + node + ", which saves " + p.Gain.String() + " in all")})
	}
}

// bindPlanned places a waiting task where the plan says, if it fits there.
func (e *Engine) bindPlanned(in *Planned, t *state.Task, node string) {
	en := e.entries[t.Ref]
	if t.Status != api.TaskPending || en == nil || en.node != "" || e.index.Planner(en.ask) == "" {
		return
	}
	e.prepare(t.Ref, en.ask)
	if d, devices := e.index.DecideOn(t.Ref, en.ask, e.st.Now, node); d.Chosen != nil && e.affords(en.ask, node) {
		d.Plan = in.N
		e.bind(t.Ref, &d, devices)
	}
}

// mayMove reports whether a running task may leave its node for another, which has
// room for it now.
func (e *Engine) mayMove(t *state.Task, node string) bool {
	w := e.st.Workloads[t.Ref.Workload]
	en := e.entries[t.Ref]
	if en == nil || !movable(w, t) || node == t.Node || e.index.Planner(en.ask) == "" {
		return false
	}
	e.prepare(t.Ref, en.ask)
	d, _ := e.index.DecideOn(t.Ref, en.ask, e.st.Now, node)
	return d.Chosen != nil
}

// movable reports whether a task can be stopped and begun anew elsewhere without
// harm: it runs, belongs to a job, stands for itself and may be run twice. A gang goes
// on as a whole also when it is no longer placed as one.
func movable(w *state.Workload, t *state.Task) bool {
	return t.Status == api.TaskRunning && t.Stop == state.StopNothing && t.Suspension == nil && t.Pin == "" && !w.Stopping && !w.Away() &&
		w.Spec.Kind == api.KindJob && !w.Spec.Gang && !w.SpecOf(t).AtMostOnce
}

// closePlan ends the wait; what is left goes the ordinary way in this Step.
func (e *Engine) closePlan(o state.PlanOutcome) {
	e.emit(&state.PlanClosed{N: e.st.Planning.N, Outcome: o})
	e.planless = true
}

// planLate closes a plan that did not come in time.
func (e *Engine) planLate(v *timer) {
	if e.planning() && e.st.Planning.At.Add(planPatience) == v.at {
		e.closePlan(state.PlanOutcome{})
	}
}

func (e *Engine) planTimer() {
	switch p := e.st.Planning; {
	case p == nil:
	case p.Open:
		e.timers.add(timer{at: p.At.Add(planPatience), kind: timerPlan})
	default:
		e.timers.add(timer{at: p.Closed.Add(replanEvery), kind: timerReplan})
	}
}

// planChanged brings the queue in step with whether a plan is waited for.
func (e *Engine) planChanged() {
	e.index.HoldPlanned(e.planning())
	e.planTimer()
}

// Question is what a planner is asked: to plan for a view that stands for itself,
// so that the engine may go on meanwhile.
type Question struct {
	N       uint64 // of the plan that is asked for
	problem *sched.Problem
}

// Answer thinks until stop says so, or nothing better is found any more, and gives
// the inputs that hand the plan over. seq is the sequence of the state that was
// asked about. A question is answered once.
func (q *Question) Answer(seq uint64, stop func() bool) []Input {
	return parts(q.problem.Solve(stop), q.N, seq)
}

// Question returns what the engine waits for a planner to answer; nil when nothing.
func (e *Engine) Question() *Question {
	if !e.planning() {
		return nil
	}
	p := e.index.Problem(e.st.Now)
	var waiting []sched.Item
	for _, id := range e.st.SortedWorkloads() {
		w := e.st.Workloads[id]
		if w.Status.Final() || w.Away() || w.Counts.Pending+w.Counts.Running == 0 {
			continue
		}
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				if it, ok := e.plannableTask(p, w, t); ok {
					waiting = append(waiting, it)
				}
			}
		}
	}
	p.Await(waiting)
	return &Question{e.st.Planning.N, p}
}

// plannableTask gives a waiting task as the queue would have it. What runs the
// problem is told when it may be moved.
func (e *Engine) plannableTask(p *sched.Problem, w *state.Workload, t *state.Task) (sched.Item, bool) {
	if t.Status != api.TaskPending && !(t.Status.Holds() && w.Spec.Kind == api.KindJob) {
		return sched.Item{}, false
	}
	ask := e.ask(w, t)
	planner := e.index.Planner(ask)
	ask.Profile = &w.Profiles[t.Ref.Task]
	ask.Inputs, ask.Output = e.loadsOf(w, t.Ref, ask.Profile), ask.Profile.BytesOut
	it := sched.Item{Ref: t.Ref, Ready: t.Ready, Ask: ask, Try: t.Try}
	if t.Status == api.TaskPending {
		rank(&it, w)
		return it, planner != ""
	}
	since := api.Duration(0)
	if t.Started != 0 {
		since = e.st.Now.Sub(t.Started)
	}
	p.Runs(it, t.Node, slices.Clone(t.Devices), since, planner == sched.PlannerDynamic && movable(w, t))
	return it, false
}

// parts makes inputs of a plan.
func parts(plan sched.Plan, n, seq uint64) (out []Input) {
	for places := plan.Places; ; {
		part := &Planned{N: n, Seq: seq, Planner: plan.Planner, Total: int32(len(plan.Places)), Cost: plan.Cost, Bound: plan.Bound}
		at := map[string]uint32{}
		some := places[:min(len(places), MaxPlanned)]
		for _, p := range some {
			i, known := at[p.Node]
			if !known {
				i = uint32(len(part.Nodes))
				at[p.Node], part.Nodes = i, append(part.Nodes, p.Node)
			}
			part.Tasks = append(part.Tasks, PlannedPlace{Ref: p.Ref, Try: p.Try, Node: i, Move: p.Move, Gain: p.Gain})
		}
		out = append(out, part)
		if places = places[len(some):]; len(places) == 0 {
			part.Last = true
			return out
		}
	}
}

// replanEvery is how often running tasks are looked at that a planner may move.
const replanEvery = api.Minute

// replan asks for a plan when the last is old and there is something that a new one
// might move. It looks at the state alone, in every Step, and not when a timer is due:
// a Step from which nothing follows leaves no record, so that whoever replays the
// records would not know of it.
func (e *Engine) replan() {
	p := e.st.Planning
	if !e.movers || p == nil || p.Open || e.st.Now < p.Closed.Add(replanEvery) || e.full() {
		return
	}
	for ref := range e.entries { // order-free: any will do
		if e.moves(ref) {
			e.askPlan()
			return
		}
	}
	e.movers = false
}

// moves reports whether a planner may move an element.
func (e *Engine) moves(ref api.TaskRef) bool {
	w, t := e.st.Task(ref)
	en := e.entries[ref]
	return t != nil && en != nil && en.node != "" && movable(w, t) && e.index.Planner(en.ask) == sched.PlannerDynamic
}

// plannedSize estimates the events that follow from a part of a plan: a placement
// for each of its tasks.
func plannedSize(in *Planned) int {
	n := 2*smallSize + len(in.Planner) + textsSize(in.Nodes)
	longest := 0
	for _, name := range in.Nodes {
		longest = max(longest, len(name))
	}
	return n + len(in.Tasks)*(8*smallSize+2*longest)
}
