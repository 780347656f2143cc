package api

// Offset is an entry of the ledger: so much carbon, removed or avoided elsewhere, or a
// certificate of so much clean energy, known by its serial at the registry that issued
// it. Entries are never changed but to be sold or retired, once, and never leave.
type Offset struct {
	Serial  string `json:"serial" cbor:"1,keyasint"`
	Amount  Mass   `json:"amount,omitempty" cbor:"2,keyasint"`
	Vintage int32  `json:"vintage" cbor:"3,keyasint"` // the year that it was issued for
	Zone    string `json:"zone,omitempty" cbor:"4,keyasint,omitempty"`
	Price   *Money `json:"price,omitempty" cbor:"5,keyasint,omitempty"` // paid for all of it
	Kind    string `json:"kind,omitempty" cbor:"6,keyasint,omitempty"`  // "" is an offset, see Certificate
	Energy  Energy `json:"energy,omitempty" cbor:"7,keyasint,omitempty"`
}

// Certificate is the kind of an entry that is an energy attribute certificate, such as a
// guarantee of origin: it has an Energy and a Zone in place of an Amount. Retired, it
// counts the energy that sites of its zone used in the year of its vintage as emitting
// nothing, market-based.
const Certificate = "certificate"

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
	Net     Micrograms `json:"net"` // emitted + embodied − retired; at or below 0 the cell is neutral
	// Embodied is what of the making of nodes falls to those attempts, as far as nodes
	// declare it.
	Embodied Micrograms `json:"embodied"`
	// Certificates is how much energy they stand for.
	Certificates CertificateSums `json:"certificates"`
	// Unknown is energy that was used and of which the carbon is not known: Net is as
	// much too low.
	Unknown Microjoules  `json:"unknown"`
	Items   []OffsetView `json:"items"`
}

// CertificateSums adds up certificates by what became of them.
type CertificateSums struct {
	Held    Microjoules `json:"held"`
	Retired Microjoules `json:"retired"`
	Sold    Microjoules `json:"sold"`
}

// Limits of the ledger.
const (
	MaxOffsets     = 10_000
	MaxSerial      = 128
	MaxOffset      = Mass(1_000_000_000_000_000)       // of one entry: 1000 t
	MaxCertificate = Energy(3_600_000_000_000_000_000) // of one entry: 1 GWh
	maxOffsetNote  = 256
)

// Validate returns every fault of the offset.
func (o *Offset) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	if o.Serial == "" {
		c.fault("serial", "is missing; write the number that the registry gave it")
	}
	c.word("serial", o.Serial, MaxSerial)
	c.offsetAmount(o)
	within(&c, "vintage", o.Vintage, 1990, 2200)
	c.text("zone", o.Zone, 64)
	if o.Price != nil {
		c.price("price", o.Price)
	}
	return c.done()
}

func (c *checker) offsetAmount(o *Offset) {
	switch {
	case o.Kind == "":
		within(c, "amount", o.Amount, 1, MaxOffset)
		if o.Energy != 0 {
			c.fault("energy", "is of certificates; write kind: %s, or an amount of carbon only", Certificate)
		}
	case o.Kind != Certificate:
		c.fault("kind", "%s is neither %s nor left out, which is an offset", quote(o.Kind), Certificate)
	default:
		within(c, "energy", o.Energy, 1, MaxCertificate)
		if o.Amount != 0 {
			c.fault("amount", "is of offsets; a certificate stands for energy, such as 10 MWh")
		}
		if o.Zone == "" {
			c.fault("zone", "is missing; a certificate counts for sites of its zone, for example DE")
		}
	}
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
