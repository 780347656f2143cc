package control

import "drover.dev/api"

// Clock gives the time of records, which never runs backwards: not when the
// machine's clock is set back, and not when a new leader's clock is behind the
// old one's.
type Clock struct{ last api.Time }

// Saw tells the clock the time of a record in the journal.
func (c *Clock) Saw(t api.Time) { c.last = max(c.last, t) }

// Now is the wall clock's time, or the last one given if that is later.
func (c *Clock) Now(wall api.Time) api.Time {
	c.last = max(c.last, wall)
	return c.last
}
