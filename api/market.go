package api

// Embodied is what the making of a node, its way there and its end emit, and over which
// time that is spread.
type Embodied struct {
	Carbon   Mass     `json:"carbon" cbor:"1,keyasint"`
	Lifetime Duration `json:"lifetime" cbor:"2,keyasint"` // 30 to 3653 days
}

// Market is the emission factor of the energy that is bought for a site (GHG Protocol
// Scope 2 Guidance, 2015, table 6.3: the instruments in the order of their precision).
type Market struct {
	// Factor is the emission of a kWh: "0 g", "215 g".
	Factor Mass   `json:"perKWh" cbor:"1,keyasint"`
	Kind   string `json:"kind" cbor:"2,keyasint"`
	Source string `json:"source" cbor:"3,keyasint"` // who says so, for people: the contract, the supplier's label, the table and its year
}

// What a site's factor rests on.
const (
	MarketContract = "contract"     // of a power purchase agreement
	MarketSupplier = "supplier"     // what the supplier discloses for the product that is bought
	MarketResidual = "residual-mix" // what is left of the grid when all that was claimed is taken out
)

// Limits of what is embodied and of factors.
const (
	MaxEmbodied     = Mass(100_000_000_000_000) // of a node: 100 t
	MinLifetime     = 30 * Day
	MaxLifetime     = MaxDuration
	MaxMarketFactor = Mass(3_000_000_000) // of a kWh: 3 kg
	maxMarketSource = 200
)

func (c *checker) embodied(e *Embodied) {
	if e == nil {
		return
	}
	c.enter("embodied")
	defer c.leave()
	within(c, "carbon", e.Carbon, 1, MaxEmbodied)
	within(c, "lifetime", e.Lifetime, MinLifetime, MaxLifetime)
}

func (c *checker) market(m *Market) {
	if m == nil {
		return
	}
	c.enter("market")
	defer c.leave()
	within(c, "perKWh", m.Factor, 0, MaxMarketFactor)
	present(c, "kind", m.Kind, MarketContract)
	oneOf(c, "kind", m.Kind, MarketContract, MarketSupplier, MarketResidual)
	if m.Source == "" {
		c.fault("source", "is missing; say who declares the factor, for example: supplier's disclosure of 2025")
	}
	c.text("source", m.Source, maxMarketSource)
}
