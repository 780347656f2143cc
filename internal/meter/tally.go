package meter

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"drover.dev/api"
)

// tally makes energy of readings that come now and then: the growth of a counter, or
// power that holds until the next reading. Readings that cannot be true are left out,
// as are the times that no reading speaks for.
type tally struct {
	unit      unit
	stale     time.Duration // how long a reading holds
	low, high float64       // in µW, what can be true
	now       func() time.Time

	mu     sync.Mutex
	sum    api.Microjoules
	have   bool
	last   float64   // value in µJ or µW
	at     time.Time // when that was read, by our clock
	paid   time.Time // up to here power is counted
	grown  time.Time // when a counter was last seen to grow
	usual  float64   // mean logarithm of the powers that were taken
	taken  int
	fault  error
	missed bool // something is missing in the sum that Read did not tell yet
}

// Bounds of what a machine draws, as multiples of what it declares, or without that of
// its usual power: a unit that is wrong is off by a thousand.
const (
	farDeclared = 30
	farUsual    = 100
	learnt      = 10 // readings until the usual power is known
	leastWatts  = 0.05
	mostWatts   = 1e6
	micro       = 1e6
)

func newTally(u unit, stale time.Duration, p *api.PowerModel, now func() time.Time) *tally {
	t := &tally{unit: u, stale: stale, low: leastWatts * micro, high: mostWatts * micro, now: now}
	if p != nil && p.Full > 0 {
		t.low = max(t.low, float64(p.Idle)*1000/farDeclared)
		t.high = min(t.high, float64(p.Full)*1000*farDeclared)
	}
	t.fault = errors.New("it has said nothing yet")
	return t
}

// failed notes that a reading was asked for in vain.
func (t *tally) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = err
}

// take counts a reading in. What it says is wrong with it is also told by Read until a
// better one comes.
func (t *tally) take(value float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.now()
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 || value*t.unit.size > math.MaxInt64 {
		t.fault = fmt.Errorf("a reading of %g %s cannot be", value, t.unit.name)
	} else if t.unit.power {
		t.fault = t.takePower(value*t.unit.size, at)
	} else {
		t.fault = t.takeCount(value*t.unit.size, at)
	}
	t.missed = t.missed || t.fault != nil
}

func (t *tally) takePower(power float64, at time.Time) error {
	if err := t.judge(power); err != nil {
		return err
	}
	t.pay(at)
	t.learn(power)
	t.have, t.last, t.at, t.paid = true, power, at, at
	return nil
}

// pay counts the last power for the time since it was counted, as long as it holds.
func (t *tally) pay(upTo time.Time) {
	if !t.unit.power || !t.have {
		return
	}
	if ends := t.at.Add(t.stale); upTo.After(ends) {
		t.missed, upTo = true, ends
	}
	if span := upTo.Sub(t.paid); span > 0 {
		t.sum = plus(t.sum, t.last*span.Seconds())
		t.paid = upTo
	}
}

func (t *tally) takeCount(count float64, at time.Time) error {
	if !t.have {
		t.have, t.last, t.at, t.grown = true, count, at, at
		return nil
	}
	grown, span := count-t.last, at.Sub(t.at).Seconds()
	switch {
	case grown == 0 && at.Sub(t.grown) < t.stale:
		return nil // refreshed less often than it is asked for; the time stays open
	case grown == 0:
		return fmt.Errorf("it has stood still since %s, and a machine that runs draws power", t.grown.UTC().Format(time.RFC3339))
	}
	was := t.last
	t.last, t.at, t.grown = count, at, at
	if grown < 0 {
		return fmt.Errorf("it was set back from %g to %g %s: what was drawn meanwhile is not counted", was/t.unit.size, count/t.unit.size, t.unit.name)
	}
	power := grown / max(span, 1e-3)
	if err := t.judge(power); err != nil {
		return err
	}
	t.learn(power)
	t.sum = plus(t.sum, grown)
	return nil
}

// judge says why a power in µW cannot be that of the machine.
func (t *tally) judge(power float64) error {
	if power < t.low || power > t.high {
		return fmt.Errorf("%.4g W cannot be: between %.4g and %.4g W are expected. Is the unit %s right, and is it this machine's meter?", power/micro, t.low/micro, t.high/micro, t.unit.name)
	}
	if usual := math.Exp(t.usual); t.taken >= learnt && (power > usual*farUsual || power < usual/farUsual) {
		return fmt.Errorf("%.4g W cannot be beside the usual %.4g W: has the unit changed? It is taken for %s", power/micro, usual/micro, t.unit.name)
	}
	return nil
}

func (t *tally) learn(power float64) {
	const memory = 100
	t.taken = min(t.taken+1, memory)
	t.usual += (math.Log(power) - t.usual) / float64(t.taken)
}

// read is the energy so far, and what keeps the sum from being complete.
func (t *tally) read() (api.Microjoules, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.pay(now)
	missed := t.missed
	t.missed = false
	switch age := now.Sub(t.at); {
	case !t.have, age > t.stale && t.fault != nil:
		return t.sum, t.fault
	case age > t.stale:
		return t.sum, fmt.Errorf("its last reading is of %s: nothing is counted behind %s of it", t.at.UTC().Format(time.RFC3339), t.stale)
	case missed && t.fault != nil:
		return t.sum, t.fault
	case missed:
		return t.sum, fmt.Errorf("it said nothing for a while: what was drawn then is not counted")
	}
	return t.sum, nil
}
