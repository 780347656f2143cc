package api

import (
	"math"
	"slices"
	"strings"
)

// By what books are kept.
const (
	BooksByTenant   = "tenant"
	BooksBySite     = "site"
	BooksByWorkload = "workload" // all runs of one name together
	BooksByDay      = "day"      // and site, in UTC
)

// BooksBy lists by what books are kept.
func BooksBy() []string { return []string{BooksByTenant, BooksBySite, BooksByWorkload, BooksByDay} }

// BookList is what was used, by name.
type BookList struct {
	Items []BookView `json:"items"`
}

// BookView is what finished attempts took, since the cell began to count, or on a day.
// A row without a name holds what is not kept by name.
type BookView struct {
	Tenant    string `json:"tenant"`
	Workload  string `json:"workload,omitempty"`
	Site      string `json:"site,omitempty"`
	Day       Time   `json:"day,omitempty"` // midnight UTC
	Attempts  uint64 `json:"attempts"`
	Succeeded uint64 `json:"succeeded"` // attempts by which a task succeeded
	// Runs are jobs that succeeded; by day those of the whole cell stand in the first row
	// of the day, by site they are not told.
	Runs uint64 `json:"runs,omitempty"`

	Measured Microjoules `json:"measured"` // energy by what it rests on
	Modelled Microjoules `json:"modelled"`
	Assumed  Microjoules `json:"assumed"`
	// Generated is what of this energy sites made themselves: it is neither bought nor
	// counted as emitting anything.
	Generated Microjoules `json:"generated,omitempty"`

	Carbon         Micrograms  `json:"carbon"` // location-based: at the intensity of the grid
	CarbonMeasured Micrograms  `json:"carbonMeasured"`
	CarbonModelled Micrograms  `json:"carbonModelled"`
	CarbonAssumed  Micrograms  `json:"carbonAssumed"`
	Unknown        Microjoules `json:"unknown"` // energy that was bought, of which the carbon is not known

	// Market is market-based carbon before certificates: at the factors that sites
	// declare for what they buy, and that of the grid where they declare none.
	Market        Micrograms  `json:"market"`
	Contracted    Microjoules `json:"contracted"`              // energy that was bought at declared factors
	MarketUnknown Microjoules `json:"marketUnknown,omitempty"` // energy of which not even the grid's is known

	Embodied Micrograms `json:"embodied"`
	Declared uint64     `json:"embodiedDeclared"` // attempts on nodes that declare what is embodied

	Costs []Money `json:"costs,omitempty"` // by currency
}

// Energy is all of it, whatever it rests on.
func (b *BookView) Energy() Microjoules {
	return saturated(saturated(b.Measured, b.Modelled), b.Assumed)
}

// Bought is all energy that sites did not make themselves.
func (b *BookView) Bought() Microjoules { return b.Energy() - b.Generated }

// Add adds the amounts of another book, or takes them away where sign is -1. Sums
// beyond the range saturate.
func (b *BookView) Add(o *BookView, sign int64) {
	for _, c := range [...]struct{ to, of *uint64 }{
		{&b.Attempts, &o.Attempts}, {&b.Succeeded, &o.Succeeded}, {&b.Runs, &o.Runs}, {&b.Declared, &o.Declared},
	} {
		*c.to += uint64(sign) * *c.of
	}
	for _, e := range [...]struct{ to, of *Microjoules }{
		{&b.Measured, &o.Measured},
		{&b.Modelled, &o.Modelled},
		{&b.Assumed, &o.Assumed},
		{&b.Generated, &o.Generated},
		{&b.Unknown, &o.Unknown},
		{&b.Contracted, &o.Contracted},
		{&b.MarketUnknown, &o.MarketUnknown},
	} {
		*e.to = saturated(*e.to, Microjoules(sign)**e.of)
	}
	for _, c := range [...]struct{ to, of *Micrograms }{
		{&b.Carbon, &o.Carbon},
		{&b.CarbonMeasured, &o.CarbonMeasured},
		{&b.CarbonModelled, &o.CarbonModelled},
		{&b.CarbonAssumed, &o.CarbonAssumed},
		{&b.Market, &o.Market},
		{&b.Embodied, &o.Embodied},
	} {
		*c.to = saturated(*c.to, Micrograms(sign)**c.of)
	}
	for _, m := range o.Costs {
		b.pay(m, sign)
	}
}

func (b *BookView) pay(m Money, sign int64) {
	at, known := slices.BinarySearchFunc(b.Costs, m.Currency, func(x Money, c string) int { return strings.Compare(x.Currency, c) })
	if !known {
		b.Costs = slices.Insert(b.Costs, at, Money{Currency: m.Currency})
	}
	b.Costs[at].Micro = saturated(b.Costs[at].Micro, sign*m.Micro)
}

func saturated[T ~int64](a, b T) T {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}
