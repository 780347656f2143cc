package profile

import (
	"drover.dev/api"
)

// Facts is what the server knows of a task beyond its spec. The zero value
// means that nothing is known.
type Facts struct {
	Artifact    api.Bytes // size of the program
	Inputs      api.Bytes // sum of the input sizes that are known or expected
	Imports     []string  // WASM: the modules that the program imports from, for example "wasi_snapshot_preview1"
	MemoryPages uint32    // WASM: 64 KiB pages that the program asks for at its start
	Owners      int32     // different owners of the nodes that may take the task; 0 and 1: a single one
}

// Past is the history to predict from. Either may be nil.
type Past struct {
	Same  *History // of the same task of the same workload
	Shape *History // of tasks of the same shape and tenant (see ShapeKey)
}

// Analyse profiles one task of a workload that was normalised and validated. A
// task number outside the workload gives a best-effort Profile of nothing known.
func Analyse(w *api.Workload, task int, past Past, facts Facts) api.Profile {
	if task < 0 || task >= len(w.Tasks) {
		return api.Profile{Class: api.ClassBest, Why: []string{whyNoTask}}
	}
	t := &w.Tasks[task]
	f := features{w: w, t: t, facts: facts}
	basis := f.predict(past)
	f.data(past)
	class := f.class()
	if f.high == 0 {
		basis = f.assume(class.Class)
	}
	row := f.row()
	return api.Profile{
		Class: class.Class,
		Run:   f.run, RunLow: f.low, RunHigh: f.high, Samples: f.samples,
		BytesIn: f.in, BytesOut: f.out, Speeds: f.speeds,
		Technology: row.Technology, Strategy: row.Strategy,
		Why: f.reasons(class.Why, basis, row.Why),
	}
}

// features is what the rules look at.
type features struct {
	w              *api.Workload
	t              *api.Task
	facts          Facts
	low, run, high api.Duration // predicted; zero while nothing is known
	samples        int32
	in, out        api.Bytes
	need           api.Duration // the answer is needed within; 0: no need
	known          bool         // run rests on a history or on the user's guess
	speeds         []api.MachineSpeed
}

// Runs of the same task that outweigh any number of runs of its shape.
const ownRuns = 3

// predict fills the run time from the best evidence and names it; without any
// it leaves zeros.
func (f *features) predict(past Past) (basis string) {
	f.need = soonest(f.w.Latency, f.w.Deadline)
	same, shape := past.Same.Len(), past.Shape.Len()
	switch {
	case same >= ownRuns:
		return f.learn(past, past.Same, whyHistory)
	case shape >= enough:
		return f.learn(past, past.Shape, whyShape)
	case same > 0:
		return f.learn(past, past.Same, whyFewRuns)
	case f.t.Duration > 0:
		return f.guess(f.t.Duration, whyGuess)
	case shape > 0:
		return f.learn(past, past.Shape, whyFewRuns)
	}
	return ""
}

func (f *features) learn(past Past, h *History, basis string) string {
	f.low, f.run, f.high = h.Interval()
	f.speeds = past.speeds(h)
	f.samples, f.known = int32(h.Len()), true
	return f.cap(basis)
}

// guess surrounds a user's guess: runs are rarely longer than twice what users
// say, and often much shorter (Mu'alem and Feitelson, 2001, "Utilization,
// Predictability, Workloads, and User Runtime Estimates in Scheduling the IBM
// SP2 with Backfilling").
func (f *features) guess(d api.Duration, basis string) string {
	f.low, f.run, f.high = d/8, d, max(d, 2*min(d, forever/2))
	f.known = true
	return f.cap(basis)
}

// assume takes the default of a class, a factor of ten either way.
func (f *features) assume(class api.Class) string {
	d := defaults(class)
	f.low, f.run, f.high = d/10, d, 10*d
	return f.cap(whyDefault)
}

// cap bounds a prediction by the timeout, since no attempt runs longer.
func (f *features) cap(basis string) string {
	if limit := f.t.Timeout; limit > 0 {
		f.low, f.run, f.high = min(f.low, limit), min(f.run, limit), min(f.high, limit)
	}
	return basis
}

// defaults are the run times assumed when nothing else is known.
func defaults(class api.Class) api.Duration {
	switch class {
	case api.ClassLatency:
		return 10 * api.Millisecond
	case api.ClassData, api.ClassCompute:
		return 5 * api.Minute
	default:
		return api.Minute
	}
}

// data fills what the task moves: inputs and program come in, outputs go out.
func (f *features) data(past Past) {
	f.in = add(f.facts.Artifact, f.facts.Inputs)
	for i := range f.t.Outputs {
		f.out = add(f.out, f.t.Outputs[i].Expect)
	}
	for _, h := range [...]*History{past.Same, past.Shape} {
		if h != nil && h.Output > 0 {
			f.out = h.Output
			break
		}
	}
}

func add(a, b api.Bytes) api.Bytes {
	a, b = max(a, 0), max(b, 0)
	if a > 1<<62-b {
		return 1 << 62
	}
	return a + b
}

// soonest is the smaller of two durations of which zero means none.
func soonest(a, b api.Duration) api.Duration {
	if a <= 0 || b > 0 && b < a {
		return max(b, 0)
	}
	return a
}

// reasons lists why, in the order class, run time, advice, and what the module
// itself tells.
func (f features) reasons(class, basis, advice string) []string {
	why := make([]string, 0, 4)
	why = append(why, class, basis, advice)
	switch {
	case f.facts.MemoryPages > 0 && f.t.Resources.Memory > 0 && f.startMemory() > f.t.Resources.Memory:
		why = append(why, whyMemory)
	case f.portable():
		why = append(why, whyPortable)
	}
	return why
}

// startMemory is what a WASM module asks for at its start.
func (f features) startMemory() api.Bytes { return api.Bytes(f.facts.MemoryPages) << 16 }

// portable reports whether a WASM module needs nothing but WASI.
func (f features) portable() bool {
	if f.t.Driver != "wasm" || len(f.facts.Imports) == 0 {
		return false
	}
	for _, from := range f.facts.Imports {
		if from != "wasi_snapshot_preview1" {
			return false
		}
	}
	return true
}

// imports reports whether a WASM module imports from a module of that name.
func (f features) imports(name string) bool {
	for _, from := range f.facts.Imports {
		if from == name {
			return true
		}
	}
	return false
}

// Where a prediction comes from, and what the module tells.
const (
	whyNoTask   = "the workload has no such task"
	whyHistory  = "run time from earlier runs of this task"
	whyShape    = "run time from earlier runs of tasks of the same program and size"
	whyFewRuns  = "run time from very few earlier runs, so the interval is wide"
	whyGuess    = "run time from the task's own duration field: nothing has run yet"
	whyDefault  = "run time unknown: a default of its class; set duration to say better"
	whyMemory   = "the module asks for more memory at its start than the task requests: it will fail unless memory is raised"
	whyPortable = "the module needs nothing but WASI, so every layer can run it"
)
