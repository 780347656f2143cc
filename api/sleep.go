package api

// Sleep says that a node can be switched off and on while nothing runs on it, and what
// that takes, as its operator declares. Of a node without it nobody asks that.
type Sleep struct {
	Draw int64    `json:"milliwatts" cbor:"1,keyasint,omitempty"` // while it sleeps
	Down Duration `json:"down" cbor:"2,keyasint,omitempty"`       // from the order until it sleeps, 0s to 1h
	Up   Duration `json:"up" cbor:"3,keyasint,omitempty"`         // from the order until it takes work, 0s to 1h
	// What these take; 0 is what the node draws idle for that long to fall asleep, and at
	// full load to wake.
	DownEnergy Microjoules `json:"downEnergy,omitempty" cbor:"4,keyasint,omitempty"`
	UpEnergy   Microjoules `json:"upEnergy,omitempty" cbor:"5,keyasint,omitempty"`
}

// MostSleep bounds the times of a Sleep, and MostSleepEnergy their energy: 100 kWh.
const (
	MostSleep       = Hour
	MostSleepEnergy = Microjoules(360_000_000_000_000)
)

// Waking is how long a node takes from the order until it takes work, within bounds.
func (s *Sleep) Waking() Duration { return min(max(s.Up, 0), MostSleep) }

// Rest says when the nodes of a site may be put to sleep.
type Rest struct {
	After Duration `json:"after" cbor:"1,keyasint,omitempty"` // that a node was idle, 1s to 30d; default 10m
	// Reserve is the part of the cpu and of the memory of the site's nodes that stays free
	// and awake for what may come, in thousandths; default 0.1.
	Reserve *Milli `json:"reserve,omitempty" cbor:"2,keyasint,omitempty"`
	// Move has running work leave nodes that hold little, so that they can sleep, where that
	// costs less than it saves, and nodes that hold, or are used for, more than they can carry.
	Move bool `json:"move,omitempty" cbor:"3,keyasint,omitempty"`
	// Ahead is the quantile of the forecast of what the cell's tasks will hold for which
	// room is awake in time, beside the reserve, 0.5 to 0.99; 0 looks at no forecast.
	Ahead Milli `json:"ahead,omitempty" cbor:"4,keyasint,omitempty"`
}

// What holds where a Rest says nothing.
const (
	DefaultRestAfter   = 10 * Minute
	DefaultRestReserve = Milli(100)
	mostRest           = 30 * Day
)

// Share is the reserve in thousandths.
func (r *Rest) Share() Milli {
	if r.Reserve == nil {
		return DefaultRestReserve
	}
	return min(max(*r.Reserve, 0), 1000)
}

// Idle is how long a node must have been idle.
func (r *Rest) Idle() Duration {
	if r.After <= 0 {
		return DefaultRestAfter
	}
	return min(r.After, mostRest)
}

func (c *checker) sleep(s *Sleep) {
	if s == nil {
		return
	}
	c.enter("sleep")
	defer c.leave()
	within(c, "milliwatts", s.Draw, 0, 1_000_000_000)
	within(c, "down", s.Down, 0, MostSleep)
	within(c, "up", s.Up, 0, MostSleep)
	within(c, "downEnergy", s.DownEnergy, 0, MostSleepEnergy)
	within(c, "upEnergy", s.UpEnergy, 0, MostSleepEnergy)
}

func (c *checker) rest(r *Rest) {
	if r == nil {
		return
	}
	c.enter("rest")
	defer c.leave()
	if r.After != 0 {
		within(c, "after", r.After, Second, mostRest)
	}
	if r.Reserve != nil {
		within(c, "reserve", *r.Reserve, 0, 1000)
	}
	if r.Ahead != 0 {
		within(c, "ahead", r.Ahead, MinQuantile, MaxQuantile)
	}
}
