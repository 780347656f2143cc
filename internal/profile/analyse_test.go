package profile

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

// aJob returns a job of one task with a change applied.
func aJob(change func(*api.Workload, *api.Task)) *api.Workload {
	w := &api.Workload{
		Kind: api.KindJob, Name: "j", Tenant: "default", Objective: api.ObjectiveBalanced,
		Tasks: []api.Task{{Name: "t", Driver: "wasm", Count: 1, Resources: api.Resources{CPU: 1000, Memory: 64 * api.MiB}}},
	}
	if change != nil {
		change(w, &w.Tasks[0])
	}
	return w
}

type edit = func(*api.Workload, *api.Task)

func TestClass(t *testing.T) {
	reached := map[string]bool{}
	for _, c := range []struct {
		name  string
		spec  edit
		past  Past
		facts Facts
		want  api.Class
	}{
		{"nothing known", nil, Past{}, Facts{}, api.ClassBest},
		{"answer within 5 ms", func(w *api.Workload, _ *api.Task) { w.Latency = 5 * api.Millisecond }, Past{}, Facts{}, api.ClassLatency},
		{"deadline of 900 ms", func(w *api.Workload, _ *api.Task) { w.Deadline = 900 * api.Millisecond }, Past{}, Facts{}, api.ClassLatency},
		{"latency need of an hour", func(w *api.Workload, _ *api.Task) { w.Latency = api.Hour }, Past{}, Facts{}, api.ClassBest},
		{"schedule", func(w *api.Workload, _ *api.Task) { w.Schedule = &api.Schedule{Cron: "@hourly"} }, Past{}, Facts{}, api.ClassPeriodic},
		{"negative priority beats size", func(w *api.Workload, t *api.Task) { w.Priority = -1; t.Resources.CPU = 8000 }, Past{}, Facts{}, api.ClassBest},
		{"four CPUs", func(_ *api.Workload, t *api.Task) { t.Resources.CPU = 4000 }, Past{}, Facts{}, api.ClassCompute},
		{"a GPU", func(_ *api.Workload, t *api.Task) {
			t.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 500}}
		}, Past{}, Facts{}, api.ClassCompute},
		{"a neural network", nil, Past{}, Facts{Imports: []string{"wasi_snapshot_preview1", "wasi_nn"}}, api.ClassCompute},
		{"runs for ten minutes", nil, Past{Same: observed(600, 600, 600)}, Facts{}, api.ClassCompute},
		{"guessed at ten minutes", func(_ *api.Workload, t *api.Task) { t.Duration = 10 * api.Minute }, Past{}, Facts{}, api.ClassCompute},
		{"ten minutes of a tenth of a core", func(_ *api.Workload, t *api.Task) { t.Duration = 5 * api.Minute; t.Resources.CPU = 100 }, Past{}, Facts{}, api.ClassBest},
		{"125 MB for 9 s of work", nil, Past{Same: observed(9, 9, 9)}, Facts{Inputs: 125e6}, api.ClassData},
		{"125 MB for 11 s of work", nil, Past{Same: observed(11, 11, 11)}, Facts{Inputs: 125e6}, api.ClassBest},
		{"little data, less work", nil, Past{Same: observed(.001, .001, .001)}, Facts{Inputs: api.MiB - 1}, api.ClassBest},
		{"2 GiB, run time unknown", nil, Past{}, Facts{Inputs: 2 * api.GiB}, api.ClassData},
		{"500 MiB, run time unknown", nil, Past{}, Facts{Inputs: 500 * api.MiB}, api.ClassBest},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Analyse(aJob(c.spec), 0, c.past, c.facts)
			if p.Class != c.want {
				t.Errorf("class is %s because %q, want %s", p.Class, p.Why[0], c.want)
			}
			reached[p.Why[0]] = true
		})
	}
	for _, r := range ClassRules() {
		if !reached[r.Why] {
			t.Errorf("no case reaches the rule %q", r.When)
		}
	}
}

