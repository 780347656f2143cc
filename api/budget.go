package api

import (
	"fmt"
	"math"
	"strings"
)

// Budget is what the tasks of a tenant, or of all tenants together (AllTenants), may take
// in each window of time: an amount of money, or of carbon. What is promised to attempts that run counts as what was spent.
type Budget struct {
	Money  *Money   `json:"money,omitempty" cbor:"1,keyasint,omitempty"`
	Carbon Mass     `json:"carbon,omitempty" cbor:"2,keyasint,omitempty"`
	Window Duration `json:"window" cbor:"3,keyasint"`         // an hour to 366 days, counted from 1970-01-01 UTC
	Then   string   `json:"then" cbor:"4,keyasint,omitempty"` // when it would be exceeded: "warn", "defer" (default) or "refuse"
}

// What happens when a budget would be exceeded.
const (
	BudgetWarn   = "warn"   // tasks go on; it is said
	BudgetDefer  = "defer"  // tasks wait for the next window, for a cheaper or cleaner hour, or until promises are given back
	BudgetRefuse = "refuse" // as defer, and jobs foreseen to exceed it are refused at submission
)

// Limits of budgets.
const (
	MaxBudgets  = 4         // of a tenant
	MinWindow   = Hour      // of a budget
	MaxWindow   = 366 * Day // of a budget
	MaxBudgeted = 1 << 60   // millionths of a currency, and µg
)

// Unit is what the budget counts: a currency, or "CO2e".
func (b *Budget) Unit() string {
	if b.Money != nil {
		return b.Money.Currency
	}
	return "CO2e"
}

// Amount is how much of its unit it allows in a window, in millionths of the currency or
// in µg.
func (b *Budget) Amount() int64 {
	if b.Money != nil {
		return b.Money.Micro
	}
	return int64(b.Carbon)
}

// Stops reports whether it stops what would exceed it.
func (b *Budget) Stops() bool { return b.Then != BudgetWarn }

// Of is what a footprint takes of the budget's unit: 0 where that is not known.
func (b *Budget) Of(f *Footprint) int64 {
	switch {
	case f == nil:
	case b.Money == nil && f.Carbon != nil:
		return int64(*f.Carbon)
	case b.Money != nil && f.Cost != nil && f.Cost.Currency == b.Money.Currency:
		return f.Cost.Micro
	}
	return 0
}

// Begin is when the window began that a moment is in.
func (b *Budget) Begin(at Time) Time {
	w := Time(max(b.Window, 1))
	past := at % w
	if past < 0 {
		past += w
	}
	return at - past
}

// String is the budget as people say it: "10 EUR each 1d".
func (b *Budget) String() string {
	if b.Money != nil {
		return b.Money.String() + " each " + b.Window.String()
	}
	return b.Carbon.String() + " CO2e each " + b.Window.String()
}

func (c *checker) budgets(list []Budget) {
	c.atMost("budgets", len(list), MaxBudgets)
	for i := range list[:min(len(list), MaxBudgets)] {
		b := &list[i]
		c.enterAt("budgets", i)
		switch {
		case (b.Money != nil) == (b.Carbon != 0):
			c.fault("", "write either money, such as 10 EUR, or carbon, such as 2.5 kg")
		case b.Money != nil && !validCurrency(b.Money.Currency):
			c.fault("money", "has no currency; write for example 10 EUR")
		case b.Amount() < 0 || b.Amount() > MaxBudgeted:
			c.fault("", "is not between 0 and %d millionths", int64(MaxBudgeted))
		}
		within(c, "window", b.Window, MinWindow, MaxWindow)
		oneOf(c, "then", b.Then, BudgetWarn, BudgetDefer, BudgetRefuse)
		for j := range i {
			if list[j].Unit() == b.Unit() && list[j].Window == b.Window {
				c.fault("window", "budgets[%d] is of the same window and unit already", j)
				break
			}
		}
		c.leave()
	}
}

// BudgetView shows how a budget stands in its present window. Amounts are millionths of
// the currency, or µg of CO2e.
type BudgetView struct {
	Budget
	Since    Time  `json:"since"` // the window's begin
	Until    Time  `json:"until"`
	Spent    int64 `json:"spent"`    // by attempts that ended in the window
	Promised int64 `json:"promised"` // what attempts that run were foreseen to take
	// Over is by how much attempts took more than the budget: what the truth added to
	// what was foreseen, or what a budget that only warns let through.
	Over int64 `json:"over,omitempty"`
	// Held says that tasks wait for it, and until when at most.
	Held Time `json:"heldUntil,omitempty"`
	// Waiting are the tenants whose tasks wait for a budget of all of them.
	Waiting []string `json:"waiting,omitempty"`
}

// Mass is an amount of carbon dioxide equivalent in µg that people write: "2.5 kg".
type Mass Micrograms

// amountUnit is a unit in which people write amounts; lists begin with the largest.
type amountUnit struct {
	unit string
	size uint64
}

var massUnits = [...]amountUnit{{"t", 1e12}, {"kg", 1e9}, {"g", 1e6}, {"mg", 1e3}, {"µg", 1}}

// ParseMass reads an amount with its unit: t, kg, g, mg or µg.
func ParseMass(s string) (Mass, error) {
	d, rest, ok := cutDecimal(s)
	rest = strings.TrimPrefix(rest, " ")
	for _, u := range massUnits {
		if !ok || rest != u.unit {
			continue
		}
		n, exact, fits := d.times(u.size)
		if !exact || !fits || n > math.MaxInt64 {
			return 0, fmt.Errorf("%s is finer than a microgram, or too large", quote(s))
		}
		return Mass(n), nil
	}
	return 0, fmt.Errorf("%s is not an amount of carbon; write for example 500 g, 2.5 kg or 1 t", quote(s))
}

// String is the amount in the largest unit of which there is one.
func (m Mass) String() string {
	if m == 0 {
		return "0 g"
	}
	b, n := appendSign(nil, int64(m))
	for _, u := range massUnits {
		if n >= u.size || u.size == 1 {
			scale := 0
			for p := u.size; p > 1; p /= 10 {
				scale++
			}
			return string(appendDecimal(b, n, scale)) + " " + u.unit
		}
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (m Mass) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is ParseMass.
func (m *Mass) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMass(string(b))
	return err
}
