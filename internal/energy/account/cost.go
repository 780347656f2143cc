package account

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// Cost is what the attempts of one name cost: the energy at the price of their sites, and
// the part that they held of their nodes at the price of these.
type Cost struct {
	Name     string          `json:"name"` // "" where nothing is kept by name
	Attempts uint64          `json:"attempts"`
	Energy   api.Microjoules `json:"energy"`
	// Generated is what of Energy sites made themselves, which costs nothing.
	Generated api.Microjoules `json:"generated,omitempty"`
	Costs     []api.Money     `json:"costs,omitempty"` // by currency, never added
}

// In is the amount in a currency, in millionths; 0 where there is none.
func (c *Cost) In(currency string) int64 { return inCurrency(c.Costs, currency) }

// Costs is a report of the books in money.
type Costs struct {
	By string `json:"by"`
	Period
	Total Cost   `json:"total"`
	Items []Cost `json:"items"`
}

// MakeCosts adds up the rows of books of a period by name. Days stand in their order, all
// else by the largest part of the total of any currency: amounts of different currencies
// cannot be compared, parts can.
func MakeCosts(by string, rows []api.BookView, p Period, name func(*api.BookView) string) *Costs {
	r, sums := &Costs{By: by, Period: p, Items: []Cost{}}, map[string]*api.BookView{}
	var names []string
	var total api.BookView
	for i := range rows {
		if !p.holds(rows[i].Day) {
			continue
		}
		n := name(&rows[i])
		if sums[n] == nil {
			sums[n], names = &api.BookView{}, append(names, n)
		}
		sums[n].Add(&rows[i], 1)
		total.Add(&rows[i], 1)
	}
	for _, n := range names {
		r.Items = append(r.Items, costOf(n, sums[n]))
	}
	r.Total = costOf("", &total)
	if by != api.BooksByDay {
		slices.SortStableFunc(r.Items, func(a, b Cost) int { return cmp.Compare(r.largest(&b), r.largest(&a)) })
	}
	return r
}

func costOf(name string, b *api.BookView) Cost {
	return Cost{Name: name, Attempts: b.Attempts, Energy: b.Energy(), Generated: b.Generated, Costs: b.Costs}
}

// largest is the largest part that a row has of the total of any currency.
func (r *Costs) largest(c *Cost) (most float64) {
	for _, m := range c.Costs {
		if all := r.Total.In(m.Currency); all > 0 {
			most = max(most, float64(m.Micro)/float64(all))
		}
	}
	return most
}

func inCurrency(list []api.Money, currency string) int64 {
	for _, m := range list {
		if m.Currency == currency {
			return m.Micro
		}
	}
	return 0
}
