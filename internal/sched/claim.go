package sched

import (
	"slices"

	"drover.dev/api"
)

// claim is the part of a promise that concerns one node.
type claim struct {
	*promise
	count int
}

// span is from when to when a claim takes room, as seen at now. One that is
// overdue is put off with its end.
func (e *node) span(c *claim, now api.Time) (from, to api.Time) {
	from = max(c.From, now)
	return from, e.after(c.ask, from)
}

// clear reports whether a task may begin on a node now without delaying anybody
// who was promised room there.
func (e *node) clear(a *Ask) bool { return e.promisedTo(a) == nil }

// promisedTo is the first promise that would not be kept if a task began now.
func (e *node) promisedTo(a *Ask) *claim {
	end := e.after(a, a.Now)
	for i := range e.claims {
		c := &e.claims[i]
		if from, _ := e.span(c, a.Now); *c.Task != a.Self && end > from && !e.leaves(a, from) {
			return c
		}
	}
	return nil
}

// leaves reports whether a task that begins now leaves enough room for all who
// were promised some at a time.
func (e *node) leaves(a *Ask, at api.Time) bool {
	s := e.spaceAt(at, a.Now)
	r := &a.Task.Resources
	devices, _ := assign(e.devices, e.Capacity.Accelerators, r.Accelerators)
	s.add(r, devices, -1)
	return s.keep(e, at, a.Now, a.Self) && !e.portsPromised(a)
}

// portsPromised reports whether a task takes a port that somebody is promised.
func (e *node) portsPromised(a *Ask) bool {
	return fixedPort(a.Task) && slices.ContainsFunc(e.claims, func(c claim) bool { return *c.Task != a.Self && samePort(c.ask.Task, a.Task) })
}

// after is when a task that begins at a time is expected to end.
func (e *node) after(a *Ask, at api.Time) api.Time {
	if a.Hold == 0 {
		return endless
	}
	return at.Add(min(e.takes(a.Hold, a), maxEstimate))
}
