package api

// Footprint is what a task takes, or took.
type Footprint struct {
	Energy Microjoules `json:"energy" cbor:"1,keyasint,omitempty"`
	// Carbon is Energy, less what is Generated, at the intensity of the site's zone; nil
	// when that is not known.
	Carbon *Micrograms `json:"carbon,omitempty" cbor:"2,keyasint,omitempty"`
	// Cost is Energy, less what is Generated, at the price of the site's tariff or zone, and
	// the node's price for the part of it that is held; nil when no price is known.
	Cost *Money `json:"cost,omitempty" cbor:"3,keyasint,omitempty"`
	// Spread is how far Carbon may be off to both sides, in four of five cases, by its
	// signal alone.
	Spread Micrograms `json:"carbonSpread,omitempty" cbor:"4,keyasint,omitempty"`
	// Basis is where Energy comes from: "measured", "modelled" or "assumed".
	Basis string `json:"basis,omitempty" cbor:"5,keyasint,omitempty"`
	// CarbonBasis is what Carbon rests on, where that is weaker than Basis: "modelled"
	// when the intensity of a part of the time was a forecast, or what is Generated in it,
	// "assumed" when the intensity was the usual one or a yearly mean.
	CarbonBasis string `json:"carbonBasis,omitempty" cbor:"6,keyasint,omitempty"`
	// Market is Energy, less what is Generated, at the factor that the site declares for
	// what it buys; nil where it declares none.
	Market *Micrograms `json:"market,omitempty" cbor:"7,keyasint,omitempty"`
	// Embodied is the part of what the node's making emitted that falls to the time and
	// the share of the node that was held: M = TE · TS · RS (ISO/IEC 21031:2024); nil
	// where the node does not declare it.
	Embodied *Micrograms `json:"embodied,omitempty" cbor:"8,keyasint,omitempty"`
	// Generated is what of Energy the site made itself, of an attempt that has ended: it
	// is not bought, and counts as emitting nothing.
	Generated Microjoules `json:"generated,omitempty" cbor:"9,keyasint,omitempty"`
}

// Bought is what of Energy the site did not make itself.
func (f *Footprint) Bought() Microjoules { return f.Energy - f.Generated }

// Generated is what an attempt took of the power that its site makes itself, by the hour
// of UTC.
type Generated struct {
	Site string `json:"site" cbor:"1,keyasint"`
	// Zone is that of the signal that says so, where it is not the site's name: sites of
	// one zone share what its signal says.
	Zone  string        `json:"zone,omitempty" cbor:"2,keyasint,omitempty"`
	From  Time          `json:"from" cbor:"3,keyasint"` // the begin of the first hour
	Hours []Microjoules `json:"hours" cbor:"4,keyasint"`
}

// MaxGeneratedHours is how many hours it has at most: those of which signals are kept, and
// the present one.
const MaxGeneratedHours = int(SignalPast/Hour) + 1

// Total is what it took in all hours.
func (g *Generated) Total() (sum Microjoules) {
	for _, uj := range g.Hours {
		sum = saturated(sum, uj)
	}
	return sum
}

// OldestGeneration is the begin of the first hour of which, at a moment, it is still
// counted what a site made itself.
func OldestGeneration(now Time) Time { return HourOf(now.Add(-SignalPast)) }

// HourOf is the begin of the hour of UTC that a moment is in.
func HourOf(t Time) Time {
	past := t % Time(Hour)
	if past < 0 {
		past += Time(Hour)
	}
	return t - past
}

// What an amount of energy rests on.
const (
	BasisMeasured = "measured" // by a meter, divided over those who used the node
	BasisModelled = "modelled" // by the node's declared power
	BasisAssumed  = "assumed"  // by the power of a usual core
)

// Option is a place and a time for a task, and what it would take there and then.
type Option struct {
	Node  string   `json:"node"`
	Site  string   `json:"site,omitempty"`
	Start Time     `json:"start"`
	Delay Duration `json:"delay,omitempty"` // against starting now
	Run   Duration `json:"run"`
	Footprint
	// CarbonPercent and CostPercent compare it with the first option: −38 is 38 % less.
	CarbonPercent *int32 `json:"carbonPercent,omitempty"`
	CostPercent   *int32 `json:"costPercent,omitempty"`
	Note          string `json:"note,omitempty"` // what of a signal is in doubt
}
