package state

import (
	"math"
	"slices"
	"strings"

	"drover.dev/api"
)

// MaxBooks bounds the tenants of which a book is kept; the others share one under "".
const MaxBooks = 1000

// Book is what the finished attempts of a tenant took since the cell began to count.
// Energy is apart by what it rests on.
type Book struct {
	Attempts uint64          `cbor:"1,keyasint"`
	Measured api.Microjoules `cbor:"2,keyasint,omitempty"`
	Modelled api.Microjoules `cbor:"3,keyasint,omitempty"`
	Assumed  api.Microjoules `cbor:"4,keyasint,omitempty"`
	Carbon   api.Micrograms  `cbor:"5,keyasint,omitempty"`
	Unknown  api.Microjoules `cbor:"6,keyasint,omitempty"` // energy of which the carbon is not known
	Costs    []api.Money     `cbor:"7,keyasint,omitempty"` // by currency

	// Carbon by what it rests on; what is neither is assumed.
	CarbonMeasured api.Micrograms `cbor:"8,keyasint,omitempty"`
	CarbonModelled api.Micrograms `cbor:"9,keyasint,omitempty"`

	// Energy at a factor that its site declares, its carbon by that factor, and by the
	// grid's: market-based is Carbon − Replaced + Contract.
	Contracted api.Microjoules `cbor:"10,keyasint,omitempty"`
	Contract   api.Micrograms  `cbor:"11,keyasint,omitempty"`
	Replaced   api.Micrograms  `cbor:"12,keyasint,omitempty"`
	// Disclosed is energy at such a factor of which the grid's carbon is not known.
	Disclosed api.Microjoules `cbor:"13,keyasint,omitempty"`

	Embodied  api.Micrograms `cbor:"14,keyasint,omitempty"`
	Declared  uint64         `cbor:"15,keyasint,omitempty"` // attempts on nodes that declare what is embodied
	Succeeded uint64         `cbor:"16,keyasint,omitempty"` // attempts by which a task succeeded
	Runs      uint64         `cbor:"17,keyasint,omitempty"` // jobs that succeeded, of tenants and workloads

	// Generated is what of all energy the sites made themselves; Unknown, Contracted and
	// Disclosed are of the rest.
	Generated api.Microjoules `cbor:"18,keyasint,omitempty"`
}

// enter books what an attempt took that ends now, on its element, its tenant, its
// budgets and the accounts.
func (s *State) enter(w *Workload, t *Task, e *TaskEnded) {
	took, succeeded := e.Took, e.Next == api.TaskSucceeded
	if took == nil {
		return
	}
	t.Took = sumOf(t.Took, took)
	s.spend(w.Spec.Tenant, took)
	bookIn(s.Books, w.Spec.Tenant, MaxBooks).add(took, succeeded)
	s.account(w, s.siteOf(t, e), took, succeeded)
	s.give(e.Generated)
}

// siteOf is where an attempt is booked: at the site whose power it took, which it may tell
// of after its element was placed elsewhere, or that of its element's node.
func (s *State) siteOf(t *Task, e *TaskEnded) string {
	if e.Site != "" {
		return e.Site
	}
	if e.Generated != nil {
		return e.Generated.Site
	}
	if n := s.Nodes[t.Node]; n != nil {
		return n.Site
	}
	return ""
}

// bookOf is the name under which what a tenant takes is booked.
func (s *State) bookOf(tenant string) string {
	if s.Books[tenant] == nil && len(s.Books) >= MaxBooks {
		return ""
	}
	return tenant
}

func (b *Book) add(f *api.Footprint, succeeded bool) {
	b.Attempts++
	if succeeded {
		b.Succeeded++
	}
	b.addEnergy(f)
	b.addCarbon(f)
	if f.Cost != nil {
		b.pay(*f.Cost)
	}
}

func (b *Book) addEnergy(f *api.Footprint) {
	switch f.Basis {
	case api.BasisMeasured:
		b.Measured = saturate(b.Measured, f.Energy)
	case api.BasisModelled:
		b.Modelled = saturate(b.Modelled, f.Energy)
	default:
		b.Assumed = saturate(b.Assumed, f.Energy)
	}
	b.Generated = saturate(b.Generated, f.Generated)
	if f.Carbon == nil {
		b.Unknown = saturate(b.Unknown, f.Bought())
	}
}

