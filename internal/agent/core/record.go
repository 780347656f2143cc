package core

import (
	"slices"

	"drover.dev/api"
)

// Record is what one Step changed that a restarted agent must know. Its parts
// apply in the order of the fields.
type Record struct {
	Epoch   uint64        `cbor:"1,keyasint,omitempty"` // highest seen
	Lease   *LeaseMark    `cbor:"2,keyasint,omitempty"`
	Starts  []StartMark   `cbor:"3,keyasint,omitempty"`
	Acked   []Mark        `cbor:"4,keyasint,omitempty"`
	Reports []api.Report  `cbor:"5,keyasint,omitempty"`
	Forgot  []api.Attempt `cbor:"6,keyasint,omitempty"`
	Holds   []HoldMark    `cbor:"7,keyasint,omitempty"`
}

// StartMark says that the attempt is about to be started: from here on it is
// adopted or lost, never started again.
type StartMark struct {
	Assignment api.Assignment `cbor:"1,keyasint"`
	Ports      []api.Port     `cbor:"2,keyasint,omitempty"`
	At         api.Duration   `cbor:"3,keyasint,omitempty"` // since Boot
	Boot       string         `cbor:"4,keyasint,omitempty"`
	Fetch      api.Duration   `cbor:"5,keyasint,omitempty"`
	BytesIn    api.Bytes      `cbor:"6,keyasint,omitempty"`
}

// Mark says that reports up to N stand in the server's journal.
type Mark struct {
	Attempt api.Attempt `cbor:"1,keyasint"`
	N       uint32      `cbor:"2,keyasint,omitempty"`
}

// LeaseMark says until when tasks marked atMostOnce may run.
type LeaseMark struct {
	Until api.Duration `cbor:"1,keyasint,omitempty"` // since Boot
	Boot  string       `cbor:"2,keyasint,omitempty"`
}

// Empty tells whether there is nothing to write.
func (r *Record) Empty() bool {
	return r.Epoch == 0 && r.Lease == nil && len(r.Starts)+len(r.Acked)+len(r.Reports)+len(r.Forgot)+len(r.Holds) == 0
}

// Replay applies a record of an earlier life, before the first Step.
func (c *Core) Replay(r *Record) {
	c.link.epoch = max(c.link.epoch, r.Epoch)
	if r.Lease != nil && r.Lease.Boot == c.cfg.Boot {
		c.lease.until = r.Lease.Until
	}
	for i := range r.Starts {
		c.replayStart(&r.Starts[i])
	}
	for i := range r.Holds {
		c.replayHold(&r.Holds[i])
	}
	for _, m := range r.Acked {
		c.replayAcked(m)
	}
	for i := range r.Reports {
		c.replayReport(&r.Reports[i])
	}
	for _, id := range r.Forgot {
		if a, ok := c.attempts[id]; ok {
			a.reports = nil
			c.drop(a)
		}
	}
}

func (c *Core) replayStart(s *StartMark) {
	a := c.recall(s.Assignment.Attempt)
	a.Assignment, a.ports, a.fetch, a.bytesIn = s.Assignment, s.Ports, s.Fetch, s.BytesIn
	a.phase, a.recorded = phaseAdopting, true
	if s.Boot == c.cfg.Boot {
		a.since = s.At
	}
}

func (c *Core) replayAcked(m Mark) {
	a := c.recall(m.Attempt)
	a.acked(m.N)
	a.n = max(a.n, m.N)
}

func (c *Core) replayReport(r *api.Report) {
	a := c.recall(r.Attempt)
	kept := *r
	tidy(&kept)
	a.reports = append(a.reports, kept)
	a.n = max(a.n, r.N)
	if r.Kind == api.ReportEnded {
		a.phase, a.hold = phaseEnded, hold{}
	}
}

// recall returns the attempt. One whose start is not in the records has ended:
// it never ran, or only what the server needs to hear of it was kept.
func (c *Core) recall(id api.Attempt) *attempt {
	if a, ok := c.attempts[id]; ok {
		return a
	}
	a := c.add(api.Assignment{Attempt: id})
	a.phase, a.dir = phaseEnded, true
	return a
}

// resume counts what was replayed and begins to adopt what may be running.
func (c *Core) resume() {
	c.active, c.outbox = 0, nil
	for a := c.list.first; a != nil; a = a.next {
		if a.queued = len(a.reports) > 0; a.queued {
			c.outbox = append(c.outbox, a)
		}
		if a.phase == phaseEnded {
			a.free()
			continue
		}
		c.active++
		if a.once() {
			c.lease.held++
		}
		a.dir, a.busy = true, true
		c.do(Adopt{Assignment: a.Assignment, Ports: a.ports})
	}
}

// Snapshot returns records that recreate the present state, for compaction. It
// includes what the last Step's Record says.
func (c *Core) Snapshot() []Record {
	out := []Record{{Epoch: c.link.epoch}}
	if c.lease.until > 0 {
		out[0].Lease = &LeaseMark{Until: c.lease.until, Boot: c.cfg.Boot}
	}
	for a := c.list.first; a != nil; a = a.next {
		if r := a.snapshot(c.cfg.Boot); !r.Empty() {
			out = append(out, r)
		}
	}
	return out
}

func (a *attempt) snapshot(boot string) Record {
	r := Record{Reports: slices.Clone(a.reports)} // ours shrinks in place
	ended := a.phase == phaseEnded
	if a.recorded && !ended {
		r.Starts = []StartMark{{Assignment: a.Assignment, Ports: a.ports, At: a.since, Boot: boot, Fetch: a.fetch, BytesIn: a.bytesIn}}
	}
	if h := &a.hold; (h.still || h.stood > 0) && !ended {
		r.Holds = []HoldMark{{Attempt: a.Attempt, Still: h.still, Stood: h.stood, Since: h.since}}
	}
	acked := a.n - uint32(len(a.reports))
	if acked > 0 {
		r.Acked = []Mark{{Attempt: a.Attempt, N: acked}}
	}
	return r
}
