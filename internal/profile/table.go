package profile

import "drover.dev/api"

// LabelGoal is the workload label that states a goal which no other field can:
// GoalPrediction or GoalManyOwners.
const LabelGoal = "drover.dev/goal"

// The goals.
const (
	GoalPrediction = "prediction"  // know the outcome before acting
	GoalManyOwners = "many-owners" // several owners share the nodes and none decides alone
)

// Latency needs at which the advice changes.
const (
	instant = 1 * api.Millisecond
	prompt  = 10 * api.Millisecond
	soon    = 100 * api.Millisecond
)

// Row is one row of the decision table; the first that holds gives the advice.
// Strategy is a name in the family of Technology.
type Row struct {
	When       string // the condition, in words
	Technology string
	Strategy   string
	Why        string // what a Profile says

	holds func(features) bool
}

// Table returns the decision table in order, for documentation and tests.
func Table() []Row { return append([]Row(nil), table[:]...) }

func (f features) row() *Row {
	for i := range table {
		if table[i].holds(f) {
			return &table[i]
		}
	}
	return &table[len(table)-1]
}

var table = [...]Row{
	{
		"a QPU is requested, or the driver is qasm", "quantum", "hybrid",
		"a quantum circuit needs a QPU, and classical nodes for what surrounds it",
		func(f features) bool { return f.t.Driver == "qasm" || f.accelerator("qpu") },
	},
	{
		"latency below 1 ms", "edge", "wasm-first",
		"below 1 ms there is no time for a network or a process start: a WASM instance beside the user",
		func(f features) bool { return f.w.Latency > 0 && f.w.Latency < instant },
	},
	{
		"latency of 1 to 10 ms, with devices", "iot", "gateway-local",
		"within 10 ms a device's data reach their gateway, but not the cloud and back",
		func(f features) bool { return f.within(prompt) && f.on(api.LayerDevice) },
	},
	{
		"latency of 1 to 10 ms, data-heavy", "edge", "local-first",
		"within 10 ms its data cannot be moved: it runs where they are",
		func(f features) bool { return f.within(prompt) && f.dataHeavy() },
	},
	{
		"latency of 1 to 10 ms, with compute", "serverless", "prewarm",
		"within 10 ms there is time to compute but none for a cold start: instances are kept warm",
		func(f features) bool { return f.within(prompt) },
	},
	{
		"objective carbon; a job without a latency need, whose deadline, if any, is at least twice the predicted high run time", "green", "time-slicing",
		"it may wait for clean hours and still end in time",
		func(f features) bool { return f.w.Objective == api.ObjectiveCarbon && f.deferrable() },
	},
	{
		"objective carbon", "green", "renewable-following",
		"with no time to wait, carbon is saved by the choice of place",
		func(f features) bool { return f.w.Objective == api.ObjectiveCarbon },
	},
	{
		"objective energy; kind service", "green", "consolidation",
		"long-running replicas save energy on few, full nodes while others sleep",
		func(f features) bool { return f.w.Objective == api.ObjectiveEnergy && f.w.Kind == api.KindService },
	},
	{
		"objective energy", "green", "energy-aware",
		"the node that needs the least energy for the run",
		func(f features) bool { return f.w.Objective == api.ObjectiveEnergy },
	},
	{
		"label drover.dev/goal: prediction", "twin", "predictive",
		"its goal is to know the outcome: the decision is rehearsed first",
		func(f features) bool { return f.w.Labels[LabelGoal] == GoalPrediction },
	},
	{
		"the deadline lies inside the predicted interval", "twin", "predictive",
		"its deadline lies inside the predicted interval: a rehearsal shows which choice meets it",
		func(f features) bool { return f.known && f.w.Deadline > f.low && f.w.Deadline <= f.high },
	},
	{
		"nodes of several owners may take it, or label drover.dev/goal: many-owners", "market", "decentralised",
		"no single owner decides: a market over agreed records does",
		func(f features) bool { return f.facts.Owners > 1 || f.w.Labels[LabelGoal] == GoalManyOwners },
	},
	{
		"latency of at most 100 ms, or objective latency", "edge", "layered",
		"T = T_local + T_network + T_cloud is weighed for each layer",
		func(f features) bool { return f.within(soon) || f.w.Objective == api.ObjectiveLatency },
	},
	{
		"data-heavy", "edge", "local-first",
		"moving the program is cheaper than moving its data",
		features.dataHeavy,
	},
	{
		"an accelerator is requested", "cloud", "fragmentation-gradient",
		"accelerators are packed so that the least is left unusable",
		func(f features) bool { return len(f.t.Resources.Accelerators) > 0 },
	},
	{
		"has a deadline", "cloud", "deadline",
		"the earliest deadline goes first",
		func(f features) bool { return f.w.Deadline > 0 },
	},
	{
		"kind service", "cloud", "least-connections",
		"requests go to the replica with the fewest open ones",
		func(f features) bool { return f.w.Kind == api.KindService },
	},
	{
		"predicted high run time of at most 1 s, from history or guess", "serverless", "hybrid",
		"it is so short that its start decides: a warm instance when one is there, else a cold one",
		func(f features) bool { return f.runs() && f.high <= api.Second },
	},
	{
		"otherwise", "cloud", "best-fit",
		"nothing urges: nodes are filled well, at the lowest cost",
		func(features) bool { return true },
	},
}

func (f features) within(d api.Duration) bool { return f.w.Latency > 0 && f.w.Latency <= d }

// on reports whether the task names a layer.
func (f features) on(layer api.Layer) bool {
	for _, l := range f.t.Requires.Layers {
		if l == layer {
			return true
		}
	}
	return false
}

func (f features) accelerator(kind string) bool {
	for i := range f.t.Resources.Accelerators {
		if f.t.Resources.Accelerators[i].Kind == kind {
			return true
		}
	}
	return false
}

// deferrable reports whether the task can wait for as long as it may run.
func (f features) deferrable() bool {
	if f.w.Kind != api.KindJob || f.w.Latency > 0 {
		return false
	}
	return f.w.Deadline == 0 || f.w.Deadline/2 >= f.high
}