func TestAdvice(t *testing.T) {
	reached := map[string]bool{}
	latency := func(d api.Duration) edit { return func(w *api.Workload, _ *api.Task) { w.Latency = d } }
	for _, c := range []struct {
		name  string
		spec  edit
		past  Past
		facts Facts
		want  string
	}{
		{"half a millisecond", latency(500 * api.Microsecond), Past{}, Facts{}, "edge wasm-first"},
		{"one millisecond is not below one", latency(api.Millisecond), Past{}, Facts{}, "serverless prewarm"},
		{"ten milliseconds with compute", latency(10 * api.Millisecond), Past{}, Facts{}, "serverless prewarm"},
		{"ten milliseconds with devices", func(w *api.Workload, t *api.Task) {
			w.Latency = 10 * api.Millisecond
			t.Requires.Layers = []api.Layer{api.LayerEdge, api.LayerDevice}
		}, Past{}, Facts{}, "iot gateway-local"},
		{"ten milliseconds with much data", latency(10 * api.Millisecond), Past{}, Facts{Inputs: 2 * api.GiB}, "edge local-first"},
		{"eleven milliseconds", latency(11 * api.Millisecond), Past{}, Facts{}, "edge layered"},
		{"objective latency", func(w *api.Workload, _ *api.Task) { w.Objective = api.ObjectiveLatency }, Past{}, Facts{}, "edge layered"},
		{"energy", func(w *api.Workload, _ *api.Task) { w.Objective = api.ObjectiveEnergy }, Past{}, Facts{}, "green energy-aware"},
		{"energy, service", func(w *api.Workload, _ *api.Task) { w.Objective = api.ObjectiveEnergy; w.Kind = api.KindService }, Past{}, Facts{}, "green consolidation"},
		{"carbon, may wait", func(w *api.Workload, _ *api.Task) { w.Objective = api.ObjectiveCarbon }, Past{}, Facts{}, "green time-slicing"},
		{"carbon, in a hurry", func(w *api.Workload, t *api.Task) {
			w.Objective = api.ObjectiveCarbon
			w.Deadline, t.Duration = api.Hour, 30*api.Minute
		}, Past{}, Facts{}, "green renewable-following"},
		{"prediction", func(w *api.Workload, _ *api.Task) { w.Labels = map[string]string{LabelGoal: GoalPrediction} }, Past{}, Facts{}, "twin predictive"},
		{"deadline inside the interval", func(w *api.Workload, t *api.Task) { w.Deadline, t.Duration = api.Hour, 40*api.Minute }, Past{}, Facts{}, "twin predictive"},
		{"several owners", nil, Past{}, Facts{Owners: 2}, "market decentralised"},
		{"several owners by label", func(w *api.Workload, _ *api.Task) { w.Labels = map[string]string{LabelGoal: GoalManyOwners} }, Past{}, Facts{}, "market decentralised"},
		{"a QPU, whatever the latency", func(w *api.Workload, t *api.Task) {
			w.Latency = 1
			t.Resources.Accelerators = []api.Accelerator{{Kind: "qpu", Count: 1000}}
		}, Past{}, Facts{}, "quantum hybrid"},
		{"a circuit", func(_ *api.Workload, t *api.Task) { t.Driver = "qasm" }, Past{}, Facts{}, "quantum hybrid"},
		{"much data", nil, Past{}, Facts{Inputs: 2 * api.GiB}, "edge local-first"},
		{"a GPU", func(_ *api.Workload, t *api.Task) {
			t.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 500}}
		}, Past{}, Facts{}, "cloud fragmentation-gradient"},
		{"a deadline with room", func(w *api.Workload, t *api.Task) { w.Deadline, t.Duration = api.Day, api.Minute }, Past{}, Facts{}, "cloud deadline"},
		{"a service", func(w *api.Workload, _ *api.Task) { w.Kind = api.KindService }, Past{}, Facts{}, "cloud least-connections"},
		{"short and often", nil, Past{Same: observed(.01, .02, .01)}, Facts{}, "serverless hybrid"},
		{"nothing urges", nil, Past{}, Facts{}, "cloud best-fit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Analyse(aJob(c.spec), 0, c.past, c.facts)
			if got := p.Technology + " " + p.Strategy; got != c.want {
				t.Errorf("advice is %q because %q, want %q", got, p.Why[2], c.want)
			}
			reached[p.Why[2]] = true
		})
	}
	for _, r := range Table() {
		if !reached[r.Why] {
			t.Errorf("no case reaches the row %q", r.When)
		}
	}
}

