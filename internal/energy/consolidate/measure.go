package consolidate

// Result is what a day cost and how well it served. The measures of service are
// fractions, defined in the paper: SLATAH is the share of their time in which
// active hosts gave less CPU than was asked for, PDM the share of the CPU asked for
// that VMs did not get while they were moved, and SLAV their product.
type Result struct {
	EnergyKWh  float64
	Migrations int
	SLAV       float64
	PDM        float64
	SLATAH     float64
	// Unserved is the share of the CPU asked for that VMs did not get for any reason:
	// by how much work was slowed down.
	Unserved  float64
	Shutdowns int
	// Watts is the mean power by interval.
	Watts []float64
}

// books sum up what the entries of hosts and VMs say.
type books struct {
	joules        float64
	by            []float64 // joules by interval
	migrations    int
	active, short float64 // seconds of hosts
	asked, got    float64 // MIPS·s of VMs
	lost          float64 // of what was asked, to migration
	shutdowns     int
}

// enterHost puts an entry behind the last one. One of the same time replaces it.
func (s *sim) enterHost(h *host, e hostEntry) {
	if h.last.some && h.last.at < e.at {
		s.books.host(h.last, e.at-h.last.at)
		s.switched(h)
	}
	h.last = e
}

// switched counts a shutdown when an entry is final and follows an active one. A
// host counts as having been active before its first entry.
func (s *sim) switched(h *host) {
	if !h.last.active && !h.off {
		s.books.shutdowns++
	}
	h.off = !h.last.active
}

func (b *books) host(e hostEntry, seconds float64) {
	if !e.active {
		return
	}
	b.active += seconds
	if e.got < e.asked {
		b.short += seconds
	}
}

func (s *sim) enterVM(v *vm, e vmEntry) {
	if v.last.some && v.last.at < e.at {
		seconds := e.at - v.last.at
		s.books.asked += v.last.asked * seconds
		s.books.got += min(v.last.got, v.last.asked) * seconds
		if v.last.moving && v.last.got < v.last.asked {
			s.books.lost += (v.last.asked - v.last.got) * seconds
		}
	}
	v.last = e
}

// during enters energy into the interval in which its time began.
func (b *books) during(interval int, joules float64) {
	for len(b.by) <= interval {
		b.by = append(b.by, 0)
	}
	b.by[interval] += joules
}

func (s *sim) result() Result {
	for i := range s.hosts {
		if s.hosts[i].last.some {
			s.switched(&s.hosts[i])
		}
	}
	b := &s.books
	r := Result{EnergyKWh: b.joules / 3.6e6, Migrations: b.migrations, Shutdowns: b.shutdowns}
	for _, j := range b.by {
		r.Watts = append(r.Watts, j/s.setup.Interval)
	}
	if b.active > 0 {
		r.SLATAH = b.short / b.active
	}
	if b.asked > 0 {
		r.PDM, r.Unserved = b.lost/b.asked, 1-b.got/b.asked
	}
	r.SLAV = r.SLATAH * r.PDM
	return r
}
