package rehearse

import (
	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// BudgetReport is what was taken of a budget of carbon in each of its windows.
type BudgetReport struct {
	Tenant  string        `json:"tenant"`
	Budget  string        `json:"budget"`
	Kg      float64       `json:"kg"` // that a window allows
	Windows []WindowTaken `json:"windows"`
}

// WindowTaken is what the books say of a window at its end.
type WindowTaken struct {
	Since api.Time `json:"since"`
	Kg    float64  `json:"kg"`
}

// budgetWatch follows the budgets of carbon of the declared tenants.
type budgetWatch struct {
	world *twin.World
	out   []BudgetReport
	of    []budgetOf
}

// budgetOf says which budget of which tenant a report is of.
type budgetOf struct {
	tenant string
	at     int
}

func watchBudgets(tenants []api.Tenant) *budgetWatch {
	b := &budgetWatch{}
	for i := range tenants {
		for k := range tenants[i].Budgets {
			if v := &tenants[i].Budgets[k]; v.Money == nil {
				b.out = append(b.out, BudgetReport{Tenant: tenants[i].Name, Budget: v.String(), Kg: float64(v.Carbon) / 1e9})
				b.of = append(b.of, budgetOf{tenants[i].Name, k})
			}
		}
	}
	return b
}

// watch notes how the budgets stand; what it noted last of a window is what the window came to.
func (b *budgetWatch) watch(now api.Time, _ []state.Event) {
	if b.world == nil { // it is being made
		return
	}
	st := b.world.State()
	for i, of := range b.of {
		t := st.Tenants[of.tenant]
		if t == nil || of.at >= len(t.Budgets) {
			continue
		}
		spent, _ := st.Standing(of.tenant, of.at, now)
		w := WindowTaken{t.Budgets[of.at].Begin(now), float64(spent) / 1e9}
		r := &b.out[i]
		if n := len(r.Windows); n > 0 && r.Windows[n-1].Since == w.Since {
			r.Windows[n-1] = w
		} else {
			r.Windows = append(r.Windows, w)
		}
	}
}
