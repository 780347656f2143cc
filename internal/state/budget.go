package state

import (
	"cmp"
	"fmt"

	"drover.dev/api"
)

// Spending is how the budgets of a tenant stand.
type Spending struct {
	Spent []Spent `cbor:"1,keyasint,omitempty"` // by budget, in the tenant's order
	Held  *Held   `cbor:"2,keyasint,omitempty"` // nil: nothing waits for a budget
	// Waits are, of the budgets of all tenants together, those who wait for one.
	Waits map[string]*Held `cbor:"3,keyasint,omitempty"`
}

// HeldFor is what the tasks of a tenant wait for, of their own budgets or of those of
// all tenants together; nil is nothing.
func (s *State) HeldFor(tenant string) (held *Held, of string) {
	if sp := s.Spending[tenant]; sp != nil && sp.Held != nil {
		return sp.Held, tenant
	}
	if sp := s.Spending[api.AllTenants]; sp != nil {
		return sp.Waits[tenant], api.AllTenants
	}
	return nil, ""
}

// Waiting are the tenants who wait for a budget of all of them, in order.
func (sp *Spending) Waiting() []string { return sortedKeys(sp.Waits) }

// Budgeted reports whether anything is budgeted of what a tenant takes.
func (s *State) Budgeted(tenant string) bool {
	return s.Spending[tenant] != nil || s.Spending[api.AllTenants] != nil
}

// Spent is what attempts that ended in a window took.
type Spent struct {
	Since  api.Time `cbor:"1,keyasint"`
	Amount int64    `cbor:"2,keyasint,omitempty"` // millionths of the currency, or µg
}

// Held says that the tasks of a tenant wait: the first of them would exceed a budget.
type Held struct {
	Budget int32    `cbor:"1,keyasint"` // position among the tenant's
	Needs  int64    `cbor:"2,keyasint"` // what it would take
	Taken  int64    `cbor:"3,keyasint"` // what was spent and promised then
	Until  api.Time `cbor:"4,keyasint"` // it is looked at anew
}

// BudgetHeld lets the tasks of a tenant wait for a budget of its own; for one of all
// tenants together (Tenant is api.AllTenants) those of the tenant For.
type BudgetHeld struct {
	Tenant string `cbor:"1,keyasint"`
	Held   Held   `cbor:"2,keyasint"`
	For    string `cbor:"3,keyasint,omitempty"`
}

// Whose is the tenant whose tasks wait.
func (e *BudgetHeld) Whose() string { return cmp.Or(e.For, e.Tenant) }

// BudgetFreed lets them go on.
type BudgetFreed struct {
	Tenant string `cbor:"1,keyasint"`
	For    string `cbor:"2,keyasint,omitempty"`
}

// Whose is the tenant whose tasks go on.
func (e *BudgetFreed) Whose() string { return cmp.Or(e.For, e.Tenant) }

// Kind implements Event.
func (*BudgetHeld) Kind() Kind { return KindBudgetHeld }

// Kind implements Event.
func (*BudgetFreed) Kind() Kind { return KindBudgetFreed }

func (s *State) applyBudget(ev Event) error {
	switch e := ev.(type) {
	case *BudgetHeld:
		sp := s.Spending[e.Tenant]
		if sp == nil || int(e.Held.Budget) >= len(sp.Spent) || e.Held.Budget < 0 {
			return fmt.Errorf("hold budget %d of tenant %q: there is none", e.Held.Budget, e.Tenant)
		}
		held := e.Held
		if e.For == "" {
			sp.Held = &held
			break
		}
		sp.Waits = orMake(sp.Waits)
		sp.Waits[e.For] = &held
	case *BudgetFreed:
		switch sp := s.Spending[e.Tenant]; {
		case sp == nil:
		case e.For == "":
			sp.Held = nil
		default:
			delete(sp.Waits, e.For)
		}
	}
	return nil
}

// rebudget keeps what was spent of budgets that stay of the same unit and window, and
// frees what waited: the new ones are looked at anew.
func (s *State) rebudget(t *api.Tenant) {
	if len(t.Budgets) == 0 {
		delete(s.Spending, t.Name)
		return
	}
	old, was := s.Spending[t.Name], s.budgetsOf(t.Name)
	sp := &Spending{Spent: make([]Spent, len(t.Budgets))}
	for i := range t.Budgets {
		b := &t.Budgets[i]
		sp.Spent[i].Since = b.Begin(s.Now)
		for j := range was {
			if old != nil && was[j].Window == b.Window && was[j].Unit() == b.Unit() {
				sp.Spent[i] = old.Spent[j]
			}
		}
	}
	s.Spending[t.Name] = sp
}

func (s *State) budgetsOf(tenant string) []api.Budget {
	if t := s.Tenants[tenant]; t != nil {
		return t.Budgets
	}
	return nil
}

// spend counts what an attempt that ended took, in the budgets of its tenant and in
// those of all tenants.
func (s *State) spend(tenant string, took *api.Footprint) {
	s.spendOf(tenant, took)
	s.spendOf(api.AllTenants, took)
}

func (s *State) spendOf(tenant string, took *api.Footprint) {
	sp := s.Spending[tenant]
	if sp == nil {
		return
	}
	list := s.budgetsOf(tenant)
	for i := range list {
		b, at := &list[i], &sp.Spent[i]
		if begin := b.Begin(s.Now); at.Since != begin {
			*at = Spent{Since: begin}
		}
		at.Amount = saturate(at.Amount, b.Of(took))
	}
}

// promises are what attempts that hold a place are foreseen to take.
type promises struct {
	carbon int64
	money  map[string]int64 // by currency
}

// promise counts what is foreseen for an attempt, or no longer (sign -1). What earns
// money makes no room.
func (s *State) promise(w *Workload, f *api.Footprint, sign int64) {
	if f == nil {
		return
	}
	s.promiseOf(w.Spec.Tenant, f, sign)
	s.promiseOf(api.AllTenants, f, sign)
}

func (s *State) promiseOf(tenant string, f *api.Footprint, sign int64) {
	p := s.promised[tenant]
	if p == nil {
		p = &promises{money: map[string]int64{}}
		s.promised[tenant] = p
	}
	if f.Carbon != nil {
		p.carbon += sign * max(int64(*f.Carbon), 0)
	}
	if f.Cost != nil {
		p.money[f.Cost.Currency] += sign * max(f.Cost.Micro, 0)
	}
}

// Standing is what of a budget of a tenant, or of all of them, was spent in the window of a moment, and what is
// promised to attempts that hold a place.
func (s *State) Standing(tenant string, i int, at api.Time) (spent, promised int64) {
	t, sp := s.Tenants[tenant], s.Spending[tenant]
	if t == nil || sp == nil || i >= len(t.Budgets) || i >= len(sp.Spent) {
		return 0, 0
	}
	b := &t.Budgets[i]
	if sp.Spent[i].Since == b.Begin(at) {
		spent = sp.Spent[i].Amount
	}
	if p := s.promised[tenant]; p != nil && b.Money == nil {
		promised = p.carbon
	} else if p != nil {
		promised = p.money[b.Money.Currency]
	}
	return spent, promised
}

// SortedSpending returns the tenants with budgets, in order.
func (s *State) SortedSpending() []string { return sortedKeys(s.Spending) }
