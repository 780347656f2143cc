package state

import "drover.dev/api"

// Foresight is how much room tasks are expected to hold soon, and since when the cell
// knows that.
type Foresight struct {
	Said  DemandForeseen `cbor:"1,keyasint"`
	Since api.Time       `cbor:"2,keyasint"`
}

// DemandForeseen says how much cpu and memory the tasks of the cell are expected to hold,
// in all, at a quantile of a forecast.
type DemandForeseen struct {
	Quantile api.Milli `cbor:"1,keyasint"`
	Soon     Room      `cbor:"2,keyasint"`           // the most within the time that it takes to wake a node
	Later    Room      `cbor:"3,keyasint"`           // the most within the time for which one must sleep to be worth it
	Until    api.Time  `cbor:"4,keyasint"`           // up to when that was looked at
	Origin   api.Time  `cbor:"5,keyasint"`           // of the forecast
	Model    string    `cbor:"6,keyasint,omitempty"` // that made it
	Held     Room      `cbor:"7,keyasint"`           // what they held when that was said
}

// Room is cpu and memory.
type Room struct {
	CPU    api.Milli `cbor:"1,keyasint,omitempty"`
	Memory api.Bytes `cbor:"2,keyasint,omitempty"`
}

// Kind implements Event.
func (*DemandForeseen) Kind() Kind { return KindDemandForeseen }
