package core

import "drover.dev/api"

// lease is for how long the server is sure to believe that this node lives.
// Tasks marked atMostOnce run no longer than that.
type lease struct {
	until api.Duration
	held  int // attempts of such tasks that have not ended
}

// renew extends the lease after an answered call, from when that call was sent:
// the server heard from the node no earlier.
func (c *Core) renew(sent api.Duration) {
	until := sent + c.link.silent
	if until <= c.lease.until {
		return
	}
	c.lease.until = until
	if c.lease.held > 0 {
		c.recordLease()
	}
}

// recordLease lets a restarted agent know the lease. It needs no sync: when the
// machine goes down, the tasks do, too.
func (c *Core) recordLease() {
	c.out.Record.Lease = &LeaseMark{Until: c.lease.until, Boot: c.cfg.Boot}
}

func (c *Core) markLease(a *attempt) {
	if a.once() {
		c.recordLease()
	}
}

// guardLease stops the tasks whose lease is over.
func (c *Core) guardLease() {
	if c.lease.held == 0 || c.now < c.lease.until {
		return
	}
	for a := c.list.first; a != nil; a = a.next {
		if a.once() {
			c.stop(a, causeLease)
		}
	}
}
