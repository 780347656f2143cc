package control

import "drover.dev/api"

// Clock gives the time of records, which never runs backwards: not when the
// machine's clock is set back, and not when a new leader's clock is behind the
// old one's. While it is ahead of the wall clock it runs at half the pace of the
// monotonic one: what is due comes late then, but it comes, and the wall clock
// catches up.
type Clock struct {
	last  api.Time
	wall  api.Time     // when it was asked last
	mono  api.Duration // then, too
	asked bool         // since the last Saw
}

// Saw tells the clock the time of a record in the journal.
func (c *Clock) Saw(t api.Time) { c.last, c.asked = max(c.last, t), false }

// Now gives the time of a record that is made now, and by how much the wall
// clock was set forward since Now was asked before, as far as that is known.
func (c *Clock) Now(wall api.Time, mono api.Duration) (now api.Time, jump api.Duration) {
	if c.asked {
		elapsed := mono - c.mono
		c.last = c.last.Add(elapsed / 2)
		jump = wall.Sub(c.wall) - elapsed
	}
	c.last, c.wall, c.mono, c.asked = max(c.last, wall), wall, mono, true
	return c.last, jump
}
