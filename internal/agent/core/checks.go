package core

import "drover.dev/api"

// What a check defaults to.
const (
	checkInterval = 5 * api.Second
	checkFailures = 3
)

// check is the state of one of a task's checks.
type check struct {
	busy   bool
	passed bool  // the last probe passed
	ready  bool  // a probe has passed since the task started
	failed int32 // probes in a row that did not, those of a start-up apart
}

// health is what was last reported.
type health uint8

const (
	healthUnknown health = iota
	healthGood
	healthBad
)

// watch begins to probe a running task. A task without checks is healthy as soon
// as it has started, which the server knows without being told.
func (c *Core) watch(a *attempt) {
	a.checks = make([]check, len(a.Task.Checks))
	for i := range a.checks {
		c.probe(a, i)
	}
}

func (c *Core) probe(a *attempt, i int) {
	if a.phase != phaseRunning || a.cause != causeNone || a.checks[i].busy {
		return
	}
	a.checks[i].busy = true
	c.do(Probe{Assignment: a.Assignment, Ports: a.ports, Index: i})
}

func (c *Core) probed(a *attempt, in Probed) {
	if a.phase != phaseRunning || in.Index >= len(a.checks) || !a.checks[in.Index].busy {
		return
	}
	k, spec := &a.checks[in.Index], &a.Task.Checks[in.Index]
	k.busy, k.passed, k.ready = false, in.OK, k.ready || in.OK
	switch {
	case in.OK:
		k.failed = 0
	case k.ready || c.now-a.since >= spec.StartAfter: // else it may still be starting
		k.failed++
	}
	c.judge(a, in.Detail)
	c.setTimer(c.now+orDefault(spec.Interval, checkInterval), a, timerCheck, in.Index)
}

// judge reports a change of health. Unhealthy is a check that failed too often
// in a row; healthy again is a task all of whose checks pass.
func (c *Core) judge(a *attempt, detail string) {
	passed, failed := true, false
	for i := range a.checks {
		passed = passed && a.checks[i].passed
		failed = failed || a.checks[i].failed >= orDefault(a.Task.Checks[i].Failures, checkFailures)
	}
	switch {
	case passed && a.health != healthGood:
		a.health = healthGood
		c.report(a, api.Report{Kind: api.ReportHealthy})
	case failed && a.health != healthBad:
		a.health = healthBad
		c.report(a, api.Report{Kind: api.ReportUnhealthy, Detail: detail})
	}
}

func orDefault[T int32 | api.Duration](x, standard T) T {
	if x > 0 {
		return x
	}
	return standard
}
