package api

// The further kinds of documents that are no workloads.
const (
	KindStrategy Kind = "strategy" // declares a Strategy
	KindTenant   Kind = "tenant"   // declares what a tenant may use
)

// Strategy is a named way to decide: in which order tasks are looked at, and which
// of the nodes that pass a task's requirements is the best. A node's score is the
// sum of its weighted terms. Names of orders and terms are those that the registry
// of the scheduler has.
type Strategy struct {
	Name  string         `json:"name" cbor:"1,keyasint"`
	Doc   string         `json:"doc,omitempty" cbor:"2,keyasint,omitempty"`   // one line for people
	Order string         `json:"order,omitempty" cbor:"3,keyasint,omitempty"` // of the queue, when it is the cell's strategy; default fixed-priority
	Terms []StrategyTerm `json:"terms,omitempty" cbor:"4,keyasint,omitempty"` // at most MaxTerms
	Ties  string         `json:"ties,omitempty" cbor:"5,keyasint,omitempty"`  // between nodes of equal score: "spread" (default) or "first"
	// Backfill promises room to tasks that wait, when it is the cell's strategy: "easy"
	// to the first, "conservative" to the first MaxReservations; "" to none.
	Backfill string `json:"backfill,omitempty" cbor:"6,keyasint,omitempty"`
	// Planner decides for all tasks that wait at once; what it leaves goes by the
	// score. "" is none.
	Planner string `json:"planner,omitempty" cbor:"7,keyasint,omitempty"`
	// Rest lets idle nodes sleep, at sites that say nothing of it, when it is the cell's
	// strategy; nil does not.
	Rest *Rest `json:"rest,omitempty" cbor:"10,keyasint,omitempty"`
	// Slice lets jobs that have a deadline wait for the hours in which their energy is
	// cleanest or cheapest, by their objective, and holds them still between such hours.
	Slice bool `json:"slice,omitempty" cbor:"8,keyasint,omitempty"`
	// Thrift lets jobs that have a deadline wait for cleaner hours as far as the budgets
	// of carbon of their tenant, and of all, would not suffice otherwise.
	Thrift bool `json:"thrift,omitempty" cbor:"11,keyasint,omitempty"`
	// Slowdown bounds that beside the deadline: by how many per cent of its predicted run a
	// task may end later than if it had begun when it was ready, at most MaxSlowdown; 0 is
	// no bound of its own.
	Slowdown int32 `json:"slowdown,omitempty" cbor:"14,keyasint,omitempty"`
	// Stretch bounds how long a task is held still once it runs: by how many per cent of its
	// predicted run on the reference node it may take longer than that, at most MaxSlowdown.
	// What it takes longer on a slower node counts, and each stop as five minutes more. 0 is
	// no bound of its own.
	Stretch int32 `json:"stretch,omitempty" cbor:"15,keyasint,omitempty"`
	// Dispatch has batteries charged and discharged, of sites that say nothing of it, when it
	// is the cell's strategy; "" does not.
	Dispatch Dispatch `json:"dispatch,omitempty" cbor:"16,keyasint,omitempty"`
}

// Who is promised room while it waits.
const (
	BackfillEasy         = "easy"         // the first of the queue
	BackfillConservative = "conservative" // the first MaxReservations
)

// StrategyTerm is one weighted term of a score.
type StrategyTerm struct {
	Term   string `json:"term" cbor:"1,keyasint"`
	Weight int32  `json:"weight,omitempty" cbor:"2,keyasint,omitempty"` // -MaxWeight to MaxWeight, not 0; default 1
}

// Limits of a strategy.
const (
	MaxReservations = 64 // promises that a cell keeps under conservative backfilling

	MaxTerms      = 8     // terms of a strategy: a Decision names each for four nodes
	MaxWeight     = 1000  // of a term, and -MaxWeight at least
	MaxSlowdown   = 10000 // in per cent
	MaxStrategies = 100   // that a cell keeps beside the built-in ones
	MaxTenants    = 1000  // that a cell keeps settings of
	MaxShare      = 10000 // weight of a tenant
)

// How nodes of equal score share equal tasks.
const (
	TiesSpread = "spread" // by a hash of task and node
	TiesFirst  = "first"  // the first by name takes all that it can
)

// AllTenants is the name under which a cell is told what holds for all of its tenants
// together, the operator's included: budgets. No tenant can have it.
const AllTenants = "*"

// Tenant says how a tenant's tasks are treated. Zero fields say nothing.
type Tenant struct {
	Name     string     `json:"name" cbor:"1,keyasint"`
	Strategy string     `json:"strategy,omitempty" cbor:"2,keyasint,omitempty"` // of workloads that name none
	Weight   int32      `json:"weight,omitempty" cbor:"3,keyasint,omitempty"`   // share under fair-share, default 1
	Quota    *Resources `json:"quota,omitempty" cbor:"4,keyasint,omitempty"`    // served before others may borrow, under fair-share
	Limit    *Resources `json:"limit,omitempty" cbor:"5,keyasint,omitempty"`    // never exceeded; a zero resource is not limited
	Budgets  []Budget   `json:"budgets,omitempty" cbor:"6,keyasint,omitempty"`  // of money and carbon, at most MaxBudgets
}

