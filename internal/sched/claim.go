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
	list := slices.Insert(e.stays(a.Self, a.Now), 0, stay{ask: a, count: 1, from: a.Now, to: end})
	if len(a.Task.Resources.Accelerators) == 0 && (len(list) == 1 || list[1].from >= end) {
		return nil // it is gone before anybody comes
	}
	if short := e.unfold(list, a.Now); short != nil {
		return short.claim
	}
	if !fixedPort(a.Task) {
		return nil
	}
	for i := range list[1:] {
		if c := list[1+i].claim; list[1+i].from < end && samePort(c.ask.Task, a.Task) {
			return c
		}
	}
	return nil
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
