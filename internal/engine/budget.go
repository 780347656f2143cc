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
	if e.st.Spending[ask.Tenant] == nil {
		return nil
	}
	o, ok := e.index.Footprint(node, ask, e.st.Now)
	if !ok || o.Carbon == nil && o.Cost == nil {
		return nil
	}
	return &o.Footprint
}

// foreseen is what the next attempt of an element is foreseen to take on a node.
func (e *Engine) foreseen(w *state.Workload, t *state.Task, node string) *api.Footprint {
	if e.st.Spending[w.Spec.Tenant] == nil {
		return nil
	}
	ask := e.askFor(w, t)
	ask.Profile = &w.Profiles[t.Ref.Task]
	return e.expects(ask, node)
}

// affords reports whether the budgets of a tenant have room for attempts on these
// nodes. When they have not, its tasks wait from now on.
func (e *Engine) affords(ask *sched.Ask, nodes ...string) bool {
	if e.st.Spending[ask.Tenant] == nil {
		return true
	}
	list := make([]*api.Footprint, len(nodes))
	for i, node := range nodes {
		list[i] = e.expects(ask, node)
	}
	budgets := e.st.Tenants[ask.Tenant].Budgets
	for i := range budgets {
		b := &budgets[i]
		needs, taken := needsOf(b, list), e.taken(ask.Tenant, i)
		if !b.Stops() || taken+needs <= b.Amount() {
			continue
		}
		until := min(b.Begin(e.st.Now).Add(b.Window), e.st.Now.Add(retryBudget))
		e.emit(&state.BudgetHeld{Tenant: ask.Tenant, Held: state.Held{Budget: int32(i), Needs: needs, Taken: taken, Until: until}})
		return false
	}
	return true
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
// they began to wait, or that is to be looked at anew.
func (e *Engine) freeBudgets() {
	for _, name := range e.st.SortedSpending() {
		held := e.st.Spending[name].Held
		if held != nil && (e.st.Now >= held.Until || e.taken(name, int(held.Budget)) < held.Taken) {
			e.emit(&state.BudgetFreed{Tenant: name})
		}
	}
}

// withhold tells the index whose tasks wait for a budget, and why.
func (e *Engine) withhold(name string) {
	sp := e.st.Spending[name]
	if sp == nil || sp.Held == nil {
		e.index.Withhold(name, "")
		return
	}
	b := &e.st.Tenants[name].Budgets[sp.Held.Budget]
	e.index.Withhold(name, overBudget(name, b, sp.Held.Taken, sp.Held.Needs)+"; it is tried again by "+sp.Held.Until.String())
	e.timers.add(timer{at: sp.Held.Until, kind: timerBudget, node: name})
}

func (e *Engine) withholdAll() {
	for _, name := range e.st.SortedSpending() {
		e.withhold(name)
	}
}

// overBudget says what would exceed a budget by how much.
func overBudget(tenant string, b *api.Budget, taken, needs int64) string {
	return fmt.Sprintf("budget of tenant %s, %s: %s is spent or promised, and %s more is needed", tenant, b, amountOf(b, taken), amountOf(b, needs))
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
	t := e.st.Tenants[spec.Tenant]
	if t == nil || e.st.Spending[spec.Tenant] == nil || spec.Schedule != nil {
		return ""
	}
	w := &state.Workload{Spec: spec, Revision: 1, Profiles: e.analyse(spec, facts, 0)}
	sums := make([]int64, len(t.Budgets))
	for i := range spec.Tasks {
		ask := e.planAsk(w, i)
		d, _ := e.index.Decide(api.TaskRef{Task: uint16(i)}, ask, e.st.Now)
		if d.Chosen == nil {
			continue
		}
		f, count := e.expects(ask, d.Chosen.Node), int64(max(ask.Task.Count, spec.Replicas, 1))
		for j := range t.Budgets {
			one := max(t.Budgets[j].Of(f), 0)
			sums[j] = min(sums[j]+min(one, api.MaxBudgeted/count)*count, 2*api.MaxBudgeted)
		}
	}
	for j := range t.Budgets {
		b, taken := &t.Budgets[j], e.taken(spec.Tenant, j)
		if b.Then == api.BudgetRefuse && sums[j] > 0 && taken+sums[j] > b.Amount() {
			return overBudget(spec.Tenant, b, taken, sums[j]) + "; raise the budget, or submit it in the window that begins at " +
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
		out = append(out, v)
	}
	return out
}

// checkBudgets holds what was placed against the budgets of its tenants: what stops may
// not be exceeded by what is foreseen. Reports come before placements in a batch, so
// that what they add was known.
func checkBudgets(st *state.State, out Output) error {
	for _, ev := range out.Events {
		p, ok := ev.(*state.TaskPlaced)
		if !ok || len(st.Spending) == 0 {
			continue
		}
		w := st.Workloads[p.Ref.Workload]
		t := st.Tenants[w.Spec.Tenant]
		if t == nil || st.Spending[t.Name] == nil {
			continue
		}
		for i := range t.Budgets {
			b := &t.Budgets[i]
			if spent, promised := st.Standing(t.Name, i, st.Now); b.Stops() && spent+promised > b.Amount() {
				return fmt.Errorf("tenant %s exceeds its budget of %s by what was placed: %d of %d", t.Name, b, spent+promised, b.Amount())
			}
		}
	}
	return nil
}
