package core

import "drover.dev/api"

// What holds until the server says otherwise, and waits between failed calls.
const (
	defaultHeartbeat = 2 * api.Second
	defaultSilent    = 10 * api.Second
	callBase         = 100 * api.Millisecond
	callMost         = 5 * api.Second
	// greetAgain is how many failures of a call in a row make the node register
	// again: the server may have lost it.
	greetAgain = 4
)

// link is what is known of the server.
type link struct {
	up        bool
	welcomed  bool   // registered with the present leader
	epoch     uint64 // highest seen: whoever has a lower one leads no more
	heartbeat api.Duration
	silent    api.Duration
	nextBeat  api.Duration
	ticket    uint64

	hello, pull, reports, beat call

	sent   []api.Report // the batch under way
	shrink uint         // by how many halvings batches are smaller than MaxBatch
}

func (l *link) batch() int { return max(MaxBatch>>l.shrink, 1) }

// call is one kind of request; at most one of a kind is under way.
type call struct {
	ticket   uint64 // of the one under way; 0: none
	at       api.Duration
	failures uint32
	notYet   api.Duration // wait until then after a failure
}

func (k *call) send(c *Core) uint64 {
	c.link.ticket++
	k.ticket, k.at = c.link.ticket, c.now
	return k.ticket
}

func (k *call) ok() { k.ticket, k.failures, k.notYet = 0, 0, 0 }

func (k *call) fail(c *Core) {
	k.ticket = 0
	k.notYet = c.now + backoff(callBase, callMost, k.failures, seed(c.cfg.Node))
	k.failures++
}

// ready tells whether the call may be made now.
func (k *call) ready(now api.Duration) bool { return k.ticket == 0 && k.notYet <= now }

// answers tells whether a ticket is that of the call under way; late answers to
// calls that were given up are not.
func (k *call) answers(ticket uint64) bool { return k.ticket != 0 && k.ticket == ticket }

// takeLink handles what the server and the connection to it say.
func (c *Core) takeLink(in Input) {
	l := &c.link
	switch in := in.(type) {
	case LinkUp:
		c.unlink()
		l.up = true
	case LinkDown:
		c.unlink()
	case Hinted:
		c.hint(in.Hint)
	case Welcomed:
		if l.hello.answers(in.Ticket) {
			c.welcome(in.Welcome)
		}
	case Set:
		if l.pull.answers(in.Ticket) {
			c.pulled(&in.Set)
		}
	case Acked:
		if l.reports.answers(in.Ticket) {
			c.onAck(in.Ack)
		}
	case Beaten:
		if l.beat.answers(in.Ticket) {
			c.beaten(in.Hint)
		}
	case Refused:
		c.refused(in.Ticket)
	}
}

// unlink gives up all calls; a new connection begins with a new registration.
func (c *Core) unlink() {
	l := &c.link
	l.up, l.welcomed, l.sent = false, false, nil
	l.hello, l.pull, l.reports, l.beat = call{}, call{}, call{}, call{}
}

func (c *Core) welcome(w api.Welcome) {
	l := &c.link
	if w.Epoch < l.epoch {
		l.hello.fail(c) // not the leader any more
		return
	}
	c.sawEpoch(w.Epoch)
	l.hello.ok()
	l.welcomed = true
	l.heartbeat, l.silent = defaultHeartbeat, defaultSilent
	if w.Heartbeat > 0 {
		l.heartbeat = max(w.Heartbeat, 10*api.Millisecond)
	}
	if w.SilentAfter > 0 {
		l.silent = w.SilentAfter
	}
	c.renew(l.hello.at)
	l.nextBeat = c.now
	l.pull, l.reports, l.beat = call{}, call{}, call{}
	l.sent = nil
	c.set.have, c.set.again, c.set.sweeping = 0, true, false
}

func (c *Core) pulled(s *api.AssignmentSet) {
	if !c.onSet(s) {
		c.link.pull.fail(c)
		c.set.again = true
		return
	}
	c.link.pull.ok()
	c.set.next = c.now + c.cfg.PullEvery
}

