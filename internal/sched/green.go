package sched

import (
	"drover.dev/api"
	"drover.dev/internal/energy"
)

// Terms by what a task takes. Each compares an amount with that of a reference: 0 takes
// nothing, −500 as much as the reference, −1000 is without bound; what earns, as under
// negative prices, is above 0. The reference is the task on usual cores (3.5 W each), at
// 400 g/kWh for carbon, and 0.05 a core-hour for cost, in whatever currency.

type (
	energyTerm struct{}
	carbonTerm struct{}
	costTerm   struct{}
	paceTerm   struct{}
)

var (
	_ term = energyTerm{}
	_ term = carbonTerm{}
	_ term = costTerm{}
	_ term = paceTerm{}
)

func greenTerms() []namedTerm {
	return []namedTerm{
		{"energy", "how little energy the task adds: 0 is none, -500 as much as on usual cores; an empty node counts with its idle power, as it could sleep", "", ofNode, energyTerm{}},
		{"carbon", "how little carbon: energy times the site's intensity while it would run; 0 is none, -500 as much as on usual cores at 400 g/kWh", "", ofNode, carbonTerm{}},
		{"cost", "how little it costs: energy at the site's price while it would run, and the node's price for the part held; 0 is nothing, -500 is 0.05 a core-hour", "", ofNode, costTerm{}},
		{"generation", "how much of the power that the task adds is generated on its site while it would run, beyond what the site draws: 0 to 1000", "", ofNode, generationTerm{}},
		{"pace", "-1000 on a node where the task would take 5 % longer than on the fastest that has room", "", ofNode, paceTerm{}},
	}
}

const (
	referenceCarbon = 400_000 // mg/kWh
	referencePrice  = 50_000  // micro-units a core-hour
)

// frugality is −1000·amount/(reference + |amount|).
func frugality(amount, reference int64) int64 {
	if whole := int64(magnitude(amount) + magnitude(reference)); whole > 0 {
		return -scale(amount, unit, whole)
	}
	return 0
}

// reference is the energy of a task on usual cores, and on GPUs of no known model.
func reference(a *Ask) int64 {
	run := a.Profile.Run
	if run <= 0 || a.Spread {
		run = api.Hour
	}
	draw := scale(energy.UsualFull, max(int64(a.Task.Resources.CPU), 1), 1000)
	for i := range a.Task.Resources.Accelerators {
		draw += energy.UsualGPU * int64(a.Task.Resources.Accelerators[i].Count)
	}
	return max(scale(draw, int64(min(run, maxEstimate)), milliwattNanoseconds), 1)
}

func (energyTerm) value(s *scorer, e *node) int64 {
	return frugality(int64(s.x.added(e, s.ask, true)), reference(s.ask))
}

func (carbonTerm) value(s *scorer, e *node) int64 {
	g := s.x.signalAt(e.Site, api.SignalCarbon)
	if g == nil { // no better and no worse than the reference grid
		return frugality(scale(int64(s.x.added(e, s.ask, true)), referenceCarbon, perMilligram), scale(reference(s.ask), referenceCarbon, perMilligram))
	}
	mean := s.green.mean(g, s.x.now, e.runOf(s.ask))
	return frugality(scale(int64(s.x.added(e, s.ask, true)), mean, perMilligram), scale(reference(s.ask), referenceCarbon, perMilligram))
}

func (costTerm) value(s *scorer, e *node) int64 {
	run := e.runOf(s.ask)
	cost := s.x.costOf(e, s.ask.Task, int64(s.x.added(e, s.ask, true)), ran{{s.x.now, s.x.now.Add(run)}}, run)
	if cost == nil {
		return -unit / 2
	}
	cores := max(int64(s.ask.Task.Resources.CPU), 1)
	return frugality(cost.Micro, max(scale(scale(referencePrice, cores, 1000), int64(min(max(s.ask.Profile.Run, api.Second), maxEstimate)), int64(api.Hour)), 1))
}

// meansOf remembers the last mean of a signal: nodes of one site and speed come one after
// the other.
type meansOf struct {
	signal  *api.Signal
	from    api.Time
	run     api.Duration
	value   int64
	fastest api.Duration // of the nodes that have room; 0: not looked for yet

	draws map[string]int64 // of each site, in mW; nil: not added up yet
}

func (m *meansOf) mean(s *api.Signal, from api.Time, run api.Duration) int64 {
	if m.signal != s || m.from != from || m.run != run {
		m.signal, m.from, m.run = s, from, run
		m.value, _ = s.Mean(from, from.Add(run))
	}
	return m.value
}

