package engine_test

import (
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// newBudgetedAll is the cell of newBudgeted in which all tenants together may spend
// 0.0084 EUR a day, and each alone as much as it likes.
func newBudgetedAll(t *testing.T, then string) *budgeted {
	b := newBudgeted(t, "")
	lab, all := api.Tenant{Name: "lab"}, api.Tenant{
		Name: api.AllTenants, Budgets: []api.Budget{{Money: &api.Money{Micro: 8_400, Currency: "EUR"}, Window: api.Day, Then: then}},
	}
	lab.Normalize()
	all.Normalize()
	b.step(&engine.PutTenant{Tenant: lab}, &engine.PutTenant{Tenant: all})
	return b
}

// order asks for a job of a tenant, of as many cores, that is foreseen to take a minute.
func (b *budgeted) order(tenant, name string, cores int64) state.Answer {
	b.Helper()
	w := api.Workload{Kind: api.KindJob, Name: name, Tenant: tenant, Tasks: []api.Task{{
		Name: "t", Driver: "noop", Resources: api.Resources{CPU: api.Milli(cores * 1000)},
	}}}
	w.Normalize()
	return b.step(&engine.Submit{Workload: &w}).Answers[0]
}

func TestBudgetOfAllTenants(t *testing.T) {
	b := newBudgetedAll(t, "")
	one := b.order("lab", "a", 1).ID
	large := b.order("lab", "large", 3).ID // more than there will ever be beside others
	two := b.order("undeclared", "b", 1).ID
	three := b.order("undeclared", "c", 1).ID
	if b.status(one) != api.TaskPlaced || b.status(large) != api.TaskPending || b.status(two) != api.TaskPlaced || b.status(three) != api.TaskPending {
		t.Fatalf("%v %v %v %v, want one task of each tenant placed: nobody waits for the large one of another", b.status(one), b.status(large), b.status(two), b.status(three))
	}
	x := b.e.Explain(b.e.State().Task(api.TaskRef{Workload: three}))
	if !strings.Contains(x.Task.Reason, "budget of all tenants, 0.0084 EUR each 1d: 0.008332 EUR is spent or promised, and 0.004166 EUR more is needed") {
		t.Errorf("it waits because %q", x.Task.Reason)
	}
	if v := b.e.StandingOf(api.AllTenants)[0]; v.Promised != 8_332 || strings.Join(v.Waiting, " ") != "lab undeclared" {
		t.Errorf("%+v", v)
	}
	b.now = b.now.Add(30 * api.Minute)
	b.end(one, 100*api.Millisecond)
	if b.status(three) != api.TaskPlaced || b.status(large) != api.TaskPending {
		t.Errorf("%v %v: there is money again, for the small one", b.status(three), b.status(large))
	}
}

func TestBudgetOfAllTenantsIsForgotten(t *testing.T) {
	b := newBudgetedAll(t, "")
	b.order("undeclared", "a", 1)
	b.order("undeclared", "b", 1)
	three := b.order("undeclared", "c", 1).ID
	all := api.Tenant{Name: api.AllTenants}
	all.Normalize()
	b.step(&engine.PutTenant{Tenant: all})
	if b.status(three) != api.TaskPlaced {
		t.Error("it waits for a budget that is no more")
	}
}

func TestBudgetOfAllTenantsRefuses(t *testing.T) {
	b := newBudgetedAll(t, api.BudgetRefuse)
	b.order("lab", "a", 1)
	b.order("other", "b", 1)
	if a := b.order("third", "c", 1); a.Code != state.CodeConflict || !strings.Contains(a.Message, "budget of all tenants") {
		t.Errorf("%+v", a)
	}
}

func TestAllTenantsHaveOnlyBudgets(t *testing.T) {
	for name, v := range map[string]api.Tenant{
		"strategy": {Name: api.AllTenants, Strategy: "greedy"},
		"weight":   {Name: api.AllTenants, Weight: 2},
		"limit":    {Name: api.AllTenants, Limit: &api.Resources{CPU: 1000}},
	} {
		if faults := v.Validate(); len(faults) != 1 || !strings.Contains(faults[0].Message, "nothing but budgets") {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