// Whatever is asked, a Profile is whole and in order.
func TestAnyProfileIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Analyse(anyWorkload(t), 0, anyPast(t), anyFacts(t))
		if len(p.Why) < 3 || p.Technology == "" || p.Strategy == "" || p.Class == "" {
			t.Fatalf("incomplete: %+v", p)
		}
		if p.RunLow > p.Run || p.Run > p.RunHigh || p.RunHigh <= 0 || p.BytesIn < 0 || p.BytesOut < 0 {
			t.Fatalf("absurd: %+v", p)
		}
	})
}

func anyWorkload(t *rapid.T) *api.Workload {
	duration := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
	return aJob(func(w *api.Workload, k *api.Task) {
		w.Kind = rapid.SampledFrom([]api.Kind{api.KindJob, api.KindService, api.KindSystem}).Draw(t, "kind")
		w.Objective = rapid.SampledFrom([]api.Objective{api.ObjectiveBalanced, api.ObjectiveEnergy, api.ObjectiveCarbon, ""}).Draw(t, "objective")
		w.Latency = api.Duration(duration.Draw(t, "latency"))
		w.Deadline = api.Duration(duration.Draw(t, "deadline"))
		k.Duration = api.Duration(duration.Draw(t, "guess"))
		k.Timeout = api.Duration(duration.Draw(t, "timeout"))
		k.Resources.CPU = api.Milli(rapid.Int64().Draw(t, "cpu"))
		k.Outputs = []api.Output{{Expect: api.Bytes(rapid.Int64().Draw(t, "out"))}}
	})
}

func anyPast(t *rapid.T) Past {
	runs := rapid.SliceOfN(rapid.Float64Range(0, 1e9), 0, 12)
	return Past{observed(runs.Draw(t, "same")...), observed(runs.Draw(t, "shape")...)}
}

func anyFacts(t *rapid.T) Facts {
	return Facts{
		Artifact: api.Bytes(rapid.Int64().Draw(t, "artifact")), Inputs: api.Bytes(rapid.Int64().Draw(t, "inputs")),
		MemoryPages: rapid.Uint32().Draw(t, "pages"), Owners: rapid.Int32().Draw(t, "owners"),
	}
}

// The best evidence decides, and the Profile says which it was.
func TestBasis(t *testing.T) {
	guessed := func(_ *api.Workload, t *api.Task) { t.Duration = api.Minute }
	few, many := observed(5, 5), observed(7, 7, 7, 7, 7, 7, 7, 7, 7)
	for _, c := range []struct {
		name    string
		spec    edit
		past    Past
		samples int32
		run     float64 // seconds
		why     string
	}{
		{"nothing", nil, Past{}, 0, 60, whyDefault},
		{"a guess", guessed, Past{}, 0, 60, whyGuess},
		{"three own runs", guessed, Past{observed(5, 5, 5), many}, 3, 5, whyHistory},
		{"two own runs beside many of the shape", guessed, Past{few, many}, 9, 7, whyShape},
		{"two own runs", guessed, Past{few, nil}, 2, 5, whyFewRuns},
		{"a guess beside few of the shape", guessed, Past{nil, few}, 0, 60, whyGuess},
		{"few of the shape", nil, Past{nil, few}, 2, 5, whyFewRuns},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Analyse(aJob(c.spec), 0, c.past, Facts{})
			run := float64(p.Run) / 1e9
			if p.Samples != c.samples || p.Why[1] != c.why || run < c.run*0.999 || run > c.run*1.001 {
				t.Errorf("%d samples, %.3f s, %q; want %d, %.0f s, %q", p.Samples, run, p.Why[1], c.samples, c.run, c.why)
			}
		})
	}
}

func TestTimeoutCapsThePrediction(t *testing.T) {
	w := aJob(func(_ *api.Workload, t *api.Task) { t.Timeout, t.Duration = api.Minute, api.Hour })
	if p := Analyse(w, 0, Past{}, Facts{}); p.RunHigh != api.Minute || p.Run != api.Minute {
		t.Errorf("predicts %d to %d for a task that is killed after a minute", p.Run, p.RunHigh)
	}
}

