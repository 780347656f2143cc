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

// MaxBatch bounds the estimated size of the events of one Step, in bytes. What is
// left to do is done by the next Step.
const MaxBatch = 384 << 10

// Engine is a state with the indexes that deciding needs. It is not safe for
// concurrent use. After an error, or when a Step's record was not acknowledged,
// the engine must be thrown away: its state is ahead of the journal.
type Engine struct {
	st       *state.State
	index    *sched.Index
	entries  map[api.TaskRef]*entry // elements that are queued or hold a node
	timers   timers
	dirty    dirtySet // workloads to reconcile before the Step ends
	systems  []uint64 // system workloads that are not final, in order
	emptied  []string // shapes that left the queue in this Step
	lastAsk  cachedAsk
	loads    map[loadKey][]sched.Load // inputs from earlier tasks, within one Step
	follower bool                     // folds what another decided: nothing is queued
	out      Output
	size     int
	err      error
}

// Output is what one Step came to.
type Output struct {
	Events  []state.Event
	Answers []state.Answer // one for each input; only commands have one
	Wake    api.Time       // when Step has something to do without inputs; 0 is never
	More    bool           // the batch was full: call Step again at once
}

// New wraps a state. The engine owns it from now on.
func New(st *state.State) *Engine {
	e := empty(st)
	e.rebuild()
	return e
}

func empty(st *state.State) *Engine {
	return &Engine{st: st, index: sched.New(), entries: map[api.TaskRef]*entry{}, loads: map[loadKey][]sched.Load{}}
}

// State returns the state for reading; it is valid until the next Step.
func (e *Engine) State() *state.State { return e.st }

// Step folds the inputs in, does what is due at now, and places what can be
// placed. now never runs backwards: an earlier one counts as the state's own.
func (e *Engine) Step(now api.Time, inputs []Input) (Output, error) {
	now = max(now, e.st.Now)
	e.out, e.size = Output{Answers: make([]state.Answer, len(inputs))}, 0
	e.st.Now = now
	for i, in := range inputs {
		e.out.Answers[i] = e.input(in)
	}
	e.due(now)
	e.reconcile()
	e.place()
	e.out.Wake = e.timers.next()
	if e.err != nil {
		return Output{}, fmt.Errorf("step at %s with %d inputs: %w", now, len(inputs), e.err)
	}
	return e.out, nil
}

// full reports whether the batch should take no more events that can wait.
func (e *Engine) full() bool {
	if e.size >= MaxBatch {
		e.out.More = true
	}
	return e.out.More
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
	e.out.Events = append(e.out.Events, ev)
	e.size += sizeOf(ev)
}
