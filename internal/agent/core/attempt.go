package core

import (
	"slices"

	"drover.dev/api"
)

// phase is where an attempt stands on its node.
type phase uint8

const (
	phasePreparing  phase = iota // inputs are being fetched
	phaseStarting                // its start is recorded, the driver is asked
	phaseAdopting                // it may run from an earlier life of the agent
	phaseRunning                 // the driver said so
	phaseCollecting              // it ended well; its outputs are being stored
	phaseEnded                   // its result is in the outbox, or was
)

// cause is why an attempt is being stopped before its own end.
type cause uint8

const (
	causeNone     cause = iota
	causeServer         // the server's wish
	causeGone           // the server does not know it any more: nobody wants a result
	causeTimeout        // Task.Timeout
	causeShutdown       // the agent's own end
	causeLease          // atMostOnce, and the server may think it lost
)

// stopAgainAfter is how long after the end of its grace a Stop is repeated.
const stopAgainAfter = 10 * api.Second

// attempt is what the core knows of one try. Task and Inputs of the assignment
// are let go when it has ended.
type attempt struct {
	api.Assignment
	phase    phase
	cause    cause
	gone     bool   // the server does not want it: forgotten as soon as possible
	sweep    uint64 // the last full set that lists it
	busy     bool   // an action awaits its answer
	recorded bool   // its start is in the records
	dir      bool   // it may have a directory

	ports   []api.Port
	since   api.Duration // start of the run
	fetch   api.Duration
	start   api.Duration
	bytesIn api.Bytes
	tries   uint32 // of prepare or collect
	result  api.Result
	checks  []check
	health  health
	hold    hold

	reports []api.Report // not recorded by the server yet, in order
	n       uint32       // number of the last report
	queued  bool         // stands in Core.outbox

	next, prev *attempt
}

// once tells whether the attempt may run only while the lease lasts.
func (a *attempt) once() bool { return a.Task != nil && a.Task.AtMostOnce }

// free lets go of what only a living attempt needs.
func (a *attempt) free() { a.Task, a.Inputs, a.checks, a.ports = nil, nil, nil, nil }

// acked drops the reports up to number n.
func (a *attempt) acked(n uint32) {
	a.reports = slices.DeleteFunc(a.reports, func(r api.Report) bool { return r.N <= n })
}

// list keeps attempts in the order of their arrival.
type list struct{ first, last *attempt }

func (l *list) push(a *attempt) {
	a.prev, a.next = l.last, nil
	if l.last != nil {
		l.last.next = a
	} else {
		l.first = a
	}
	l.last = a
}

// remove leaves a.next in place: a loop may remove where it stands.
func (l *list) remove(a *attempt) {
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		l.first = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		l.last = a.prev
	}
}

func (c *Core) add(as api.Assignment) *attempt {
	a := &attempt{Assignment: as}
	c.attempts[as.Attempt] = a
	c.list.push(a)
	return a
}

// drop ends all memory of an attempt that has ended.
func (c *Core) drop(a *attempt) {
	a.phase = phaseEnded // for timers that still point here
	delete(c.attempts, a.Attempt)
	c.list.remove(a)
}

// forget drops an ended attempt that the server does not ask for, once it has no
// report left to send.
func (c *Core) forget(a *attempt) {
	if !a.gone || a.phase != phaseEnded || len(a.reports) > 0 {
		return
	}
	c.out.Record.Forgot = append(c.out.Record.Forgot, a.Attempt)
	if a.dir {
		c.do(Forget{ID: a.Attempt})
	}
	c.drop(a)
}

// stop begins the end of an attempt, wherever it stands.
func (c *Core) stop(a *attempt, why cause) {
	if !a.stoppable(why) {
		return
	}
	a.cause = why
	switch {
	case a.phase == phaseRunning:
		c.stopRunning(a, a.grace())
	case !a.busy: // waits to prepare or collect again
		c.finish(a, api.Result{Outcome: api.OutcomeStopped})
	case a.phase == phasePreparing || a.phase == phaseCollecting:
		c.urgent(Cancel{ID: a.Attempt})
	}
	// While starting or adopting, the answer decides what there is to stop.
}

func (a *attempt) stoppable(why cause) bool {
	switch {
	case a.phase == phaseEnded || a.cause == why || a.cause == causeLease:
		return false
	case a.phase == phaseCollecting: // nothing runs, and a success counts unless it is declined
		return a.cause == causeNone && why == causeServer
	default:
		return a.cause == causeNone || why == causeLease
	}
}

// grace is what the task gets to end by itself. The end of a lease leaves none:
// another node may start the task as soon as it is over.
func (a *attempt) grace() api.Duration {
	if a.cause == causeLease {
		return 0
	}
	return max(a.Task.Grace, 0)
}

func (c *Core) stopRunning(a *attempt, grace api.Duration) {
	c.urgent(Stop{ID: a.Attempt, Grace: grace})
	c.setTimer(c.now+grace+stopAgainAfter, a, timerStop, 0)
}

// stopAgain repeats a Stop that had no effect, now without grace.
func (c *Core) stopAgain(a *attempt) {
	if a.phase == phaseRunning && a.cause != causeNone {
		c.stopRunning(a, 0)
	}
}