func TestTheLongestGuessIsInOrder(t *testing.T) {
	w := aJob(func(_ *api.Workload, t *api.Task) { t.Duration = math.MaxInt64 })
	if p := Analyse(w, 0, Past{}, Facts{}); p.RunLow > p.Run || p.Run > p.RunHigh {
		t.Errorf("predicts %d, between %d and %d", p.Run, p.RunLow, p.RunHigh)
	}
}

func TestModuleReasons(t *testing.T) {
	w := aJob(nil)
	wasi := []string{"wasi_snapshot_preview1"}
	if p := Analyse(w, 0, Past{}, Facts{Imports: wasi}); !slices.Contains(p.Why, whyPortable) {
		t.Errorf("a WASI-only module is not called portable: %q", p.Why)
	}
	if p := Analyse(w, 0, Past{}, Facts{Imports: append(wasi, "env")}); slices.Contains(p.Why, whyPortable) {
		t.Errorf("a module with an import from env is called portable: %q", p.Why)
	}
	if p := Analyse(w, 0, Past{}, Facts{MemoryPages: 1025}); !slices.Contains(p.Why, whyMemory) {
		t.Errorf("64 MiB and a page do not fit 64 MiB, but nothing is said: %q", p.Why)
	}
	if p := Analyse(w, 7, Past{}, Facts{}); p.Class != api.ClassBest || p.Why[0] != whyNoTask {
		t.Errorf("task 7 of 1 gives %+v", p)
	}
}

func TestBytes(t *testing.T) {
	w := aJob(func(_ *api.Workload, t *api.Task) { t.Outputs = []api.Output{{Expect: 10}, {Expect: 20}} })
	p := Analyse(w, 0, Past{}, Facts{Artifact: 3, Inputs: 4})
	if p.BytesIn != 7 || p.BytesOut != 30 {
		t.Errorf("in %d, out %d; want 7 and 30", p.BytesIn, p.BytesOut)
	}
	h := observed(1)
	h.ObserveOutput(99)
	if p = Analyse(w, 0, Past{Same: h}, Facts{}); p.BytesOut != 99 {
		t.Errorf("history says 99 bytes, the profile %d", p.BytesOut)
	}
}

func TestKeys(t *testing.T) {
	shape := func(change edit) string { return ShapeKey(aJob(change), 0) }
	command := func(cpu api.Milli, name string) edit {
		return func(_ *api.Workload, t *api.Task) { t.Command, t.Resources.CPU = []string{name}, cpu }
	}
	if got := SameKey(aJob(nil), 0); got != "default/j/t" {
		t.Errorf("the same-key is %q", got)
	}
	if shape(command(600, "ls")) != shape(command(1000, "ls")) {
		t.Error("600m and 1000m are of one size")
	}
	if shape(command(1000, "ls")) == shape(command(4000, "ls")) {
		t.Error("1 and 4 CPUs are of one size")
	}
	if shape(command(1000, "ls")) == shape(func(w *api.Workload, t *api.Task) { command(1000, "ls")(w, t); w.Tenant = "b" }) {
		t.Error("tenants share a history")
	}
	if got := shape(command(1000, strings.Repeat("x", 1<<20))); len(got) > 300 {
		t.Errorf("a key of %d bytes", len(got))
	}
	if shape(nil) != "" || SameKey(aJob(nil), -1) != "" || ShapeKey(aJob(nil), 9) != "" {
		t.Error("a key where there is nothing to key by")
	}
}

func TestAnalyseAllocatesOnlyItsReasons(t *testing.T) {
	w, h := aJob(nil), noisy()
	if n := testing.AllocsPerRun(100, func() { Analyse(w, 0, Past{Same: h}, Facts{Artifact: 1 << 20}) }); n > 1 {
		t.Errorf("%.0f allocations, want 1", n)
	}
}

func BenchmarkAnalyse(b *testing.B) {
	w, h := aJob(nil), noisy()
	for _, c := range []struct {
		name string
		past Past
	}{{"new", Past{}}, {"history of 64", Past{Same: h}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Analyse(w, 0, c.past, Facts{Artifact: 1 << 20})
			}
		})
	}
}
