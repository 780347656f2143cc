package sched

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
)

// Default is the strategy of a cell that was told none.
const Default = "greedy"

// Strategy is one entry of the registry.
type Strategy struct {
	api.Strategy
	Family string // "placing", "order", "global" or "energy"; "composed" when a cell declared it
	Source string // author, year, title
}

// plan is a strategy made ready: what Decide works with.
type plan struct {
	name  string
	order order
	depth int // of backfilling, see Index.Depth
	terms []weighted
	first bool  // ties go to the first node
	pair  bool  // only two nodes, drawn by the task, are compared
	sum   int64 // of the weights of what the strategy itself names

	rest    *api.Rest    // when idle nodes may sleep; nil: this says nothing of it
	planner string       // decides for all that wait at once; "" is none
	slice   bool         // work that may wait does so for better hours
	thrift  bool         // and only as far as budgets of carbon would not suffice otherwise
	charges api.Dispatch // by what batteries are charged and discharged; "": this says nothing of it
	slower  int32        // by so many per cent of its run at most; 0: as its deadline allows
	stretch int32        // what is held still takes so many per cent longer at most; 0: no bound
}

type weighted struct {
	name string
	term
	weight int64
	kind   termKind
	only   conditional // nil: it concerns every task
}

// Strategies returns the built-in strategies in the order of the documentation.
func Strategies() []Strategy {
	list := builtins()
	for _, o := range orders() {
		list = append(list, Strategy{
			Strategy: api.Strategy{
				Name: o.name, Doc: o.doc, Order: o.name, Ties: api.TiesSpread,
				Terms: []api.StrategyTerm{{Term: "latency", Weight: 2}, {Term: "packing", Weight: 2}},
			},
			Family: "order", Source: o.source,
		})
	}
	list = append(list, globals()...)
	list = append(list, greens()...)
	return append(list, backfills()...)
}

// Find returns a built-in strategy.
func Find(name string) (Strategy, bool) {
	list := Strategies()
	i := slices.IndexFunc(list, func(s Strategy) bool { return s.Name == name })
	if i < 0 {
		return Strategy{}, false
	}
	return list[i], true
}

// Named is something that a composed strategy may name, with its documentation.
type Named struct{ Name, Doc, Source string }

// Terms returns the terms that a score may be composed of.
func Terms() (out []Named) {
	for _, t := range terms() {
		out = append(out, Named{t.name, t.doc, t.source})
	}
	return out
}

// Orders returns the orders of the queue.
func Orders() (out []Named) {
	for _, o := range orders() {
		out = append(out, Named{o.name, o.doc, o.source})
	}
	return out
}

// Faults returns what is wrong with a declared strategy, everything at once: what
// its own Validate finds, and names that the registry does not have. A built-in
// one cannot be declared anew.
func Faults(s *api.Strategy) []api.FieldError {
	out := s.Validate()
	add := func(path, format string) { out = append(out, api.FieldError{Path: path, Message: format}) }
	if _, known := Find(s.Name); known {
		add("name", s.Name+" is built in; choose another name")
	}
	if s.Planner != "" && !known(Planners(), s.Planner) {
		add("planner", unknown(s.Planner, "a planner", Planners()))
	}
	if s.Order != "" && !known(Orders(), s.Order) {
		add("order", unknown(s.Order, "an order", Orders()))
	}
	for i, t := range s.Terms[:min(len(s.Terms), api.MaxTerms)] {
		if t.Term != "" && !known(Terms(), t.Term) {
			add(api.PathKey(api.PathAt("terms", i), "term"), unknown(t.Term, "a term", Terms()))
		}
	}
	return out
}

func known(list []Named, name string) bool {
	return slices.ContainsFunc(list, func(n Named) bool { return n.Name == name })
}

func unknown(name, what string, list []Named) string {
	var names []string
	for _, n := range list {
		names = append(names, n.Name)
	}
	if near := api.Nearest(name, names); near != "" {
		return name + " is not " + what + "; did you mean " + near + "?"
	}
	return name + " is not " + what + "; choose from " + strings.Join(names, ", ")
}

// compile makes a strategy ready. Unknown names are left out: they were refused
// when the strategy was declared, and a later version may know fewer.
func compile(s *api.Strategy) *plan {
	p := &plan{
		name: s.Name, first: s.Ties == api.TiesFirst, order: orderNamed(s.Order), planner: s.Planner, depth: depthOf(s.Backfill), rest: s.Rest,
		slice: s.Slice || s.Thrift, thrift: s.Thrift, slower: s.Slowdown, stretch: s.Stretch, charges: s.Dispatch,
	}
	all := terms()
	for _, t := range s.Terms {
		p.add(all, t.Term, int64(t.Weight))
		p.sum += max(int64(t.Weight), -int64(t.Weight))
	}
	p.pair = slices.ContainsFunc(s.Terms, func(t api.StrategyTerm) bool { return t.Term == "two-choices" })
	for _, c := range constraints {
		if !slices.ContainsFunc(p.terms, func(w weighted) bool { return w.name == c.term }) {
			p.add(all, c.term, (p.sum*c.quarters+3)/4)
		}
	}
	return p
}

// constraints are the soft wishes of tasks and nodes, which every strategy heeds:
// unless it weighs them itself they count so many quarters of all else together.
var constraints = [...]struct {
	term     string
	quarters int64
}{{"spread", 3}, {"wishes", 3}, {"avoid", 4}}

func (p *plan) add(all []namedTerm, name string, weight int64) {
	for _, t := range all {
		if t.name == name && weight != 0 {
			only, _ := t.term.(conditional)
			p.terms = append(p.terms, weighted{name, t.term, weight, t.kind, only})
		}
	}
}

// Use gives the index the strategies that a cell declared, the name of its own,
// and those of tenants.
func (x *Index) Use(cell string, declared map[string]*api.Strategy, tenants map[string]*api.Tenant) {
	x.plans = map[string]*plan{}
	for _, s := range Strategies() {
		x.plans[s.Name] = compile(&s.Strategy)
	}
	for _, name := range sortedKeys(declared) {
		x.plans[name] = compile(declared[name])
	}
	x.greedy = greedyPlans()
	if x.plans[cell] == nil {
		cell = Default
	}
	x.usual = x.plans[cell]
	x.cell, x.tenants = cell, x.unheld()
	for _, name := range sortedKeys(tenants) {
		x.tenants[name] = &tenant{Tenant: *tenants[name], touched: true}
	}
	x.requeue()
	for _, e := range x.nodes {
		x.room(e)
	}
}

// Knows reports whether a strategy of this name can be used.
func (x *Index) Knows(name string) bool { return x.plans[name] != nil }

// planOf is the strategy that decides where a task goes: the workload's own, else
// the tenant's, else the cell's.
func (x *Index) planOf(a *Ask) *plan {
	p := x.usual
	if t := x.tenants[a.Tenant]; t != nil {
		p = cmp.Or(x.plans[t.Strategy], p)
	}
	if a.Strategy != "" {
		p = cmp.Or(x.plans[a.Strategy], p)
	}
	if p.name == Default {
		return x.greedy[x.objectiveOf(a.Objective)]
	}
	return p
}
