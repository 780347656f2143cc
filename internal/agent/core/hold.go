package core

import "drover.dev/api"

// Holding still: the server may wish that a task which runs is suspended, and goes on
// later. What it wishes is part of the assignment, so that it is wished again after every
// pull; that a task may be suspended is recorded before it is, so that an agent which
// starts anew does not leave one so that is to run.

// HoldMark says that an attempt is about to be suspended, or to go on.
type HoldMark struct {
	Attempt api.Attempt  `cbor:"1,keyasint"`
	Still   bool         `cbor:"2,keyasint,omitempty"`
	Stood   api.Duration `cbor:"3,keyasint,omitempty"` // how long it was suspended before, all in all
	Since   api.Duration `cbor:"4,keyasint,omitempty"` // since boot: when it was suspended; 0: it was not yet
}

// Hold asks to suspend a running task, or to let it go on. Answer: Held.
type Hold struct {
	ID     api.Attempt
	Driver string
	Still  bool
}

func (Hold) action() {}

// holdAgainAfter is how long after it could not go on a task is to try again.
const holdAgainAfter = 10 * api.Second

func (c *Core) holdAgain(a *attempt) {
	a.hold.unable = false
	c.settleHold(a)
}

// Held answers Hold. A task that ended meanwhile may have it answered, too.
type Held struct {
	About
	Still  bool   // as was asked
	Detail string // why it could not be done; "" when it was
}

// hold is how an attempt stands to being suspended.
type hold struct {
	wish   bool         // the server's
	still  bool         // it is suspended, or may be
	unsure bool         // whether it is, is not known: an earlier agent was about to change it
	busy   bool         // a Hold awaits its answer
	unable bool         // it cannot be; not tried again until the wish changes
	told   bool         // the server was, that it is suspended
	lapsed bool         // its time limit is looked at again once it goes on
	since  api.Duration // when it was suspended
	stood  api.Duration // how long before that
}

// wishHold takes over what the server wishes.
func (c *Core) wishHold(a *attempt, still bool) {
	if a.hold.wish != still {
		a.hold.wish, a.hold.unable = still, false
	}
	c.settleHold(a)
}

// settleHold brings a running task in agreement with the wish.
func (c *Core) settleHold(a *attempt) {
	h := &a.hold
	if a.phase != phaseRunning || a.cause != causeNone || h.busy || h.unable || h.still == h.wish && !h.unsure {
		return
	}
	h.busy, h.unsure = true, false
	if h.wish {
		h.still = true // from the record on it may be
	}
	c.out.Sync = true
	c.recordHold(a)
	c.do(Hold{ID: a.Attempt, Driver: a.Task.Driver, Still: h.wish})
}

func (c *Core) recordHold(a *attempt) {
	c.out.Record.Holds = append(c.out.Record.Holds, HoldMark{Attempt: a.Attempt, Still: a.hold.still, Stood: a.hold.stood, Since: a.hold.since})
}

func (c *Core) held(a *attempt, in Held) {
	h := &a.hold
	if !h.busy {
		return
	}
	h.busy = false
	if a.phase != phaseRunning {
		return
	}
	if in.Detail != "" {
		h.unable = true
		if h.still = !in.Still; h.still { // what stands still must not do so for ever
			c.setTimer(c.now+holdAgainAfter, a, timerHold, 0)
		}
		c.recordHold(a)
		return
	}
	switch {
	case in.Still && !h.told:
		h.told = true
		if h.since == 0 {
			h.since = max(c.now, 1)
		}
		c.report(a, api.Report{Kind: api.ReportSuspended})
	case !in.Still:
		h.stood, h.still, h.told, h.since = c.stood(a), false, false, 0
		if h.lapsed {
			h.lapsed = false
			c.setTimer(c.now+c.wallLeft(a), a, timerWall, 0)
		}
		c.report(a, api.Report{Kind: api.ReportResumed})
	}
	c.recordHold(a)
	c.settleHold(a)
}

// replayHold recalls what an earlier agent was about to do.
func (c *Core) replayHold(m *HoldMark) {
	if a, ok := c.attempts[m.Attempt]; ok {
		a.hold = hold{still: m.Still, unsure: m.Still, stood: m.Stood, since: m.Since, wish: m.Still}
	}
}

// wallLeft is how much of its time limit a task has, of which suspension takes nothing.
func (c *Core) wallLeft(a *attempt) api.Duration {
	return a.Task.Timeout - (c.now - a.since - c.stood(a))
}

// stood is how long an attempt has stood still.
func (c *Core) stood(a *attempt) api.Duration {
	if a.hold.since != 0 {
		return a.hold.stood + max(c.now-a.hold.since, 0)
	}
	return a.hold.stood
}

// overran stops a task whose time is over, or looks again when it will be: of one that
// is suspended that is not known before it goes on.
func (c *Core) overran(a *attempt) {
	if a.phase != phaseRunning {
		return
	}
	left := c.wallLeft(a)
	switch {
	case left <= 0:
		c.stop(a, causeTimeout)
	case a.hold.since != 0:
		a.hold.lapsed = true
	default:
		c.setTimer(c.now+left, a, timerWall, 0)
	}
}