// beaten takes the answer to a heartbeat. Only the present leader's renews the
// lease: who leads no more does not decide when the node counts as lost.
func (c *Core) beaten(h api.Hint) {
	if h.Epoch < c.link.epoch {
		c.link.beat.fail(c)
		return
	}
	c.link.beat.ok()
	c.renew(c.link.beat.at)
	c.hint(h)
}

func (c *Core) hint(h api.Hint) {
	if h.Epoch < c.link.epoch {
		return
	}
	c.sawEpoch(h.Epoch)
	c.set.hinted = max(c.set.hinted, h.Version)
	c.asks(h.Power)
}

// refused handles the failure of whichever call holds the ticket.
func (c *Core) refused(ticket uint64) {
	l := &c.link
	switch {
	case l.hello.answers(ticket):
		l.hello.fail(c)
	case l.pull.answers(ticket):
		l.pull.fail(c)
		c.set.again = true
	case l.beat.answers(ticket):
		l.beat.fail(c)
	case l.reports.answers(ticket):
		l.reports.fail(c)
		l.sent = nil
	}
	if max(l.pull.failures, l.beat.failures, l.reports.failures) >= greetAgain {
		l.pull.failures, l.beat.failures, l.reports.failures = 0, 0, 0
		l.welcomed = false
	}
}

// sawEpoch tells whether an epoch is newer than all before. Its leader must
// welcome the node first.
func (c *Core) sawEpoch(epoch uint64) bool {
	if epoch <= c.link.epoch {
		return false
	}
	c.link.epoch = epoch
	c.link.welcomed = false
	c.out.Record.Epoch = epoch
	c.out.Sync = true
	return true
}

// talk makes the calls that are due. All but reports are urgent: a disk that is
// slow to sync must not make the node fall silent.
func (c *Core) talk() {
	l := &c.link
	if !l.up || c.resting() {
		return
	}
	if !l.welcomed {
		if l.hello.ready(c.now) {
			c.urgent(SendHello{Ticket: l.hello.send(c)})
		}
		return
	}
	if c.wantsPull() && l.pull.ready(c.now) {
		c.set.hinted, c.set.again = 0, false
		c.urgent(SendPull{Ticket: l.pull.send(c), Pull: api.Pull{Epoch: l.epoch, Have: c.set.have}})
	}
	if l.nextBeat <= c.now && l.beat.ready(c.now) {
		ticket := l.beat.send(c)
		// Between 7/8 and 9/8 of the interval, so that nodes spread out.
		l.nextBeat = c.now + l.heartbeat*7/8 + api.Duration(mix(seed(c.cfg.Node)^ticket)%uint64(l.heartbeat/4+1))
		c.urgent(SendBeat{Ticket: ticket, Beat: api.Beat{Epoch: l.epoch, Version: c.set.have, Running: int32(c.running)}})
	}
	if len(c.outbox) > 0 && l.reports.ready(c.now) {
		c.sendReports()
	}
}

func (c *Core) wantsPull() bool {
	return c.set.again || c.set.hinted > c.set.have || c.set.next <= c.now
}

// nextTalk is when a call will be due by the passing of time alone.
func (c *Core) nextTalk() api.Duration {
	l := &c.link
	switch {
	case c.resting():
		return c.rest.until // 0 while the machine is being told
	case !l.up:
		return 0
	case !l.welcomed:
		return l.hello.due(c.now)
	}
	at := later(l.nextBeat, l.beat.due(c.now))
	if c.wantsPull() {
		at = earlier(at, l.pull.due(c.now))
	} else {
		at = earlier(at, later(c.set.next, l.pull.due(c.now)))
	}
	if len(c.outbox) > 0 {
		at = earlier(at, l.reports.due(c.now))
	}
	return at
}

// due is when the call may be made; 0 while one is under way, which ends by an
// input.
func (k *call) due(now api.Duration) api.Duration {
	if k.ticket != 0 {
		return 0
	}
	return max(k.notYet, now+1)
}

// later returns the later of two times, of which 0 is never.
func later(x, y api.Duration) api.Duration {
	if x == 0 || y == 0 {
		return 0
	}
	return max(x, y)
}
