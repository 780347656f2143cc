package api

// SignalKind is what a signal tells, and thereby the unit of its values.
type SignalKind string

// The kinds of signals.
const (
	SignalCarbon      SignalKind = "carbon"      // intensity of a grid, in mg CO2e/kWh
	SignalPrice       SignalKind = "price"       // of energy, in millionths of a currency unit a kWh; may be negative
	SignalTemperature SignalKind = "temperature" // outside, in thousandths of a degree Celsius
	SignalGeneration  SignalKind = "generation"  // on site, in mW
)

// SignalKinds lists them all.
func SignalKinds() []SignalKind {
	return []SignalKind{SignalCarbon, SignalPrice, SignalTemperature, SignalGeneration}
}

// Limits of signals.
const (
	MaxSignals      = 256       // that a cell keeps
	MaxSignalValues = 2048      // of one signal: a week of five-minute steps
	MinSignalStep   = Minute    // and MaxSignalStep at most
	MaxSignalStep   = Day       //
	SignalPast      = 48 * Hour // how long values that have passed are kept
	MaxSignalAhead  = 8 * Day   // how far they may reach into the future
)

// SignalMost bounds the values of a kind from both sides: what lies beyond is no
// such thing in the unit of that kind.
func SignalMost(k SignalKind) (least, most int64) {
	switch k {
	case SignalCarbon:
		return 0, 3_000_000
	case SignalPrice:
		return -1_000_000_000_000, 1_000_000_000_000
	case SignalTemperature:
		return -100_000, 100_000
	}
	return 0, 1_000_000_000_000_000
}

// Signal is what is known of a time series from outside over a stretch of time: what
// was measured or published, then what is forecast, on a grid of equal steps without
// gaps. A cell keeps one for each kind and zone; an update replaces what it covers.
type Signal struct {
	Kind     SignalKind `json:"kind" cbor:"1,keyasint"`
	Zone     string     `json:"zone" cbor:"2,keyasint"`                         // as sites name it, for example "DE"; of a tariff its name
	Currency string     `json:"currency,omitempty" cbor:"3,keyasint,omitempty"` // of a price, ISO 4217
	Start    Time       `json:"start,omitempty" cbor:"4,keyasint,omitempty"`    // of the first value
	Step     Duration   `json:"step,omitempty" cbor:"5,keyasint,omitempty"`     // each value holds so long
	Values   []int64    `json:"values,omitempty" cbor:"6,keyasint,omitempty"`
	Known    int32      `json:"known,omitempty" cbor:"7,keyasint,omitempty"` // how many of the first values are no forecasts
	// Spread is how far the truth may lie from each forecast value, to both sides, in
	// four of five cases.
	Spread []int64 `json:"spread,omitempty" cbor:"8,keyasint,omitempty"`
	// Usual is assumed where there is no value, give or take UsualSpread.
	Usual       int64  `json:"usual,omitempty" cbor:"9,keyasint,omitempty"`
	UsualSpread int64  `json:"usualSpread,omitempty" cbor:"10,keyasint,omitempty"`
	Origin      string `json:"origin,omitempty" cbor:"11,keyasint,omitempty"` // who said so
	Issued      Time   `json:"issued,omitempty" cbor:"12,keyasint,omitempty"` // when
	// Fault is why nothing newer is used, since FaultSince. An update that is only a
	// fault leaves the values as they are.
	Fault      string `json:"fault,omitempty" cbor:"13,keyasint,omitempty"`
	FaultSince Time   `json:"faultSince,omitempty" cbor:"14,keyasint,omitempty"`
	// Accepted is from when on an operator takes what the source says to be true, however
	// far it is from what was known before, and AcceptedFor why. An update that is only
	// this leaves the values as they are, and ends a fault.
	Accepted    Time   `json:"accepted,omitempty" cbor:"15,keyasint,omitempty"`
	AcceptedFor string `json:"acceptedFor,omitempty" cbor:"16,keyasint,omitempty"`
}

// Key names a signal in its cell: kind and zone.
func (s *Signal) Key() string { return SignalKey(s.Kind, s.Zone) }

// SignalKey is the Key of a kind and a zone.
func SignalKey(k SignalKind, zone string) string { return string(k) + "/" + zone }

// End is the moment at which its last value ends; Start when it has none.
func (s *Signal) End() Time { return s.Start.Add(Duration(len(s.Values)) * s.Step) }

// KnownUntil is the moment up to which its values are no forecasts.
func (s *Signal) KnownUntil() Time { return s.Start.Add(Duration(s.Known) * s.Step) }

