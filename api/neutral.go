package api

import (
	"cmp"
	"math/bits"
	"slices"
)

// NeutralPlan is the cheapest way to net emissions of 0 that the ledger knows of: what is
// held already is retired first, the oldest vintage before others, and the rest is bought.
type NeutralPlan struct {
	Net     Micrograms `json:"net"`
	Retire  []string   `json:"retire"`  // serials
	Retires Micrograms `json:"retires"` // what they come to
	Buy     Micrograms `json:"buy"`     // still missing after them
	// Cost of Buy at the lowest price that was paid for any offset, per microgram; nil
	// when none had a price, or prices are in different currencies.
	Cost *Money `json:"cost,omitempty"`
	At   string `json:"at,omitempty"` // the serial that had this price
}

// Plan says what is missing for net emissions at or below 0.
func (v *LedgerView) Plan() NeutralPlan {
	p := NeutralPlan{Net: v.Net, Retire: []string{}}
	held := slices.DeleteFunc(slices.Clone(v.Items), func(o OffsetView) bool { return o.Status != OffsetHeld || o.Kind != "" })
	slices.SortFunc(held, func(a, b OffsetView) int {
		return cmp.Or(cmp.Compare(a.Vintage, b.Vintage), cmp.Compare(a.Serial, b.Serial))
	})
	for i := 0; i < len(held) && p.Retires < p.Net; i++ {
		p.Retire = append(p.Retire, held[i].Serial)
		p.Retires += Micrograms(held[i].Amount)
	}
	p.Buy = max(p.Net-p.Retires, 0)
	if best := cheapest(v.Items); best != nil && p.Buy > 0 {
		hi, lo := bits.Mul64(uint64(p.Buy), uint64(best.Price.Micro))
		if amount := uint64(best.Amount); hi < amount {
			micro, rest := bits.Div64(hi, lo, amount)
			if rest > 0 {
				micro++
			}
			p.Cost, p.At = &Money{Micro: int64(min(micro, 1<<62)), Currency: best.Price.Currency}, best.Serial
		}
	}
	return p
}

// TonnePrice is the lowest price of a tonne that was paid for any offset, rounded up; nil
// where none had a price, or prices are in different currencies.
func (v *LedgerView) TonnePrice() *Money {
	best := cheapest(v.Items)
	if best == nil {
		return nil
	}
	const tonne = 1_000_000_000_000 // in µg
	hi, lo := bits.Mul64(uint64(best.Price.Micro), tonne)
	amount := uint64(best.Amount)
	if hi >= amount {
		return nil
	}
	micro, rest := bits.Div64(hi, lo, amount)
	if rest > 0 {
		micro++
	}
	return &Money{Micro: int64(min(micro, 1<<62)), Currency: best.Price.Currency}
}

// cheapest is the offset of the least price for its amount; nil where prices cannot be
// compared.
func cheapest(items []OffsetView) (best *OffsetView) {
	for i := range items {
		o := &items[i]
		switch {
		case o.Kind != "" || o.Price == nil || o.Price.Micro < 0 || o.Amount <= 0:
		case best == nil:
			best = o
		case best.Price.Currency != o.Price.Currency:
			return nil
		case less(o, best):
			best = o
		}
	}
	return best
}

// less compares price/amount exactly.
func less(a, b *OffsetView) bool {
	ah, al := bits.Mul64(uint64(a.Price.Micro), uint64(b.Amount))
	bh, bl := bits.Mul64(uint64(b.Price.Micro), uint64(a.Amount))
	return ah < bh || ah == bh && al < bl
}
