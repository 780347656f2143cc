package profile

import "drover.dev/api"

// The thresholds of the class rules.
const (
	quick     = api.Second            // an answer needed within it is latency-critical
	reference = api.Rate(100_000_000) // the link that data are weighed against: 100 Mbit/s, a common edge uplink
	little    = 1 * api.MiB           // moving less is never what decides
	much      = 1 * api.GiB           // moving more always is, when the run time is unknown
	cores     = api.Milli(2000)       // a request from which a task counts as compute-heavy
	work      = api.Minute            // core time from which a task counts as compute-heavy
	inference = "wasi_nn"             // the import of modules that run neural networks
)

// ClassRule is one rule of the classification; the first that holds decides.
type ClassRule struct {
	Class api.Class
	When  string // the condition, in words
	Why   string // what a Profile says

	holds func(features) bool
}

// ClassRules returns the rules in order, for documentation and tests.
func ClassRules() []ClassRule { return append([]ClassRule(nil), classRules[:]...) }

func (f features) class() *ClassRule {
	for i := range classRules {
		if classRules[i].holds(f) {
			return &classRules[i]
		}
	}
	return &classRules[len(classRules)-1]
}

var classRules = [...]ClassRule{
	{
		api.ClassLatency, "latency or deadline of at most 1 s",
		"latency-critical: its answer is needed within a second",
		func(f features) bool { return f.need > 0 && f.need <= quick },
	},
	{
		api.ClassPeriodic, "has a schedule",
		"periodic: it runs on a schedule",
		func(f features) bool { return f.w.Schedule != nil },
	},
	{
		api.ClassBest, "priority below 0 and no deadline",
		"best-effort: its priority is below 0 and it has no deadline",
		func(f features) bool { return f.w.Priority < 0 && f.w.Deadline == 0 },
	},
	{
		api.ClassData, "moves at least 1 MiB, and moving it over 100 Mbit/s takes at least as long as running; run time unknown: moves at least 1 GiB",
		"data-heavy: moving its data costs more time than running it",
		features.dataHeavy,
	},
	{
		api.ClassCompute, "an accelerator, 2 CPUs, an import of wasi_nn, or a minute of core time",
		"compute-heavy: it asks for 2 CPUs or more, an accelerator, or a minute of core time",
		features.computeHeavy,
	},
	{
		api.ClassBest, "otherwise",
		"best-effort: it is short or of unknown length, and moves little",
		func(features) bool { return true },
	},
}

// dataHeavy compares communication with computation (a communication-to-
// computation ratio of one, as in Kwok and Ahmad, 1999, "Static Scheduling
// Algorithms for Allocating Directed Task Graphs to Multiprocessors").
func (f features) dataHeavy() bool {
	moved := add(f.in, f.out)
	if !f.runs() {
		return moved >= much
	}
	return moved >= little && transfer(moved, reference) >= f.run
}

func (f features) computeHeavy() bool {
	r := &f.t.Resources
	if len(r.Accelerators) > 0 || r.CPU >= cores || f.imports(inference) {
		return true
	}
	return f.runs() && f.run >= work && scale(f.run, int64(max(r.CPU, 1)), 1000) >= work
}

// runs reports whether the run time is known and ends: services and system
// tasks go on for ever.
func (f features) runs() bool { return f.known && f.w.Kind == api.KindJob }

// transfer is how long size takes over a link, latency apart.
func transfer(size api.Bytes, link api.Rate) api.Duration {
	return scale(api.Duration(min(size, api.Bytes(forever/8))*8), int64(api.Second), int64(link))
}