// At is the value at a moment and its spread. Where there is no value it is the usual
// one, and without that the nearest.
func (s *Signal) At(t Time) (value, spread int64) {
	n := len(s.Values)
	if i := s.position(t); i >= 0 && i < n {
		return s.Values[i], s.spreadAt(i)
	}
	if n == 0 || s.Usual != 0 || s.UsualSpread != 0 {
		return s.Usual, s.UsualSpread
	}
	if t < s.Start {
		return s.Values[0], s.spreadAt(0)
	}
	return s.Values[n-1], s.spreadAt(n - 1)
}

// position is the number of the value that holds at a moment, -1 before the first.
func (s *Signal) position(t Time) int {
	if s.Step <= 0 || t < s.Start {
		return -1
	}
	return int(t.Sub(s.Start) / s.Step)
}

func (s *Signal) spreadAt(i int) int64 {
	if i -= int(s.Known); i >= 0 && i < len(s.Spread) {
		return s.Spread[i]
	}
	return 0
}

// Validate returns every fault of a signal as it is put into a cell.
func (s *Signal) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	present(&c, "kind", s.Kind, string(SignalCarbon))
	oneOf(&c, "kind", s.Kind, SignalKinds()...)
	if !ValidZone(s.Zone) {
		c.fault("zone", "%s is not the name of a zone: use letters, digits, '-', '_' and '.', at most 64 of them, for example DE-LU", quote(s.Zone))
	}
	switch {
	case s.Kind == SignalPrice && !validCurrency(s.Currency):
		c.fault("currency", "%s is not a currency; write an ISO 4217 code such as EUR", quote(s.Currency))
	case s.Kind != SignalPrice && s.Currency != "":
		c.fault("currency", "only a price has one")
	}
	c.text("origin", s.Origin, 128)
	c.text("fault", s.Fault, 256)
	c.text("acceptedFor", s.AcceptedFor, 256)
	within(&c, "accepted", s.Accepted, 0, maxSignalTime)
	s.checkValues(&c)
	return c.done()
}

func (s *Signal) checkValues(c *checker) {
	n := len(s.Values)
	if n == 0 && s.Usual == 0 && s.UsualSpread == 0 && s.Fault == "" && s.Accepted == 0 {
		c.fault("values", "is missing; write at least one, or a usual value")
	}
	if c.atMost("values", n, MaxSignalValues); n > MaxSignalValues {
		return
	}
	if n > 0 {
		within(c, "step", s.Step, MinSignalStep, MaxSignalStep)
		if s.Step%Minute != 0 {
			c.fault("step", "%s is no whole number of minutes", s.Step)
		}
		if s.Start <= 0 || s.Start > maxSignalTime || s.Step > 0 && Duration(s.Start)%s.Step != 0 {
			c.fault("start", "the first value does not begin at a whole step")
		}
	}
	within(c, "known", s.Known, 0, int32(n))
	if len(s.Spread) > 0 && len(s.Spread) != n-int(s.Known) {
		c.fault("spread", "has %d entries for %d forecast values", len(s.Spread), n-int(s.Known))
	}
	least, most := SignalMost(s.Kind)
	for i, v := range s.Values {
		if v < least || v > most {
			c.faultAt("values", i, "%d is no %s: it lies from %d to %d", v, s.Kind, least, most)
			break
		}
	}
	for i, v := range s.Spread {
		if v < 0 || v > most {
			c.faultAt("spread", i, "%d is out of range", v)
			break
		}
	}
	within(c, "usual", s.Usual, least, most)
	within(c, "usualSpread", s.UsualSpread, 0, most)
}

// maxSignalTime keeps sums of times and steps in range: the year 2200.
const maxSignalTime Time = 7_258_118_400e9

// ValidZone reports whether a text names a zone: 1 to 64 letters, digits, '-', '_'
// and '.'.
func ValidZone(zone string) bool {
	if zone == "" || len(zone) > 64 || zone == "." || zone == ".." {
		return false
	}
	for i := range len(zone) {
		b := zone[i]
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '.') {
			return false
		}
	}
	return true
}

