package core

import "drover.dev/api"

// setState is which set of assignments the node has.
type setState struct {
	have   uint64 // its version; 0: none yet
	hinted uint64 // a version that was hinted at since the last pull was sent
	again  bool   // more is to be pulled at once
	// A full set may come in several parts. What none of them lists is gone,
	// which is known when the last one is here.
	sweep    uint64
	sweeping bool
	next     api.Duration // when to pull unasked
}

// onSet compares what the server wants with what there is.
func (c *Core) onSet(s *api.AssignmentSet) (ok bool) {
	if s.Epoch < c.link.epoch || c.closing {
		return false // from a leader that has been replaced
	}
	newer := c.sawEpoch(s.Epoch)
	switch {
	case newer && !s.Full:
		return true // a change to a set that we do not have: register with the new leader first
	case s.Full && !newer && s.Version < c.set.have:
		return false
	case s.Full:
		c.set.sweep++
		c.set.sweeping = true
	case s.From != c.set.have:
		ok = c.set.have != 0
		c.set.have, c.set.again = 0, true // ask for everything, which must not be answered so
		return ok
	case s.Again && s.Version == c.set.have:
		return false // no step forward: do not ask in a circle
	}
	c.apply(s)
	return true
}

func (c *Core) apply(s *api.AssignmentSet) {
	for i := range s.Items {
		c.item(&s.Items[i])
	}
	for _, id := range s.Gone {
		if a, ok := c.attempts[id]; ok {
			c.unwanted(a)
		}
	}
	c.set.have, c.set.again = s.Version, s.Again
	if c.set.sweeping && !s.Again {
		c.set.sweeping = false
		c.sweepOut()
	}
}

// item is one assignment of a set.
func (c *Core) item(as *api.Assignment) {
	a, known := c.attempts[as.Attempt]
	if !known {
		c.accept(as)
		return
	}
	a.sweep = c.set.sweep
	if as.Epoch < a.Epoch || as.Epoch == a.Epoch && as.Version < a.Version {
		return // older than what we know of it
	}
	a.Epoch, a.Version = as.Epoch, as.Version
	if as.Desire == api.DesireStop {
		c.stop(a, causeServer)
		return
	}
	c.wishHold(a, as.Desire == api.DesireSuspend)
}

// sweepOut handles what a full set does not list.
func (c *Core) sweepOut() {
	for a := c.list.first; a != nil; a = a.next {
		if a.sweep != c.set.sweep {
			c.unwanted(a)
		}
	}
}

// unwanted stops and forgets an attempt that the server does not ask for. A
// result that is in the outbox is still delivered: the server may have given the
// attempt up, and a success counts even then.
func (c *Core) unwanted(a *attempt) {
	a.gone = true
	c.stop(a, causeGone)
	c.forget(a)
}
