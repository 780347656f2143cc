package api

// Offset is an entry of the ledger: so much carbon, removed or avoided elsewhere, known
// by its serial at the registry that issued it. Entries are never changed but to be sold
// or retired, once, and never leave.
type Offset struct {
	Serial  string `json:"serial" cbor:"1,keyasint"`
	Amount  Mass   `json:"amount" cbor:"2,keyasint"`
	Vintage int32  `json:"vintage" cbor:"3,keyasint"` // the year that it was issued for
	Zone    string `json:"zone,omitempty" cbor:"4,keyasint,omitempty"`
	Price   *Money `json:"price,omitempty" cbor:"5,keyasint,omitempty"` // paid for all of it
}

// What became of an offset.
const (
	OffsetHeld    = "held"    // bought, and not used
	OffsetRetired = "retired" // it counts against what was emitted
	OffsetSold    = "sold"
)

// OffsetDeed changes what became of an offset.
type OffsetDeed struct {
	To    string `json:"to" enum:"retired,sold"`
	Price *Money `json:"price,omitempty"` // got for all of it, when sold
	Note  string `json:"note,omitempty"`  // for whom or what, for people
}

// OffsetView shows an entry of the ledger.
type OffsetView struct {
	Offset
	Status   string `json:"status"`
	Bought   Time   `json:"bought"`
	Done     Time   `json:"done,omitempty"`     // when it was sold or retired
	Proceeds *Money `json:"proceeds,omitempty"` // what it was sold for
	Note     string `json:"note,omitempty"`
	By       string `json:"by,omitempty"` // the principal who bought it
}

// LedgerView is the carbon of the cell: net = emitted − retired, in µg.
type LedgerView struct {
	Emitted Micrograms `json:"emitted"` // by the finished attempts of all tenants
	Retired Micrograms `json:"retired"`
	Held    Micrograms `json:"held"` // bought, and neither sold nor retired
	Sold    Micrograms `json:"sold"`
	Net     Micrograms `json:"net"` // emitted − retired; at or below 0 the cell is neutral
	// Unknown is energy that was used and of which the carbon is not known: Net is as
	// much too low.
	Unknown Microjoules  `json:"unknown"`
	Items   []OffsetView `json:"items"`
}

// Limits of the ledger.
const (
	MaxOffsets    = 10_000
	MaxSerial     = 128
	MaxOffset     = Mass(1_000_000_000_000_000) // of one entry: 1000 t
	maxOffsetNote = 256
)

// Validate returns every fault of the offset.
func (o *Offset) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	if o.Serial == "" {
		c.fault("serial", "is missing; write the number that the registry gave it")
	}
	c.word("serial", o.Serial, MaxSerial)
	within(&c, "amount", o.Amount, 1, MaxOffset)
	within(&c, "vintage", o.Vintage, 1990, 2200)
	c.text("zone", o.Zone, 64)
	if o.Price != nil {
		c.price("price", o.Price)
	}
	return c.done()
}

// Validate returns every fault of the deed.
func (d *OffsetDeed) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	if d.To == "" {
		c.fault("to", "is missing; write retired or sold")
	}
	oneOf(&c, "to", d.To, OffsetRetired, OffsetSold)
	if d.Price != nil {
		c.price("price", d.Price)
		if d.To == OffsetRetired {
			c.fault("price", "is of what is sold")
		}
	}
	c.text("note", d.Note, maxOffsetNote)
	return c.done()
}