func (b *Book) addCarbon(f *api.Footprint) {
	grid := api.Micrograms(0)
	if f.Carbon != nil {
		grid = *f.Carbon
	}
	b.Carbon = saturate(b.Carbon, grid)
	switch basis := f.CarbonBasis; {
	case basis == "" && f.Basis == api.BasisMeasured:
		b.CarbonMeasured = saturate(b.CarbonMeasured, grid)
	case basis == "" && f.Basis == api.BasisModelled, basis == api.BasisModelled:
		b.CarbonModelled = saturate(b.CarbonModelled, grid)
	}
	if f.Market != nil {
		b.Contracted, b.Contract = saturate(b.Contracted, f.Bought()), saturate(b.Contract, *f.Market)
		b.Replaced = saturate(b.Replaced, grid)
		if f.Carbon == nil {
			b.Disclosed = saturate(b.Disclosed, f.Bought())
		}
	}
	if f.Embodied != nil {
		b.Embodied = saturate(b.Embodied, *f.Embodied)
		b.Declared++
	}
}

func (b *Book) pay(m api.Money) {
	at, known := slices.BinarySearchFunc(b.Costs, m.Currency, func(m api.Money, c string) int { return strings.Compare(m.Currency, c) })
	if !known {
		b.Costs = slices.Insert(b.Costs, at, api.Money{Currency: m.Currency})
	}
	b.Costs[at].Micro = saturate(b.Costs[at].Micro, m.Micro)
}

// merge adds another book.
func (b *Book) merge(o *Book) {
	b.Attempts += o.Attempts
	b.Declared += o.Declared
	b.Succeeded += o.Succeeded
	b.Runs += o.Runs
	b.Measured, b.Modelled, b.Assumed = saturate(b.Measured, o.Measured), saturate(b.Modelled, o.Modelled), saturate(b.Assumed, o.Assumed)
	b.Generated = saturate(b.Generated, o.Generated)
	b.Carbon, b.Unknown = saturate(b.Carbon, o.Carbon), saturate(b.Unknown, o.Unknown)
	b.CarbonMeasured, b.CarbonModelled = saturate(b.CarbonMeasured, o.CarbonMeasured), saturate(b.CarbonModelled, o.CarbonModelled)
	b.Contracted, b.Contract = saturate(b.Contracted, o.Contracted), saturate(b.Contract, o.Contract)
	b.Replaced, b.Disclosed = saturate(b.Replaced, o.Replaced), saturate(b.Disclosed, o.Disclosed)
	b.Embodied = saturate(b.Embodied, o.Embodied)
	for _, m := range o.Costs {
		b.pay(m)
	}
}

func (b *Book) energy() api.Microjoules {
	return saturate(saturate(b.Measured, b.Modelled), b.Assumed)
}

// sumOf adds up attempts; a new value, since others may read the one before. What one of
// them lacks, the sum lacks, and its basis is the weaker one.
func sumOf(a, b *api.Footprint) *api.Footprint {
	if a == nil {
		c := *b
		return &c
	}
	out := &api.Footprint{Energy: saturate(a.Energy, b.Energy), Spread: saturate(a.Spread, b.Spread), Basis: weaker(a.Basis, b.Basis)}
	out.Generated = saturate(a.Generated, b.Generated)
	out.Carbon = both(a.Carbon, b.Carbon)
	if a.Cost != nil && b.Cost != nil && a.Cost.Currency == b.Cost.Currency {
		out.Cost = &api.Money{Micro: saturate(a.Cost.Micro, b.Cost.Micro), Currency: a.Cost.Currency}
	}
	out.Market, out.Embodied = both(a.Market, b.Market), both(a.Embodied, b.Embodied)
	if basis := weaker(carbonBasis(a), carbonBasis(b)); basis != out.Basis {
		out.CarbonBasis = basis
	}
	return out
}

// both adds up what is known of both.
func both(a, b *api.Micrograms) *api.Micrograms {
	if a == nil || b == nil {
		return nil
	}
	sum := saturate(*a, *b)
	return &sum
}

func carbonBasis(f *api.Footprint) string {
	if f.CarbonBasis != "" {
		return f.CarbonBasis
	}
	return f.Basis
}

func weaker(a, b string) string {
	if weakness(b) > weakness(a) {
		return b
	}
	return a
}

func weakness(basis string) int {
	return slices.Index([]string{api.BasisMeasured, api.BasisModelled, api.BasisAssumed}, basis)
}

// saturate adds amounts; a sum beyond the range saturates.
func saturate[T ~int64](a, b T) T {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return T(int64(math.MaxInt64))
	case a < 0 && b < 0 && sum >= 0:
		return T(int64(math.MinInt64))
	default:
		return sum
	}
}

// SortedBooks returns the tenants of whom there is a book, in order.
func (s *State) SortedBooks() []string { return sortedKeys(s.Books) }
