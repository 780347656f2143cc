// Package engine decides. Step is a pure function of the state, the time and the
// inputs: the same arguments give the same events on every machine, so that a
// journal can be replayed, audited and rehearsed.
package engine

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// MaxBatch is the estimated size of a Step's events, in bytes, from which on it
// does nothing more that can wait; the next Step does it. A single event or gang
// may exceed it by at most a quarter.
const MaxBatch = 384 << 10

// maxDirect is the size from which on a Step refuses to accept workloads, so
// that a record never outgrows the journal, whatever the inputs are.
const maxDirect = 512 << 10

// limits of a batch; tests lower them.
type limits struct{ batch, direct int }

// Engine is a state with the indexes that deciding needs. It is not safe for
// concurrent use. After an error, or when a Step's record was not acknowledged,
// the engine must be thrown away: its state is ahead of the journal.
type Engine struct {
	st       *state.State
	index    *sched.Index
	entries  map[api.TaskRef]*entry // elements that are queued or hold a node
	timers   timers
	abroad   []uint64         // workloads that may be for a child, in order
	places   map[place]bool   // of this cell's nodes; nil: not known
	dirty    dirtySet[uint64] // workloads to reconcile before the Step ends
	nodes    dirtySet[string] // nodes, likewise
	systems  []uint64         // system workloads that are not final, in order
	emptied  []string         // shapes that left the queue in this Step
	lastAsk  cachedAsk
	gone     map[api.TaskRef]bool     // who took back what others were promised, within one Step
	loads    map[loadKey][]sched.Load // inputs from earlier tasks, within one Step
	plans    []*Planned               // parts of a plan that came in this Step
	planless bool                     // what waits for no plan in this Step: one was closed
	movers   bool                     // there may be something that a planner might move: false only saves a look
	bookings []booking                // room that is being freed for elements, by ref
	follower bool                     // folds what another decided: nothing is queued
	housed   bool                     // there may be tasks with a residency
	housing  residences               // nil: not known
	beds     beds
	resting  resting
	stirred  bool // something has happened in this Step: nodes may have to wake, or to sleep
	slicing  slicing
	goesOn   bool // this Step leaves work for the next that holds nothing else up
	storing  storing
	strained []*Strained              // nodes of which that was said in this Step
	resumes  map[api.TaskRef]api.Time // when the next suspension of a task ends: its timer
	limits   limits
	out      Output
	size     int
	last     int // events of the last Step: how many to expect
	err      error
}

// Output is what one Step came to.
type Output struct {
	Events  []state.Event
	Answers []state.Answer // one for each input; only commands have one
	Wake    api.Time       // when Step has something to do without inputs; 0 is never
	More    bool           // the batch was full, or a look is under way: call Step again at once
}

// New wraps a state. The engine owns it from now on.
func New(st *state.State) *Engine {
	e := empty(st)
	e.index.SetNow(st.Now)
	e.rebuild()
	e.recheck()
	return e
}

func empty(st *state.State) *Engine {
	e := &Engine{
		st: st, index: sched.New(), entries: map[api.TaskRef]*entry{}, loads: map[loadKey][]sched.Load{}, gone: map[api.TaskRef]bool{},
		limits: limits{MaxBatch, maxDirect}, stirred: true,
	}
	e.index.Count(e.census)
	e.index.Consult(e.leaving)
	e.index.Hear(sched.Rumour{Endings: e.endings, Name: e.nameOf})
	return e
}

// State returns the state for reading; it is valid until the next Step.
func (e *Engine) State() *state.State { return e.st }

// Step folds the inputs in, does what is due at now, and places what can be
// placed. now never runs backwards: an earlier one counts as the state's own.
func (e *Engine) Step(now api.Time, inputs []Input) (Output, error) {
	now = max(now, e.st.Now)
	e.out, e.size = Output{Events: make([]state.Event, 0, e.last), Answers: make([]state.Answer, len(inputs))}, 0
	e.st.Now = now
	e.plans, e.planless, e.goesOn, e.strained = nil, false, false, nil
	e.index.SetNow(now)
	for i, in := range inputs {
		e.out.Answers[i] = e.input(in)
	}
	e.due(now)
	e.lookAtHours()
	e.replan()
	e.tendClearings()
	e.relieveStrained()
	e.clearNodes()
	e.reconcile()
	e.place()
	e.wakeAhead()
	e.retireNodes()
	e.tendBatteries()
	e.stirred = e.out.More || e.goesOn
	if e.out.More {
		e.recheck()
	}
	e.out.More = e.out.More || e.goesOn
	e.out.Wake = e.timers.next()
	e.last = min(len(e.out.Events), 1024)
	if e.err != nil {
		return Output{}, fmt.Errorf("step at %s with %d inputs: %w", now, len(inputs), e.err)
	}
	return e.out, nil
}

// recheck makes the queue one that depends on the state alone, so that an engine
// which goes on after a cut Step and one rebuilt there decide alike.
func (e *Engine) recheck() {
	if len(e.st.Refusals) > 0 {
		e.index.Recheck(func(shape string) bool { return e.st.Refusals[shapeDigest(shape)] != nil })
		e.index.Rest()
	}
}

// full reports whether the batch should take no more events that can wait.
func (e *Engine) full() bool {
	if e.size >= e.limits.batch {
		e.out.More = true
	}
	return e.out.More
}

// fits reports whether an event of n bytes may still be part of the batch. When it
// may not, the batch is full.
func (e *Engine) fits(n int) bool {
	if e.size > 0 && e.size+n > e.limits.direct {
		e.out.More = true
	}
	return !e.out.More
}

// emit applies an event to the state and the indexes and records it.
func (e *Engine) emit(ev state.Event) {
	if e.err != nil {
		return
	}
	if err := e.st.Apply(e.st.Now, ev); err != nil {
		e.err = err
		return
	}
	e.reindex(ev)
	e.stirred = true
	e.out.Events = append(e.out.Events, ev)
	e.size += sizeOf(ev)
}
