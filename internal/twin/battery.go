package twin

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// Battery is what the battery of a site did over a run. What was bought is what was given,
// what was lost, and by how much the cells hold more than at first, to the microjoule.
type Battery struct {
	Spec   api.Battery
	Bought api.Microjoules // at the meter
	Given  api.Microjoules // likewise
	Lost   api.Microjoules // on the way
	First  api.Microjoules // in the cells at the beginning
	Last   api.Microjoules // and at the end
	Needed []Need          // of its site, besides what that made itself, by steps of the price
}

// Need is what a site needed through a stretch of time with one price.
type Need struct {
	Seconds float64
	Price   float64 // a kWh
	Joules  float64
}

// store is a battery that does what it is asked, as far as it can.
type store struct {
	Battery
	setpoint api.Power
	tariff   cursor
	until    api.Time // when the price of the last Need ends
}

// newStore is the battery of a site; nil: it has none. It begins as was says, or else with
// its reserve, which is what a cell takes it to hold of which it knows nothing.
func newStore(site *api.Site, price *Signal, was *state.Stored, now api.Time) *store {
	if site.Battery == nil {
		return nil
	}
	s := &store{tariff: cursor{Signal: price}}
	s.Spec, s.Last = *site.Battery, site.Battery.Kept()
	if was != nil {
		s.Last, s.setpoint = engine.LevelAt(site.Battery, was, now), was.Obeyed()
	}
	s.First = s.Last
	return s
}

// pass is what the battery adds to what its site draws over a stretch of time, in J: what
// it buys, and what it gives, which is no more than the site needs then.
func (b *store) pass(d api.Duration, needs float64) (bought, given float64) {
	setpoint := b.setpoint
	if setpoint < 0 {
		setpoint = -min(-setpoint, api.Power(math.Floor(max(needs, 0)*1000)))
	}
	did := b.Spec.After(b.Last, setpoint, d)
	b.Bought, b.Given, b.Lost, b.Last = b.Bought+did.Bought, b.Given+did.Given, b.Lost+did.Lost, did.Level
	return float64(did.Bought) / 1e6, float64(did.Given) / 1e6
}

// note counts what the site needs besides what it makes, in W, up to a moment at which the
// price steps on at the latest.
func (b *store) note(from, to api.Time, watts float64) {
	seconds := to.Sub(from).Std().Seconds()
	if from >= b.until || len(b.Needed) == 0 {
		price, until := b.tariff.holds(from)
		b.until = until
		b.Needed = append(b.Needed, Need{Price: price})
	}
	n := &b.Needed[len(b.Needed)-1]
	n.Seconds += seconds
	n.Joules += float64(watts * seconds)
}

// stepsOn is when the price steps on.
func (b *store) stepsOn(now api.Time) api.Time {
	if now < b.until {
		return b.until
	}
	_, until := b.tariff.holds(now)
	return until
}

// near is how far a battery may be from what the cell takes it to hold without saying so,
// as a part of its capacity: 1/near.
const near = 1000

// charge has a battery do what the engine has decided. Where it holds another amount than
// the engine counts with, because its site drew less than the engine thought, it says so.
func (w *World) charge(ev *state.BatterySet) {
	order := uint64(0)
	if b := w.State().Batteries[ev.Site]; b != nil {
		order = b.Order
	}
	s := w.supplyOf(ev.Site)
	if s == nil || s.battery == nil {
		if ev.Setpoint != 0 {
			w.says(&engine.Battery{Site: ev.Site, Order: order, Failed: "nothing of the site is simulated"})
		}
		return
	}
	s.pass(w.now)
	b := s.battery
	b.setpoint = ev.Setpoint
	if off := b.Last - ev.Level; max(off, -off) > api.Microjoules(b.Spec.Capacity/near) {
		w.says(&engine.Battery{Site: ev.Site, Order: order, Told: true, Level: b.Last})
	}
}

// says tells the cell of a battery when all of this moment was decided.
func (w *World) says(in *engine.Battery) {
	if w.heard = append(w.heard, in); len(w.heard) == 1 {
		w.queue.push(event{at: w.now, kind: hears})
	}
}

func (w *World) supplyOf(site string) *supply {
	for _, s := range w.meter.sites {
		if s.Site == site {
			return s
		}
	}
	return nil
}
