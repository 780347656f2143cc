package sched

import "drover.dev/api"

// builtins are the placing strategies.
func builtins() []Strategy {
	entry := func(name, doc, source, ties string, terms ...api.StrategyTerm) Strategy {
		return Strategy{api.Strategy{Name: name, Doc: doc, Terms: terms, Ties: ties}, "placing", source}
	}
	one := func(term string) api.StrategyTerm { return api.StrategyTerm{Term: term, Weight: 1} }
	return []Strategy{
		entry("greedy", "the best weighted sum of the latency model and of packing, by the workload's objective", "",
			api.TiesSpread, api.StrategyTerm{Term: "latency", Weight: 2}, api.StrategyTerm{Term: "packing", Weight: 2}),
		entry("round-robin", "one node after the other", "", api.TiesSpread, one("turn")),
		entry("least-connections", "the node that holds fewest tasks", "", api.TiesSpread, one("tasks")),
		entry("source-hash", "tasks of one source go to one node while it has no more than 1.25 times the mean load",
			"Mirrokni, Thorup and Zadimoghaddam, 2018, Consistent Hashing with Bounded Loads", api.TiesSpread, one("source")),
		entry("random-two-choices", "the emptier of two nodes that are drawn by the task's number",
			"Mitzenmacher, 2001, The Power of Two Choices in Randomized Load Balancing", api.TiesSpread, one("two-choices")),
		entry("best-fit", "the node that has least left", "Weng et al., 2023, Beware of Fragmentation (its baseline)", api.TiesFirst, one("fit")),
		entry("worst-fit", "the node that has most left", "", api.TiesSpread, api.StrategyTerm{Term: "fit", Weight: -1}),
		entry("dot-product", "the node whose free room points in the same direction as the request",
			"Panigrahy, Talwar, Uyeda and Wieder, 2011, Heuristics for Vector Bin Packing", api.TiesFirst, one("alignment")),
		entry("fragmentation-gradient", "the node where the GPU room that the typical task cannot use grows least",
			"Weng et al., 2023, Beware of Fragmentation: Scheduling GPU-Sharing Workloads", api.TiesFirst, api.StrategyTerm{Term: "fragmentation", Weight: 100}, one("fit")),
		entry("backed-packing", "for clusters of GPUs: least growth of the GPU room that the typical task cannot use, for want of room or of cpu beside it, no scarce model for whom another will do, and of two like nodes the fuller",
			"ours, after Weng et al., 2023", api.TiesFirst, api.StrategyTerm{Term: "growth", Weight: 2}, api.StrategyTerm{Term: "backing", Weight: 4}, api.StrategyTerm{Term: "scarcity", Weight: 8}, api.StrategyTerm{Term: "remnant", Weight: 16}, one("fit")),
	}
}

// globals are the strategies that decide for all that waits at once.
func globals() (out []Strategy) {
	for _, p := range Planners() {
		s := api.Strategy{
			Name: p.Name, Doc: p.Doc, Planner: p.Name, Ties: api.TiesSpread,
			Terms: []api.StrategyTerm{{Term: "latency", Weight: 2}, {Term: "packing", Weight: 2}},
		}
		if p.Name != PlannerCost {
			s.Order, s.Terms = "shortest-first", []api.StrategyTerm{{Term: "latency", Weight: 1}}
		}
		out = append(out, Strategy{s, "global", p.Source})
	}
	return out
}

// backfills are the strategies that promise room to those who wait.
func backfills() []Strategy {
	entry := func(name, backfill, doc, source string) Strategy {
		return Strategy{api.Strategy{
			Name: name, Doc: doc, Order: "fifo", Ties: api.TiesSpread, Backfill: backfill,
			Terms: []api.StrategyTerm{{Term: "latency", Weight: 2}, {Term: "packing", Weight: 2}},
		}, "order", source}
	}
	return []Strategy{
		entry("backfill", api.BackfillEasy, "the older first; the first that must wait is promised room, and others may overtake it where that does not delay it",
			"Lifka, 1995, The ANL/IBM SP Scheduling System"),
		entry("conservative-backfill", api.BackfillConservative, "the older first; all that must wait are promised room, and others may overtake them where that delays nobody",
			"Mu'alem and Feitelson, 2001, Utilization, Predictability, Workloads, and User Runtime Estimates in Scheduling the IBM SP2 with Backfilling"),
	}
}

// objective numbers the weights of the greedy strategy.
type objective uint8

const (
	balanced objective = iota
	latencyFirst
	packingFirst
	carbonFirst
	costFirst
	objectives
)

// objectiveOf is the weighing for an objective. Carbon and cost can only be weighed
// where a signal says something of them.
func (x *Index) objectiveOf(o api.Objective) objective {
	switch {
	case o == api.ObjectiveCarbon && x.knowsSignal(api.SignalCarbon):
		return carbonFirst
	case o == api.ObjectiveCost && x.knowsSignal(api.SignalPrice):
		return costFirst
	}
	switch o {
	case api.ObjectiveLatency:
		return latencyFirst
	case api.ObjectiveCost, api.ObjectiveEnergy, api.ObjectiveCarbon:
		return packingFirst
	}
	return balanced
}

// greedyPlans weigh by objective. A node that packs tighter leaves others empty,
// which is what saves money, energy and carbon.
func greedyPlans() (out [objectives]*plan) {
	for i, w := range [objectives]struct {
		latency, packing int32
		green            string
	}{balanced: {2, 2, ""}, latencyFirst: {6, 1, ""}, packingFirst: {1, 6, ""}, carbonFirst: {1, 2, "carbon"}, costFirst: {1, 2, "cost"}} {
		terms := []api.StrategyTerm{
			{Term: "latency", Weight: w.latency},
			{Term: "packing", Weight: w.packing},
			{Term: "spread", Weight: 3},
			{Term: "avoid", Weight: 4},
		}
		if w.green != "" {
			terms = append(terms, api.StrategyTerm{Term: w.green, Weight: 8})
		}
		out[i] = compile(&api.Strategy{Name: Default, Terms: terms})
	}
	return out
}
