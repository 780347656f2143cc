package core

import "drover.dev/api"

// rest is whether the node is to fall asleep, or is about to.
type rest struct {
	asked bool         // the server wants it, as it said last
	busy  bool         // the machine is being told
	until api.Duration // it should be asleep by then: until then the node keeps quiet; 0: it is not
}

// asks takes what the server wants beside the set. A node that the server takes to be
// asleep says that it is not.
func (c *Core) asks(a api.PowerAsk) {
	c.rest.asked = a == api.AskSleep
	if a == api.AskHello && !c.resting() {
		c.link.welcomed = false
	}
}

// resting reports whether the machine may fall asleep any moment.
func (c *Core) resting() bool { return c.rest.busy || c.rest.until > c.now }

// fallAsleep has the machine told to, once nothing is left to do or to say, and no news of
// what to do is on its way: an order may be older than that. A time that has passed is over:
// the machine has slept, or did not fall asleep.
func (c *Core) fallAsleep() {
	if c.rest.until != 0 && c.rest.until <= c.now {
		c.rest.until, c.link.welcomed = 0, false
	}
	idle := c.active == 0 && len(c.outbox) == 0 && c.link.pull.ticket == 0 && !c.wantsPull()
	if c.rest.asked && !c.resting() && c.link.welcomed && idle && !c.closing {
		c.rest.asked, c.rest.busy = false, true
		c.urgent(FallAsleep{})
	}
}

// slept takes the answer to FallAsleep.
func (c *Core) slept(in Slept) {
	if !c.rest.busy {
		return
	}
	c.rest.busy = false
	if !in.OK {
		c.link.welcomed = false
		return
	}
	c.rest.until = c.now + max(in.Within, 1)
}