// Merge is what is known after an update: what it covers is replaced, what lies
// before and behind stays, and what passed long ago is dropped. An update on another
// grid, or one that leaves a hole, replaces everything.
func (s *Signal) Merge(update *Signal, now Time) *Signal {
	out := *update
	if len(update.Values) == 0 {
		out.Start, out.Step, out.Values, out.Known, out.Spread = s.Start, s.Step, s.Values, s.Known, s.Spread
		if update.Fault != "" || update.Accepted != 0 {
			out.Issued, out.Origin, out.Currency = s.Issued, s.Origin, s.Currency
		}
	}
	if update.Usual == 0 && update.UsualSpread == 0 {
		out.Usual, out.UsualSpread = s.Usual, s.UsualSpread
	}
	if update.Accepted == 0 {
		out.Accepted, out.AcceptedFor = s.Accepted, s.AcceptedFor
	}
	if len(update.Values) > 0 && s.continues(update) {
		out.join(s, update)
	}
	out.trim(now)
	return &out
}

// continues reports whether an update is on the same grid and leaves no hole.
func (s *Signal) continues(u *Signal) bool {
	return len(s.Values) > 0 && s.Step == u.Step && s.Currency == u.Currency &&
		u.Start <= s.End() && s.Start <= u.End() && u.Start.Sub(s.Start)%s.Step == 0
}

// join lays an update over what was known before. What was measured is not replaced
// by a forecast.
func (s *Signal) join(old, u *Signal) {
	start, end := min(old.Start, u.Start), max(old.End(), u.End())
	n := int(end.Sub(start) / u.Step)
	s.Start, s.Values = start, make([]int64, n)
	spread, known := make([]int64, n), int32(0)
	for _, part := range [...]*Signal{old, u} {
		at := int32(part.Start.Sub(start) / u.Step)
		for i, v := range part.Values {
			on := at + int32(i)
			if from := int32(old.Start.Sub(start) / u.Step); part == old || int32(i) < part.Known || on < from || on >= from+old.Known {
				s.Values[on], spread[on] = v, part.spreadAt(i)
			}
		}
		if part.Known > 0 {
			known = max(known, at+part.Known)
		}
	}
	s.Known, s.Spread = known, spread[known:]
}

// trim drops values that passed long ago, then those that are too many.
func (s *Signal) trim(now Time) {
	drop := 0
	for drop < len(s.Values) && s.Start.Add(Duration(drop+1)*s.Step) <= now.Add(-SignalPast) {
		drop++
	}
	if drop == len(s.Values) && drop > 0 {
		drop-- // the last is better than none
	}
	drop = max(drop, len(s.Values)-2*MaxSignalValues)
	s.Start, s.Values = s.Start.Add(Duration(drop)*s.Step), append([]int64(nil), s.Values[drop:]...)
	lost := max(0, drop-int(s.Known)) // of the spreads
	s.Known = max(0, s.Known-int32(drop))
	s.Spread = append([]int64(nil), s.Spread[min(lost, len(s.Spread)):]...)
}

// SignalList is what a cell knows of each signal.
type SignalList struct {
	Items []SignalView `json:"items"`
}

// SignalView shows a signal at a moment, in the unit of its kind.
type SignalView struct {
	Kind       SignalKind `json:"kind"`
	Zone       string     `json:"zone"`
	Currency   string     `json:"currency,omitempty"`
	Step       Duration   `json:"step,omitempty"`
	Now        int64      `json:"now"`    // the value that holds
	Spread     int64      `json:"spread"` // to both sides, in four of five cases
	Next       []int64    `json:"next"`   // 24 values, one an hour, from now on
	Usual      int64      `json:"usual"`
	KnownUntil Time       `json:"knownUntil,omitempty"` // values that begin later are forecasts
	End        Time       `json:"end,omitempty"`        // behind it the usual value is assumed
	Origin     string     `json:"origin,omitempty"`
	Issued     Time       `json:"issued,omitempty"`
	Fault      string     `json:"fault,omitempty"`
	FaultSince Time       `json:"faultSince,omitempty"`
}

// Mean is the mean value over a stretch of time, and the mean spread; at one moment
// when the stretch is shorter than a minute. Where there is no value the usual one
// counts.
func (s *Signal) Mean(from, to Time) (value, spread int64) {
	to = min(to, from.Add(MaxDuration)) // so that sums stay in range
	if to.Sub(from) < Minute {
		return s.At(from)
	}
	var sum, spreads, minutes int64
	for t := from; t < to; {
		next := to
		if i := s.position(t); len(s.Values) > 0 && i < len(s.Values) {
			next = min(to, s.Start.Add(Duration(i+1)*s.Step))
		}
		m := max(int64(next.Sub(t)/Minute), 1)
		v, d := s.At(t)
		sum, spreads, minutes = sum+v*m, spreads+d*m, minutes+m
		t = next
	}
	return sum / minutes, spreads / minutes
}