// Normalize writes the defaults: a weight of 1 for each term, and the ties.
func (s *Strategy) Normalize() {
	for i := range s.Terms {
		setDefault(&s.Terms[i].Weight, 1)
	}
	setDefault(&s.Ties, TiesSpread)
}

// Normalize writes the default weight, and what budgets do.
func (t *Tenant) Normalize() {
	setDefault(&t.Weight, 1)
	for i := range t.Budgets {
		setDefault(&t.Budgets[i].Then, BudgetDefer)
	}
}

// Validate returns every fault of the strategy but for the names of its order and
// terms, which the scheduler knows.
func (s *Strategy) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	c.name("name", s.Name)
	c.text("doc", s.Doc, 256)
	if s.Order != "" {
		c.name("order", s.Order)
	}
	if s.Planner != "" {
		c.name("planner", s.Planner)
	}
	if len(s.Terms) == 0 {
		c.fault("terms", "is missing; write at least one, such as {term: latency, weight: 2}")
	}
	c.atMost("terms", len(s.Terms), MaxTerms)
	for i := range s.Terms[:min(len(s.Terms), MaxTerms)] {
		c.enterAt("terms", i)
		c.name("term", s.Terms[i].Term)
		within(&c, "weight", s.Terms[i].Weight, -MaxWeight, MaxWeight)
		for j := range i {
			if s.Terms[j].Term == s.Terms[i].Term && s.Terms[i].Term != "" {
				c.fault("term", "%s is weighed already, terms[%d]", s.Terms[i].Term, j)
				break
			}
		}
		c.leave()
	}
	oneOf(&c, "ties", s.Ties, TiesSpread, TiesFirst)
	c.rest(s.Rest)
	oneOf(&c, "backfill", s.Backfill, BackfillEasy, BackfillConservative)
	if s.Thrift && (s.Slice || s.Planner != "") {
		c.fault("thrift", "says itself when jobs start: it goes neither with slice nor with a planner; leave one of them out")
	}
	if s.Slice && s.Planner != "" {
		c.fault("slice", "does not go with a planner, which decides for all that wait at once; leave one of them out")
	}
	within(&c, "slowdown", s.Slowdown, 0, MaxSlowdown)
	c.dispatch("dispatch", s.Dispatch)
	if s.Slowdown > 0 && !s.Slice && !s.Thrift {
		c.fault("slowdown", "bounds how long work waits for better hours, which it does only with slice or thrift")
	}
	within(&c, "stretch", s.Stretch, 0, MaxSlowdown)
	if s.Stretch > 0 && !s.Slice {
		c.fault("stretch", "bounds how long running work is held still, which is done only with slice")
	}
	if s.Backfill != "" && s.Planner != "" {
		c.fault("backfill", "does not go with a planner, which decides for all that wait at once; leave one of them out")
	}
	return c.done()
}

// Validate returns every fault of the tenant; whether its strategy is known, the
// cell says.
func (t *Tenant) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	switch {
	case t.Name != AllTenants:
		c.name("name", t.Name)
	case t.Strategy != "" || t.Weight > 1 || t.Quota != nil || t.Limit != nil:
		c.fault("name", `"*" is all tenants together, which have nothing but budgets; write the other fields for each tenant, and the strategy with drover strategies set`)
	}
	if t.Strategy != "" {
		c.name("strategy", t.Strategy)
	}
	within(&c, "weight", t.Weight, 0, MaxShare)
	for _, r := range [...]struct {
		field string
		value *Resources
	}{{"quota", t.Quota}, {"limit", t.Limit}} {
		if r.value == nil {
			continue
		}
		c.enter(r.field)
		c.resources(r.value, true)
		c.leave()
	}
	c.budgets(t.Budgets)
	return c.done()
}

// StrategyList is the strategies that a cell knows, the built-in ones first.
type StrategyList struct {
	Items []StrategyView `json:"items"`
}

// StrategyView shows a strategy.
type StrategyView struct {
	Strategy
	Family  string `json:"family"`           // "placing", "order", "global" or "composed"
	Source  string `json:"source,omitempty"` // author, year, title of the method
	Default bool   `json:"default,omitempty"`
}

// TenantList is what a cell was told of its tenants, by name.
type TenantList struct {
	Items []TenantView `json:"items"`
}

// TenantView shows a tenant and what its placed tasks hold.
type TenantView struct {
	Tenant
	Used Resources `json:"used"`
	// Share is the dominant share in thousandths: the largest part of any resource
	// of the cell that the tenant holds.
	Share Milli `json:"share"`
	// Standing is how its budgets stand, in their order.
	Standing []BudgetView `json:"standing,omitempty"`
}
