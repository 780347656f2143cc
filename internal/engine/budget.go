package engine

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// retryBudget is after how long work that waits for a budget is foreseen anew: prices
// and the grid may have become better.
const retryBudget = api.Hour

// expects is what an attempt is foreseen to take on a node; nil for tenants without
// budgets, and where neither price nor signal is known.
func (e *Engine) expects(ask *sched.Ask, node string) *api.Footprint {
	if !e.st.Budgeted(ask.Tenant) {
		return nil
	}
	f := e.index.Foreseen(node, ask, e.st.Now)
	if f == nil || f.Carbon == nil && f.Cost == nil {
		return nil
	}
	return f
}

// foreseen is what the next attempt of an element is foreseen to take on a node.
func (e *Engine) foreseen(w *state.Workload, t *state.Task, node string) *api.Footprint {
	if !e.st.Budgeted(w.Spec.Tenant) {
		return nil
	}
	ask := e.askFor(w, t)
	ask.Profile = &w.Profiles[t.Ref.Task]
	return e.expects(ask, node)
}

// budgetsOf are the budgets that hold for a tenant: its own, and those of all tenants.
func budgetsOf(tenant string) [2]string { return [2]string{tenant, api.AllTenants} }

// affords reports whether the budgets of a tenant, and those of all, have room for
// attempts on these nodes. When they have not, its tasks wait from now on.
func (e *Engine) affords(ask *sched.Ask, nodes ...string) bool {
	if !e.st.Budgeted(ask.Tenant) {
		return true
	}
	list := make([]*api.Footprint, len(nodes))
	for i, node := range nodes {
		list[i] = e.expects(ask, node)
	}
	for _, of := range budgetsOf(ask.Tenant) {
		held := e.exceeded(of, list)
		switch {
		case held == nil:
			continue
		case of == ask.Tenant:
			e.emit(&state.BudgetHeld{Tenant: of, Held: *held})
		default: // others may need less, and wait for none that needs more than there is
			e.emit(&state.BudgetHeld{Tenant: of, Held: *held, For: ask.Tenant})
		}
		return false
	}
	return true
}

// exceeded says which budget of a tenant attempts would exceed; nil is none.
func (e *Engine) exceeded(of string, list []*api.Footprint) *state.Held {
	if e.st.Spending[of] == nil {
		return nil
	}
	budgets := e.st.Tenants[of].Budgets
	for i := range budgets {
		b := &budgets[i]
		needs, taken := needsOf(b, list), e.taken(of, i)
		if b.Stops() && taken+needs > b.Amount() {
			until := min(b.Begin(e.st.Now).Add(b.Window), e.st.Now.Add(retryBudget))
			return &state.Held{Budget: int32(i), Needs: needs, Taken: taken, Until: until}
		}
	}
	return nil
}

// needsOf adds up what attempts are foreseen to take of a budget. What earns money
// makes no room.
func needsOf(b *api.Budget, list []*api.Footprint) (sum int64) {
	for _, f := range list {
		sum = min(sum+max(b.Of(f), 0), 2*api.MaxBudgeted)
	}
	return sum
}

// taken is what was spent and promised of a budget.
func (e *Engine) taken(tenant string, i int) int64 {
	spent, promised := e.st.Standing(tenant, i, e.st.Now)
	return spent + promised
}

// freeBudgets lets tenants go on who wait for a budget that has more room than when
// they began to wait, or that is to be looked at anew. Of the budgets of all tenants it
// has to be as much as they wait for, so that not all of them try whenever a task ends.
func (e *Engine) freeBudgets() {
	for _, name := range e.st.SortedSpending() {
		held := e.st.Spending[name].Held
		if held != nil && (e.st.Now >= held.Until || e.taken(name, int(held.Budget)) < held.Taken) {
			e.emit(&state.BudgetFreed{Tenant: name})
		}
	}
	all := e.st.Spending[api.AllTenants]
	if all == nil {
		return
	}
	for _, name := range all.Waiting() {
		held := all.Waits[name]
		b, taken := &e.st.Tenants[api.AllTenants].Budgets[held.Budget], e.taken(api.AllTenants, int(held.Budget))
		if e.st.Now >= held.Until || taken < held.Taken && taken+held.Needs <= b.Amount() {
			e.emit(&state.BudgetFreed{Tenant: api.AllTenants, For: name})
		}
	}
}

// withhold tells the index whose tasks wait for a budget, and why.
func (e *Engine) withhold(name string) {
	held, of := e.st.HeldFor(name)
	if held == nil {
		e.index.Withhold(name, "")
		return
	}
	b := &e.st.Tenants[of].Budgets[held.Budget]
	e.index.Withhold(name, overBudget(of, b, held.Taken, held.Needs)+"; it is tried again by "+held.Until.String())
	e.timers.add(timer{at: held.Until, kind: timerBudget, node: name})
}

