package engine

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// useStrategies tells the index which strategies there are, and for whom.
func (e *Engine) useStrategies() {
	before := e.index.Depth() > 0
	e.index.Use(e.st.Settings.Strategy, e.st.Strategies, e.st.Tenants)
	e.withholdAll()
	e.noteSlicers()
	e.movers = true
	if before != (e.index.Depth() > 0) {
		e.regroup()
	}
}

// rank gives an entry of the queue what the orders may look at.
func rank(it *sched.Item, w *state.Workload) {
	if w.Spec.Deadline > 0 && (w.Spec.Schedule == nil || w.Parent != 0) {
		it.Due = w.Submitted.Add(w.Spec.Deadline)
	}
	if int(it.Ref.Task) < len(w.Profiles) {
		p := &w.Profiles[it.Ref.Task]
		it.Run, it.RunHigh, it.Class = p.Run, p.RunHigh, p.Class
	}
}

func (e *Engine) putStrategy(in *PutStrategy, key string) state.Answer {
	s := in.Strategy
	if faults := sched.Faults(&s); len(faults) > 0 {
		return refuse(state.CodeInvalid, "strategy %s is refused: %s", s.Name, faultsText(faults))
	}
	old := e.st.Strategies[s.Name]
	switch {
	case old != nil && same(*old, s):
		return state.Answer{Action: "unchanged"}
	case old == nil && len(e.st.Strategies) >= api.MaxStrategies:
		return refuse(state.CodeConflict, "the cell keeps %d strategies already; declare one of them anew", api.MaxStrategies)
	}
	e.emit(&state.StrategyPut{Strategy: s, Key: key})
	return state.Answer{Action: "updated"}
}

func (e *Engine) putTenant(in *PutTenant, key string) state.Answer {
	t := in.Tenant
	if faults := t.Validate(); len(faults) > 0 {
		return refuse(state.CodeInvalid, "tenant %s is refused: %s", t.Name, faultsText(faults))
	}
	old := e.st.Tenants[t.Name]
	switch {
	case t.Strategy != "" && !e.index.Knows(t.Strategy):
		return e.unknownStrategy(t.Strategy)
	case old != nil && same(*old, t):
		return state.Answer{Action: "unchanged"}
	case old == nil && len(e.st.Tenants) >= api.MaxTenants:
		return refuse(state.CodeConflict, "the cell keeps %d tenants already", api.MaxTenants)
	}
	e.emit(&state.TenantPut{Tenant: t, Key: key})
	return state.Answer{Action: "updated"}
}

func faultsText(faults []api.FieldError) string {
	var out []string
	for _, f := range faults {
		out = append(out, strings.TrimPrefix(f.Path+": "+f.Message, ": "))
	}
	return strings.Join(out, "; ")
}

func (e *Engine) unknownStrategy(name string) state.Answer {
	names := e.strategyNames()
	hint := "choose from " + strings.Join(names, ", ")
	if near := api.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return refuse(state.CodeInvalid, "there is no strategy %s; %s", name, hint)
}

func (e *Engine) strategyNames() (names []string) {
	for _, v := range e.ViewStrategies() {
		names = append(names, v.Name)
	}
	return names
}

// ViewStrategies lists the strategies that the cell knows: the built-in ones, then
// those that were declared, by name.
func (e *Engine) ViewStrategies() (out []api.StrategyView) {
	cell := e.st.Settings.Strategy
	if cell == "" {
		cell = sched.Default
	}
	for _, s := range sched.Strategies() {
		out = append(out, api.StrategyView{Strategy: s.Strategy, Family: s.Family, Source: s.Source, Default: s.Name == cell})
	}
	for _, name := range e.st.SortedStrategies() {
		out = append(out, api.StrategyView{Strategy: *e.st.Strategies[name], Family: "composed", Default: name == cell})
	}
	return out
}

// ViewTenants lists the tenants of which something was said, and what each uses.
func (e *Engine) ViewTenants() (out []api.TenantView) {
	for _, name := range e.st.SortedTenants() {
		v := api.TenantView{Tenant: *e.st.Tenants[name]}
		v.Used, v.Share = e.index.Used(name)
		v.Standing = e.StandingOf(name)
		out = append(out, v)
	}
	return out
}

// checkLimits adds up what the tenants hold that have a limit and got something
// placed: none may exceed it.
func checkLimits(st *state.State, out Output) error {
	limited := map[string]*sched.Holdings{}
	for _, ev := range out.Events {
		if p, ok := ev.(*state.TaskPlaced); ok && len(st.Tenants) > 0 {
			w := st.Workloads[p.Ref.Workload]
			if t := st.Tenants[w.Spec.Tenant]; t != nil && t.Limit != nil {
				limited[t.Name] = &sched.Holdings{}
			}
		}
	}
	if len(limited) == 0 {
		return nil
	}
	for _, name := range st.SortedNodes() {
		for _, t := range st.Nodes[name].SortedHeld() {
			w := st.Workloads[t.Ref.Workload]
			if sum := limited[w.Spec.Tenant]; sum != nil {
				sum.Add(&w.SpecOf(t).Resources)
			}
		}
	}
	for name, u := range limited { // order-free: any violation stops the batch
		if most := u.Over(st.Tenants[name].Limit); most != "" {
			return fmt.Errorf("tenant %s holds more than its limit of %s", name, most)
		}
	}
	return nil
}

func strategySize(s *api.Strategy) int {
	n := smallSize + len(s.Name) + len(s.Doc) + len(s.Order) + len(s.Ties) + len(s.Backfill) + headSize
	for i := range s.Terms {
		n += 2*headSize + numberSize + len(s.Terms[i].Term)
	}
	return n
}

func tenantSize(t *api.Tenant) int {
	n := 2*smallSize + len(t.Name) + len(t.Strategy) + smallSize*len(t.Budgets)
	for _, r := range [...]*api.Resources{t.Quota, t.Limit} {
		if r == nil {
			continue
		}
		n += smallSize
		for i := range r.Accelerators {
			n += acceleratorSize(&r.Accelerators[i])
		}
	}
	return n
}

func acceleratorSize(a *api.Accelerator) int {
	return numberSize + 2*headSize + len(a.Kind) + textsSize(a.Models)
}