func (paceTerm) value(s *scorer, e *node) int64 {
	if s.green.fastest == 0 {
		s.green.fastest = maxEstimate
		for o := range s.passing.those {
			if o.open && o.fits(s.ask) && permits(s.ties, o) {
				est := s.x.estimate(o, s.ask)
				s.green.fastest = min(s.green.fastest, max(est.total(), 1))
			}
		}
	}
	est := s.x.estimate(e, s.ask)
	if est.total() > s.green.fastest+s.green.fastest/20 {
		return -unit
	}
	return 0
}

// greens are the strategies by what a task takes.
func greens() []Strategy {
	entry := func(name, doc string, terms ...api.StrategyTerm) Strategy {
		return Strategy{api.Strategy{Name: name, Doc: doc, Terms: terms, Ties: api.TiesSpread}, "energy", ""}
	}
	weigh := func(term string, weight int32) api.StrategyTerm { return api.StrategyTerm{Term: term, Weight: weight} }
	return []Strategy{
		entry("energy-aware", "the node on which the task adds least energy, among those where it takes at most 5 % longer than on the fastest",
			weigh("energy", 8), weigh("pace", 16), weigh("packing", 1)),
		entry("renewable-first", "the site whose grid is cleanest while the task would run, and there the node that adds least energy", weigh("carbon", 8), weigh("latency", 1)),
		entry("renewable-following", "the site that generates the power itself which the task adds, else the one whose grid is cleanest while it would run; heeds transfer, price and energy",
			weigh("generation", 8), weigh("carbon", 4), weigh("energy", 1), weigh("cost", 1), weigh("latency", 2)),
		entry("time-of-use", "the site where power and node are cheapest while the task would run", weigh("cost", 8), weigh("latency", 1)),
		consolidation(),
		slicing(),
		thrift(),
		dispatching(),
		entry("balanced", "latency, cost, energy and carbon, weighed alike", weigh("latency", 2), weigh("cost", 2), weigh("energy", 2), weigh("carbon", 2)),
	}
}

// consolidation is the strategy by which what is not needed sleeps.
func consolidation() Strategy {
	return Strategy{api.Strategy{
		Name: "consolidation", Ties: api.TiesFirst, Rest: &api.Rest{Move: true},
		Doc:   "the node on which the task adds fewest watts, a full one rather than an empty one; running work leaves nodes that hold little, nodes that are idle sleep, if they can, and are woken by work that needs them",
		Terms: []api.StrategyTerm{{Term: "energy", Weight: 8}, {Term: "pace", Weight: 16}, {Term: "packing", Weight: 2}},
	}, "energy", "after Beloglazov and Buyya, 2012, Optimal Online Deterministic Algorithms and Adaptive Heuristics (its power-aware best fit)"}
}

// thrift is the strategy by which budgets of carbon suffice.
func thrift() Strategy {
	return Strategy{api.Strategy{
		Name: "carbon-budget", Thrift: true, Ties: api.TiesSpread,
		Doc:   "the cleanest site, and when: jobs with a deadline wait for cleaner hours as far as the carbon budgets of their tenant, and of all, would not suffice for what is expected to come in the window",
		Terms: []api.StrategyTerm{{Term: "carbon", Weight: 8}, {Term: "latency", Weight: 1}},
	}, "energy", "ours; the price of waiting is the Lagrange multiplier of the budget"}
}

// dispatching is the strategy by which batteries follow the price.
func dispatching() Strategy {
	return Strategy{api.Strategy{
		Name: "storage", Dispatch: api.DispatchCost, Ties: api.TiesSpread,
		Doc:   "tasks go where greedy has those without an objective; the batteries of sites buy energy in the hours that are cheap and give it to their site in those that are dear, planned anew every hour of the price and when it changes",
		Terms: []api.StrategyTerm{{Term: "latency", Weight: 2}, {Term: "packing", Weight: 2}, {Term: "spread", Weight: 3}, {Term: "avoid", Weight: 4}},
	}, "energy", "after Bellman, 1957, Dynamic Programming; on exact convex functions instead of a grid"}
}

// mostStretch bounds, in per cent, how much longer than their run time-slicing has tasks take.
// Most of what can be saved is saved by when they start.
const mostStretch = 15

// slicing is the strategy by which work that may wait does so.
func slicing() Strategy {
	return Strategy{api.Strategy{
		Name: "time-slicing", Slice: true, Stretch: mostStretch, Ties: api.TiesSpread,
		Doc:   "jobs with a deadline start, and are held still and go on, in the hours that are cleanest or cheapest by their objective",
		Terms: []api.StrategyTerm{{Term: "carbon", Weight: 2}, {Term: "cost", Weight: 2}, {Term: "latency", Weight: 1}},
	}, "energy", ""}
}
