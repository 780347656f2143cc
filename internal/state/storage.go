package state

import (
	"fmt"

	"drover.dev/api"
)

// Stored is what is known of a site's battery, and what it is asked to do.
type Stored struct {
	Level    api.Microjoules `cbor:"1,keyasint"`            // in its cells at At
	At       api.Time        `cbor:"2,keyasint"`            // up to when it is counted
	Setpoint api.Power       `cbor:"3,keyasint,omitempty"`  // at the meter; above 0 it charges
	Order    uint64          `cbor:"4,keyasint"`            // counts the set-points, from 1
	Since    api.Time        `cbor:"5,keyasint"`            // of the order
	Until    api.Time        `cbor:"6,keyasint,omitempty"`  // when it is planned anew; 0: when there is news
	By       api.Dispatch    `cbor:"7,keyasint,omitempty"`  // what it follows
	Why      string          `cbor:"8,keyasint,omitempty"`  // in a phrase
	Idle     string          `cbor:"9,keyasint,omitempty"`  // why the order is not obeyed: the battery counts as doing nothing
	Told     api.Time        `cbor:"10,keyasint,omitempty"` // when its charge was last reported; 0: never, Level is modelled
	Load     api.Power       `cbor:"11,keyasint,omitempty"` // of its site when it was planned, own generation taken off
	Plain    bool            `cbor:"12,keyasint,omitempty"` // no strategy and no site asks for it any more
	// Usual is what its site draws in each hour of the day (UTC), an exponentially weighted
	// mean of what it drew when it was planned; −1 where nothing is known.
	Usual []api.Power `cbor:"13,keyasint,omitempty"`
	// Planned is when it was last planned anew, and not only kept to what its site draws.
	Planned api.Time `cbor:"14,keyasint,omitempty"`
}

// Obeyed is the set-point that counts: 0 when the order is not obeyed.
func (s *Stored) Obeyed() api.Power {
	if s.Idle != "" {
		return 0
	}
	return s.Setpoint
}

// BatterySet asks the battery of a site to charge or discharge, and says how full it is
// by what it was asked before.
type BatterySet struct {
	Site     string          `cbor:"1,keyasint"`
	Level    api.Microjoules `cbor:"2,keyasint,omitempty"`
	Setpoint api.Power       `cbor:"3,keyasint,omitempty"`
	Until    api.Time        `cbor:"4,keyasint,omitempty"`
	By       api.Dispatch    `cbor:"5,keyasint,omitempty"`
	Why      string          `cbor:"6,keyasint,omitempty"`
	Load     api.Power       `cbor:"7,keyasint,omitempty"`
	// Planned is when this was planned anew; else it only keeps to what the site draws.
	Planned bool `cbor:"8,keyasint,omitempty"`
	Plain   bool `cbor:"9,keyasint,omitempty"`
}

// BatteryReported says how full a battery is, by itself or by what it did not do.
type BatteryReported struct {
	Site  string          `cbor:"1,keyasint"`
	Level api.Microjoules `cbor:"2,keyasint,omitempty"`
	Told  bool            `cbor:"3,keyasint,omitempty"` // by itself
	Idle  string          `cbor:"4,keyasint,omitempty"` // why its order is not obeyed
	Anew  bool            `cbor:"5,keyasint,omitempty"` // that is so far from what was modelled that it is planned anew
}

// BatteryForgotten says that a battery has stopped that nobody asks for any more.
type BatteryForgotten struct {
	Site string `cbor:"1,keyasint"`
}

// Kind implements Event.
func (*BatterySet) Kind() Kind { return KindBatterySet }

// Kind implements Event.
func (*BatteryReported) Kind() Kind { return KindBatteryReported }

// Kind implements Event.
func (*BatteryForgotten) Kind() Kind { return KindBatteryForgotten }

func (s *State) applyStorage(ev Event) (mine bool, err error) {
	switch e := ev.(type) {
	case *BatterySet:
		s.setBattery(e)
	case *BatteryReported:
		return true, s.reportBattery(e)
	case *BatteryForgotten:
		delete(s.Batteries, e.Site)
	default:
		return false, nil
	}
	return true, nil
}

func (s *State) setBattery(e *BatterySet) {
	n := Stored{
		Level: e.Level, At: s.Now, Setpoint: e.Setpoint, Order: 1, Since: s.Now, Until: e.Until, By: e.By, Why: e.Why, Load: e.Load, Plain: e.Plain,
	}
	if old := s.Batteries[e.Site]; old != nil {
		n.Order, n.Told, n.Usual, n.Planned = old.Order+1, old.Told, old.Usual, old.Planned
		if old.Setpoint == e.Setpoint { // nothing else is asked of it
			n.Order, n.Since, n.Idle = old.Order, old.Since, old.Idle
		}
	}
	if e.Planned {
		n.Usual, n.Planned = usualDraw(n.Usual, s.Now, e.Load), s.Now
	}
	s.Batteries[e.Site] = &n
}

// drawWeight is how much a draw counts in the mean of its hour: 1/drawWeight.
const drawWeight = 4

// usualDraw takes a draw into the means by the hour.
func usualDraw(means []api.Power, now api.Time, draw api.Power) []api.Power {
	out := make([]api.Power, 24)
	for i := range out {
		if out[i] = -1; i < len(means) {
			out[i] = means[i]
		}
	}
	at := &out[HourOf(now)]
	if *at < 0 {
		*at = draw
	}
	*at += (draw - *at) / drawWeight
	return out
}

// HourOf is the hour of the day of a moment, in UTC.
func HourOf(t api.Time) int { return int(max(t, 0) / api.Time(api.Hour) % 24) }

func (s *State) reportBattery(e *BatteryReported) error {
	old := s.Batteries[e.Site]
	if old == nil {
		return fmt.Errorf("report of the battery of site %q: nothing was asked of it", e.Site)
	}
	n := *old
	n.Level, n.At, n.Idle = e.Level, s.Now, e.Idle
	if e.Told {
		n.Told = s.Now
	}
	if e.Anew && !n.Plain {
		n.Until = s.Now
	}
	s.Batteries[e.Site] = &n
	return nil
}

// unsettle has batteries planned anew whose plans what was heard may change: of one site,
// or of all that hear of a zone.
func (s *State) unsettle(site, zone string) {
	for name, old := range s.Batteries { // order-free: each for itself
		at := s.Sites[name]
		if old.Plain || name != site && (at == nil || zone == "" || at.Zone != zone && at.Tariff != zone && name != zone) {
			continue
		}
		n := *old
		n.Until = s.Now
		s.Batteries[name] = &n
	}
}

// SortedBatteries returns the sites of all batteries in order.
func (s *State) SortedBatteries() []string { return sortedKeys(s.Batteries) }
