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
}

// enter books what an attempt took, on its element and its tenant.
func (s *State) enter(w *Workload, t *Task, took *api.Footprint) {
	if took == nil {
		return
	}
	t.Took = sumOf(t.Took, took)
	s.spend(w.Spec.Tenant, took)
	name := w.Spec.Tenant
	b := s.Books[name]
	if b == nil && len(s.Books) >= MaxBooks {
		name, b = "", s.Books[""]
	}
	if b == nil {
		b = &Book{}
		s.Books[name] = b
	}
	b.add(took)
}

func (b *Book) add(f *api.Footprint) {
	b.Attempts++
	switch f.Basis {
	case api.BasisMeasured:
		b.Measured = saturate(b.Measured, f.Energy)
	case api.BasisModelled:
		b.Modelled = saturate(b.Modelled, f.Energy)
	default:
		b.Assumed = saturate(b.Assumed, f.Energy)
	}
	if f.Carbon == nil {
		b.Unknown = saturate(b.Unknown, f.Energy)
	} else {
		b.Carbon = saturate(b.Carbon, *f.Carbon)
	}
	if f.Cost == nil {
		return
	}
	at, known := slices.BinarySearchFunc(b.Costs, f.Cost.Currency, func(m api.Money, c string) int { return strings.Compare(m.Currency, c) })
	if !known {
		b.Costs = slices.Insert(b.Costs, at, api.Money{Currency: f.Cost.Currency})
	}
	b.Costs[at].Micro = saturate(b.Costs[at].Micro, f.Cost.Micro)
}

// sumOf adds up attempts; a new value, since others may read the one before. What one of
// them lacks, the sum lacks, and its basis is the weaker one.
func sumOf(a, b *api.Footprint) *api.Footprint {
	if a == nil {
		c := *b
		return &c
	}
	out := &api.Footprint{Energy: saturate(a.Energy, b.Energy), Spread: saturate(a.Spread, b.Spread), Basis: a.Basis}
	if weakness(b.Basis) > weakness(a.Basis) {
		out.Basis = b.Basis
	}
	if a.Carbon != nil && b.Carbon != nil {
		c := saturate(*a.Carbon, *b.Carbon)
		out.Carbon = &c
	}
	if a.Cost != nil && b.Cost != nil && a.Cost.Currency == b.Cost.Currency {
		out.Cost = &api.Money{Micro: saturate(a.Cost.Micro, b.Cost.Micro), Currency: a.Cost.Currency}
	}
	return out
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
