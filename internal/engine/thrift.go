package engine

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Thrift: jobs that have a deadline wait for cleaner hours only as far as the budgets of
// carbon would not suffice otherwise. What an hour of waiting has to be worth follows
// from how the scarcest of them stands, so that work waits the less the more is left; and
// what no budget has room for waits anyhow, whenever it comes.

const (
	lookEach   = 5 * api.Minute // how often a price changes by the clock alone
	partsTaken = 256            // and by what was taken, in parts of the budget
	mostPrices = 1000           // that are remembered
)

// priced is all that a shadow price follows from.
type priced struct {
	signal *api.Signal // replaced, never changed
	budget sched.Allowance
	at     api.Time
}

// scarce is the shadow price of the scarcest budget, and when its window ends.
type scarce struct {
	sched.Shadow
	end api.Time
}

// standing says in a phrase how that budget stands; "" is nothing.
type standing string

// thrifty reports whether the jobs of a workload wait only for want of a budget.
func (e *Engine) thrifty(w *state.Workload) bool {
	return e.index.Thrifty(&sched.Ask{Tenant: w.Spec.Tenant, Strategy: w.Spec.Strategy, Objective: w.Spec.Objective})
}

// scarcity is what waiting has to be worth for tasks, by the scarcest budget of carbon
// that holds for them, and how that stands. nil: nothing is scarce.
func (e *Engine) scarcity(q *timing) (*scarce, standing) {
	if !q.thrift {
		return nil, ""
	}
	var worst *scarce
	var how standing
	for _, of := range budgetsOf(q.tenant) {
		for i, b := range e.budgetsNamed(of) {
			if b.Money != nil {
				continue
			}
			p, known := e.priceOf(q, &b, e.taken(of, i))
			if !known {
				return nil, standing("no forecast of carbon is known for " + siteName(q.site))
			}
			if worst == nil || p.scarcer(worst) {
				worst, how = p, standing(e.scarceText(of, i, p))
			}
		}
	}
	switch {
	case worst == nil:
		return nil, "no budget of carbon holds for " + standing(ownerText(q.tenant))
	case worst.Ample:
		return nil, how
	}
	return worst, how
}

func (e *Engine) budgetsNamed(of string) []api.Budget {
	if e.st.Spending[of] == nil {
		return nil
	}
	return e.st.Tenants[of].Budgets
}

func (p *scarce) scarcer(o *scarce) bool { return !p.Ample && (o.Ample || p.Hour < o.Hour) }

// priceOf is the shadow price of a budget at a site. What was taken counts by whole
// parts, and time by whole stretches, so that many elements ask for the same price: it is
// remembered, and follows from its key alone.
func (e *Engine) priceOf(q *timing, b *api.Budget, taken int64) (*scarce, bool) {
	begin, part := b.Begin(e.st.Now), max(b.Amount()/partsTaken, 1)
	now := max(e.st.Now-e.st.Now%api.Time(lookEach), begin)
	key := priced{e.index.SignalOf(q.site), sched.Allowance{Amount: b.Amount(), Taken: taken - taken%part, Begin: begin, End: begin.Add(b.Window)}, now}
	p, known := q.recall.price(key, func() (sched.Shadow, bool) { return e.index.Shadow(q.site, &key.budget, now) })
	if !known {
		return nil, false
	}
	return &scarce{p, key.budget.End}, true
}

func siteName(site string) string {
	if site == "" {
		return "nodes at no site"
	}
	return "site " + site
}

// scarceText says how a budget stands, and what waiting has to be worth by it.
func (e *Engine) scarceText(of string, i int, p *scarce) string {
	b := &e.st.Tenants[of].Budgets[i]
	text := amountOf(b, max(b.Amount()-e.taken(of, i), 0)) + " of the budget of " + ownerText(of) + ", " + b.String() + ", is left until " + p.end.Beside(e.st.Now)
	switch {
	case p.Ample:
		return text + ", which suffices"
	case p.Short:
		return text + ", which will not suffice: it waits for the cleanest hours there are"
	}
	return text + ": an hour of waiting has to save " + strconv.FormatInt((p.Hour+500)/1000, 10) + " g/kWh"
}
