package core

import (
	"slices"

	"drover.dev/api"
)

// Waits between tries to prepare or to collect.
const (
	retryBase = 200 * api.Millisecond
	retryMost = 30 * api.Second
)

// accept begins the life of an attempt that is new here.
func (c *Core) accept(as *api.Assignment) {
	a := c.add(*as)
	a.sweep = c.set.sweep
	c.active++
	switch {
	case as.Desire == api.DesireStop:
		a.Task = nil
		c.finish(a, api.Result{Outcome: api.OutcomeStopped, Detail: "never started on this node"})
	case as.Task == nil:
		c.finish(a, api.Result{Outcome: api.OutcomeRejected, Reason: "bad assignment", Detail: "the assignment has no task"})
	default:
		a.hold.wish = as.Desire == api.DesireSuspend
		c.begin(a)
	}
}

func (c *Core) begin(a *attempt) {
	if a.once() {
		c.lease.held++
	}
	if c.harmless(a) && plain(a) {
		c.start(a)
		return
	}
	a.dir = true
	c.prepare(a)
}

// harmless tells whether running the attempt twice would go unnoticed.
func (c *Core) harmless(a *attempt) bool { return slices.Contains(c.cfg.Harmless, a.Task.Driver) }

// plain tells whether the attempt needs no directory.
func plain(a *attempt) bool {
	t := a.Task
	return len(a.Inputs)+len(t.Inputs)+len(t.Outputs)+len(t.Secrets)+len(t.Volumes)+len(t.Ports) == 0 && t.Artifact == nil
}

func (c *Core) prepare(a *attempt) {
	a.phase, a.busy = phasePreparing, true
	c.do(Prepare{Assignment: a.Assignment})
}

func (c *Core) prepared(a *attempt, in Prepared) {
	if a.phase != phasePreparing || !a.busy {
		return
	}
	a.busy = false
	a.ports, a.fetch, a.bytesIn = in.Ports, in.Took, in.BytesIn
	if a.cause != causeNone {
		c.finish(a, api.Result{Outcome: api.OutcomeStopped})
		return
	}
	c.start(a)
}

// start records that the attempt is about to run, and asks the driver.
func (c *Core) start(a *attempt) {
	a.phase, a.busy, a.since, a.tries = phaseStarting, true, c.now, 0
	if !c.harmless(a) {
		a.recorded = true
		c.out.Sync = true
		c.out.Record.Starts = append(c.out.Record.Starts, StartMark{
			Assignment: a.Assignment, Ports: a.ports, At: c.now, Boot: c.cfg.Boot, Fetch: a.fetch, BytesIn: a.bytesIn,
		})
		c.markLease(a)
	}
	c.do(Start{Assignment: a.Assignment, Ports: a.ports})
}

func (c *Core) started(a *attempt, in Started) {
	if a.phase != phaseStarting {
		return
	}
	a.since, a.start = c.now, in.Took
	c.run(a, in.PID)
}

func (c *Core) adopted(a *attempt, in Adopted) {
	if a.phase != phaseAdopting {
		return
	}
	if a.since == 0 {
		a.since = c.now // started in another boot, so it has ended, as we will hear
	}
	c.run(a, in.PID)
}

// run is where a started and an adopted attempt meet.
func (c *Core) run(a *attempt, pid int32) {
	a.phase, a.busy = phaseRunning, false
	c.running++
	if a.n == 0 {
		c.report(a, api.Report{Kind: api.ReportStarted, PID: pid, Ports: a.ports})
	}
	if a.cause != causeNone {
		c.stopRunning(a, a.grace())
		return
	}
	if a.Task.Timeout > 0 {
		c.setTimer(a.since+a.Task.Timeout, a, timerWall, 0)
	}
	c.watch(a)
	c.settleHold(a)
}

// ended takes the result of a task, or the failure of any step on its way.
func (c *Core) ended(a *attempt, r api.Result) {
	switch a.phase {
	case phaseEnded:
		return
	case phaseRunning:
		c.running--
		r.Wall = max(r.Wall-c.stood(a), 0) // drivers count from the start to the end
	case phaseCollecting:
		a.result.Outcome, a.result.Reason, a.result.Detail = r.Outcome, r.Reason, r.Detail
		r = a.result
	}
	a.busy = false
	if r.Outcome == api.OutcomeSucceeded && len(a.Task.Outputs) > 0 {
		a.result = r
		c.collect(a)
		return
	}
	c.finish(a, r)
}

func (c *Core) collect(a *attempt) {
	a.phase, a.busy = phaseCollecting, true
	c.do(Collect{Assignment: a.Assignment})
}

func (c *Core) collected(a *attempt, in Collected) {
	if a.phase != phaseCollecting || !a.busy {
		return
	}
	a.result.Outputs, a.result.BytesOut = in.Outputs, in.BytesOut
	c.finish(a, a.result)
}

// retry waits before the next try. Inputs that cannot be had are given up, so
// that another node may try; outputs never are.
func (c *Core) retry(a *attempt, detail string) {
	if !a.busy || (a.phase != phasePreparing && a.phase != phaseCollecting) {
		return
	}
	a.busy = false
	a.tries++
	switch {
	case a.cause != causeNone:
		c.finish(a, api.Result{Outcome: api.OutcomeStopped})
	case a.phase == phasePreparing && a.tries >= MaxPrepares:
		c.finish(a, api.Result{Outcome: api.OutcomeRejected, Reason: "inputs unavailable", Detail: detail})
	default:
		wait := backoff(retryBase, retryMost, a.tries-1, seed(c.cfg.Node)^a.Workload^uint64(a.Index)<<16)
		c.setTimer(c.now+wait, a, timerRetry, 0)
	}
}

func (c *Core) tryAgain(a *attempt) {
	switch {
	case a.busy:
	case a.phase == phasePreparing:
		c.prepare(a)
	case a.phase == phaseCollecting:
		c.collect(a)
	}
}

// finish ends an attempt with its result.
func (c *Core) finish(a *attempt, r api.Result) {
	if a.once() {
		c.lease.held--
	}
	c.active--
	a.phase, a.busy = phaseEnded, false
	if result := a.final(r); a.gone && result.Outcome != api.OutcomeSucceeded {
		a.reports = nil // stopped because nobody wants it
	} else {
		c.report(a, api.Report{Kind: api.ReportEnded, Result: result})
	}
	a.free()
	c.forget(a)
}

// final puts together what is known of an attempt's end.
func (a *attempt) final(r api.Result) *api.Result {
	// A task that came to its own good end before the Stop did has succeeded.
	if a.cause != causeNone && r.Outcome != api.OutcomeSucceeded {
		r.Outcome, r.Reason = a.cause.verdict()
	}
	r.Fetch, r.BytesIn = a.fetch, a.bytesIn
	if r.Start == 0 {
		r.Start = a.start
	}
	return &r
}

// verdict is the outcome of being stopped. Work that was stopped for the node's
// sake is lost, not failed: it does not count against the task.
func (w cause) verdict() (api.Outcome, string) {
	switch w {
	case causeTimeout:
		return api.OutcomeFailed, "timeout"
	case causeShutdown:
		return api.OutcomeLost, "agent shut down"
	case causeLease:
		return api.OutcomeLost, api.ReasonLease
	default:
		return api.OutcomeStopped, "stopped"
	}
}
