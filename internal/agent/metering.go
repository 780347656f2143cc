package agent

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/driver"
	"drover.dev/internal/energy"
	"drover.dev/internal/meter"
)

// accountant divides what the node's meter counts over the attempts that run, so that
// their shares and the rest sum to the meter. nil divides nothing.
type accountant struct {
	mu       sync.Mutex
	meter    meter.Meter
	idle     int64                // what the node draws without load, in mW; 0 is not known
	capacity int64                // milli-CPU
	busy     func() time.Duration // CPU time of the whole machine so far
	now      func() time.Time
	log      *slog.Logger
	failed   bool // the meter, the last time

	at     time.Time // up to here all is divided
	count  api.Microjoules
	worked time.Duration
	shares map[api.Attempt]*energyShare
	rest   api.Microjoules // nobody's
}

// energyShare is what of the meter is an attempt's.
type energyShare struct {
	held   int64 // milli-CPU
	handle driver.Handle
	cpu    time.Duration // that it had used up to the last division
	sum    api.Microjoules
	span   time.Duration // that was divided
	missed time.Duration // of it, in which the meter failed
}

// whole tells whether the meter counted nearly all of an attempt's time. Of others the
// share says too little, and what they took is modelled.
func (s *energyShare) whole() bool { return s.missed <= s.span/20 }

// How often the meter is divided while attempts run, and how far apart divisions are at
// least: an attempt that begins and ends between two of them has no share.
const (
	divideEvery = 10 * time.Second
	divideLeast = 100 * time.Millisecond
)

func newAccountant(m meter.Meter, self *api.Node, busy func() time.Duration, log *slog.Logger) *accountant {
	if m == nil {
		return nil
	}
	a := &accountant{
		meter: m, capacity: int64(self.Capacity.CPU), busy: busy, now: time.Now, log: log, shares: map[api.Attempt]*energyShare{},
	}
	if self.Power != nil {
		a.idle = self.Power.Idle
	}
	a.at, a.worked = a.now(), busy()
	a.count, _ = m.Read() // an error will come again
	return a
}

// began counts an attempt in from now on.
func (a *accountant) began(id api.Attempt, held api.Milli, h driver.Handle) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.divide(divideLeast)
	a.shares[id] = &energyShare{held: int64(held), handle: h, cpu: usedBy(h, 0)}
}

// ended is the share of an attempt that has used so much CPU time in all; 0 when it had
// none, or the meter failed for too much of its time: then its share is nobody's.
func (a *accountant) ended(id api.Attempt, cpu time.Duration) api.Microjoules {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.shares[id]
	if s == nil {
		return 0
	}
	s.handle = finished(cpu)
	a.divide(divideLeast)
	delete(a.shares, id)
	if !s.whole() {
		a.rest += s.sum
		return 0
	}
	return s.sum
}

// tick divides now and then while attempts run.
func (a *accountant) tick() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.divide(divideEvery)
}

// divide gives everybody their part of what was counted since the last time, unless that
// is less than least ago.
func (a *accountant) divide(least time.Duration) {
	now := a.now()
	span := now.Sub(a.at)
	if span < least {
		return
	}
	count, err := a.meter.Read()
	if (err != nil) != a.failed {
		a.failed = err != nil
		a.log.Warn("the energy meter", "meter", a.meter.String(), "error", err)
	}
	worked := a.busy()
	ids := slices.SortedFunc(maps.Keys(a.shares), compareAttempts)
	uses := make([]energy.Use, len(ids))
	for i, id := range ids {
		s := a.shares[id]
		cpu := usedBy(s.handle, s.cpu)
		uses[i] = energy.Use{Held: s.held, Used: int64(cpu - s.cpu)}
		s.cpu = cpu
	}
	const milliwattNanoseconds = 1_000_000 // in a µJ
	idle := a.idle * (int64(span) / 1000) / (milliwattNanoseconds / 1000)
	shares, rest := energy.Attribute(int64(count-a.count), idle, a.capacity, int64(worked-a.worked), uses)
	for i, id := range ids {
		s := a.shares[id]
		s.sum, s.span = s.sum+api.Microjoules(shares[i]), s.span+span
		if err != nil {
			s.missed += span
		}
	}
	a.rest += api.Microjoules(rest)
	a.at, a.count, a.worked = now, count, worked
}

// usedBy is the CPU time of an attempt so far, never less than before.
func usedBy(h driver.Handle, before time.Duration) time.Duration {
	if m, ok := h.(gauge); ok {
		if u, err := m.Usage(); err == nil {
			return max(u.CPU, before)
		}
	}
	return before
}

// finished is the handle of an attempt that has ended: its CPU time stands.
type finishedHandle struct {
	driver.Handle
	cpu time.Duration
}

func finished(cpu time.Duration) driver.Handle { return finishedHandle{cpu: cpu} }

// Usage tells the CPU time.
func (f finishedHandle) Usage() (driver.Usage, error) { return driver.Usage{CPU: f.cpu}, nil }

// worked is the CPU time of the whole machine since it began.
func (u *use) worked() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	busy, _, _ := u.ticks()
	u.busy = busy
	return time.Duration(busy) * tick
}
