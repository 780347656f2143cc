package rehearse

import (
	"maps"
	"sort"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// Took is what was measured of a job.
type Took struct {
	Completion api.Duration   // from its submission to its end
	Waits      []api.Duration // of each element, from there to its first run
}

// recentSettings are what decides besides the nodes.
type recentSettings struct {
	settings   state.Settings
	strategies map[string]api.Strategy
	tenants    map[string]api.Tenant
}

func newPastReader(base *state.State) *pastReader {
	p := &pastReader{
		jobs: map[uint64]*pastJob{}, nodes: map[string]api.Node{}, sites: map[string]api.Site{}, overheads: map[string][]api.Duration{}, seen: map[string]bool{},
		paths: newPaths(), has: recentSettings{base.Settings, map[string]api.Strategy{}, map[string]api.Tenant{}},
	}
	for name, n := range base.Nodes { // order-free: a copy
		p.nodes[name] = n.Node
	}
	for name, s := range base.Sites { // order-free: a copy
		p.sites[name] = *s
	}
	for name, s := range base.Strategies { // order-free: a copy
		p.has.strategies[name] = *s
	}
	for name, t := range base.Tenants { // order-free: a copy
		p.has.tenants[name] = *t
	}
	for _, key := range base.SortedSignals() {
		p.heard(base.Signals[key], base.Now)
	}
	return p
}

func (h *recentSettings) event(ev state.Event) {
	switch ev := ev.(type) {
	case *state.SettingsChanged:
		h.settings = ev.Settings
	case *state.StrategyPut:
		h.strategies[ev.Strategy.Name] = ev.Strategy
	case *state.TenantPut:
		h.tenants[ev.Tenant.Name] = ev.Tenant
	}
}

// began measures the wait of an element for its first run.
func (p *pastReader) began(ev *state.TaskStarted, now api.Time) {
	if j := p.jobs[ev.Attempt.Workload]; j != nil && ev.Attempt.Try == 1 {
		j.took.Waits = append(j.took.Waits, now.Sub(j.at))
	}
}

func (p *pastReader) finished(ev *state.WorkloadFinished, now api.Time) {
	if j := p.jobs[ev.ID]; j != nil {
		j.took.Completion = now.Sub(j.at)
	}
}

// Since leaves out the jobs that came before a time.
func (p *Past) Since(at api.Time) {
	n := sort.Search(len(p.Work), func(i int) bool { return p.Work[i].At >= at-p.Began })
	if n == 0 {
		return
	}
	first := sort.Search(len(p.Ended), func(i int) bool { return p.Ended[i].Arrival >= n })
	p.Ended = p.Ended[first:]
	for i := range p.Ended {
		p.Ended[i].Arrival -= n
	}
	p.Work, p.Took = p.Work[n:], p.Took[n:]
	if len(p.Work) > 0 {
		p.Began += p.Work[0].At
	}
	p.Work.fromZero()
}

// Startup is how long tasks took by driver besides running, as a start-up time: medians of
// cold and of warm starts where both were seen.
func (p *Past) Startup() map[string]twin.Startup { return p.startup }

// Usual is the same without that difference, and apart before and after the run: it is for
// worlds that go on from a cell, of which nobody says what its nodes have at hand.
func (p *Past) Usual() map[string]twin.Startup {
	if p.Delays == nil {
		return overheads(p.Overhead)
	}
	return p.Delays.usual
}

// Opening tells a cell in virtual time what decided in this past, with a strategy
// in the place of the cell's.
func (p *Past) Opening(strategy string) []engine.Input {
	var out []engine.Input
	for _, name := range sortedNames(p.Strategies) {
		out = append(out, &engine.PutStrategy{Strategy: p.Strategies[name]})
	}
	for _, name := range sortedNames(p.Tenants) {
		out = append(out, &engine.PutTenant{Tenant: p.Tenants[name]})
	}
	return append(out, &engine.PutSettings{Home: p.Settings.Home, Strategy: strategy})
}

func sortedNames[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for name := range maps.Keys(m) {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