func (e *Engine) withholdAll() {
	for _, name := range e.st.SortedSpending() {
		e.withhold(name)
	}
	if all := e.st.Spending[api.AllTenants]; all != nil {
		for _, name := range all.Waiting() {
			e.withhold(name)
		}
	}
}

// overBudget says what would exceed a budget by how much.
func overBudget(tenant string, b *api.Budget, taken, needs int64) string {
	return fmt.Sprintf("budget of %s, %s: %s is spent or promised, and %s more is needed", ownerText(tenant), b, amountOf(b, taken), amountOf(b, needs))
}

func ownerText(tenant string) string {
	if tenant == api.AllTenants {
		return "all tenants"
	}
	return "tenant " + tenant
}

func amountOf(b *api.Budget, n int64) string {
	if b.Money != nil {
		return api.Money{Micro: n, Currency: b.Money.Currency}.String()
	}
	return api.Mass(n).String()
}

// unaffordable says which budget that refuses a workload is foreseen to exceed; "" is
// none. Each task is foreseen where it would go now; what has no place now is stopped
// when it gets one.
func (e *Engine) unaffordable(spec *api.Workload, facts []Fact) string {
	if !e.st.Budgeted(spec.Tenant) || spec.Schedule != nil {
		return ""
	}
	w := &state.Workload{Spec: spec, Revision: 1, Profiles: e.analyse(spec, facts, 0)}
	list := make([]*api.Footprint, len(spec.Tasks))
	for i := range spec.Tasks {
		ask := e.planAsk(w, i)
		if d, _ := e.index.Decide(api.TaskRef{Task: uint16(i)}, ask, e.st.Now); d.Chosen != nil {
			list[i] = e.expects(ask, d.Chosen.Node)
		}
	}
	for _, of := range budgetsOf(spec.Tenant) {
		if why := e.refusedBy(of, spec, list); why != "" {
			return why
		}
	}
	return ""
}

// refusedBy says which budget of a tenant refuses a workload, of which each element of a
// task is foreseen to take what the list says.
func (e *Engine) refusedBy(of string, spec *api.Workload, list []*api.Footprint) string {
	if e.st.Spending[of] == nil {
		return ""
	}
	budgets := e.st.Tenants[of].Budgets
	for j := range budgets {
		b, sum := &budgets[j], int64(0)
		for i := range spec.Tasks {
			one, count := max(b.Of(list[i]), 0), int64(max(spec.Tasks[i].Count, spec.Replicas, 1))
			sum = min(sum+min(one, api.MaxBudgeted/count)*count, 2*api.MaxBudgeted)
		}
		if taken := e.taken(of, j); b.Then == api.BudgetRefuse && sum > 0 && taken+sum > b.Amount() {
			return overBudget(of, b, taken, sum) + "; raise the budget, or submit it in the window that begins at " +
				b.Begin(e.st.Now).Add(b.Window).String()
		}
	}
	return ""
}

// StandingOf shows how the budgets of a tenant stand.
func (e *Engine) StandingOf(tenant string) (out []api.BudgetView) {
	t, sp := e.st.Tenants[tenant], e.st.Spending[tenant]
	if t == nil || sp == nil {
		return nil
	}
	for i := range t.Budgets {
		v := api.BudgetView{Budget: t.Budgets[i]}
		v.Since = v.Begin(e.st.Now)
		v.Until = v.Since.Add(v.Window)
		v.Spent, v.Promised = e.st.Standing(tenant, i, e.st.Now)
		v.Over = max(v.Spent+v.Promised-v.Amount(), 0)
		if sp.Held != nil && int(sp.Held.Budget) == i {
			v.Held = sp.Held.Until
		}
		for _, name := range sp.Waiting() {
			if held := sp.Waits[name]; int(held.Budget) == i {
				v.Waiting, v.Held = append(v.Waiting, name), max(v.Held, held.Until)
			}
		}
		out = append(out, v)
	}
	return out
}

// checkBudgets holds what was placed against the budgets of its tenants, and of all
// together: what stops may not be exceeded by what is foreseen. Reports come before
// placements in a batch, so that what they add was known.
func checkBudgets(st *state.State, out Output) error {
	if len(st.Spending) == 0 {
		return nil
	}
	for _, ev := range out.Events {
		p, ok := ev.(*state.TaskPlaced)
		if !ok {
			continue
		}
		for _, of := range budgetsOf(st.Workloads[p.Ref.Workload].Spec.Tenant) {
			if err := checkBudgetsOf(st, of); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkBudgetsOf(st *state.State, of string) error {
	t := st.Tenants[of]
	if t == nil || st.Spending[of] == nil {
		return nil
	}
	for i := range t.Budgets {
		b := &t.Budgets[i]
		if spent, promised := st.Standing(of, i, st.Now); b.Stops() && spent+promised > b.Amount() {
			return fmt.Errorf("%s exceeds its budget of %s by what was placed: %d of %d", ownerText(of), b, spent+promised, b.Amount())
		}
	}
	return nil
}
