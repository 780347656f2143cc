package twin

import (
	"maps"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// A world that goes on from where another one was cut off ends every job when that
// one would have, also where room was promised to some.
func TestGoesOn(t *testing.T) {
	for _, strategy := range []string{"greedy", "shortest-first", "backfill", "conservative-backfill", "dynamic"} {
		t.Run(strategy, func(t *testing.T) { goesOn(t, strategy) })
	}
}

func goesOn(t *testing.T, strategy string) {
	const jobs = 40
	truth := map[string][]Truth{}
	told := func() Demand {
		next := mixed(jobs, 7)
		return func() (Arrival, bool) {
			a, ok := next()
			if ok {
				truth[a.Workload.Name] = a.Truth
			}
			return a, ok
		}
	}
	ends := map[string]api.Time{}
	whole := Config{Nodes: fleet(t, "3x4,16Gi"), Check: true, Settings: []engine.Input{&engine.PutSettings{Strategy: strategy}}}
	run := func(cfg Config, demand Demand) *World {
		names := map[uint64]string{}
		cfg.Watch = func(now api.Time, events []state.Event) {
			for _, ev := range events {
				switch ev := ev.(type) {
				case *state.WorkloadSubmitted:
					names[ev.ID] = ev.Spec.Name
				case *state.WorkloadFinished:
					ends[names[ev.ID]] = now
				}
			}
		}
		if cfg.From != nil {
			for id, w := range cfg.From.Workloads {
				names[id] = w.Spec.Name
			}
		}
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Run(demand, nil); err != nil {
			t.Fatal(err)
		}
		return w
	}
	run(whole, told())
	want := maps.Clone(ends)

	clear(ends)
	early, late := []Arrival{}, []Arrival{}
	next := told()
	for a, ok := next(); ok; a, ok = next() {
		if len(early) < jobs/2 {
			early = append(early, a)
		} else {
			late = append(late, a)
		}
	}
	first := whole
	first.Horizon = late[0].At.Sub(0) - 1
	cut := run(first, listed(early))
	if load := cut.State().Load(); load.Held == 0 {
		t.Fatalf("nothing runs at the cut: %+v", load)
	}
	run(Config{
		From: cut.State(), Start: api.Time(first.Horizon), Horizon: api.Day, Check: true,
		Guess: func(w *state.Workload) []Truth { return truth[w.Spec.Name] },
	}, listed(late))
	if len(want) < jobs/2 || len(ends) != len(want) {
		t.Errorf("%d jobs ended, and %d in one run", len(ends), len(want))
	}
	for name, at := range want {
		if ends[name] != at {
			t.Errorf("%s ended at %s, and in one run at %s", name, ends[name], at)
		}
	}
}

func listed(list []Arrival) Demand {
	return func() (a Arrival, ok bool) {
		if len(list) == 0 {
			return a, false
		}
		a, list = list[0], list[1:]
		return a, true
	}
}

// What ran on a node that goes down runs again elsewhere; a drained one keeps what
// it has for the grace, and gets no more.
func TestGoesOnWithout(t *testing.T) {
	opening := func() *state.State {
		w, err := New(Config{Nodes: fleet(t, "2x1,4Gi"), Horizon: 10 * api.Second})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Run(listed([]Arrival{single("a", Truth{Run: api.Minute})}), nil); err != nil {
			t.Fatal(err)
		}
		return w.State()
	}
	at := func(st *state.State) string { return st.Workloads[1].Groups[0].Tasks[0].Node }
	for _, c := range []struct {
		name  string
		setup func(cfg *Config, node string)
		ended api.Time
		moved bool
	}{
		{"nothing happens", func(*Config, string) {}, 60 * s, false},
		{"its node goes down", func(cfg *Config, node string) { cfg.Down = []string{node} }, 70 * s, true},
		{"its node is drained", func(cfg *Config, node string) {
			cfg.Settings = []engine.Input{&engine.Drain{Node: node}}
		}, 70 * s, true},
		{"there is a grace", func(cfg *Config, node string) {
			cfg.Settings = []engine.Input{&engine.Drain{Node: node, Grace: api.Hour}}
		}, 60 * s, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := opening()
			node, ended := at(st), api.Time(0)
			cfg := Config{
				From: st, Start: 10 * s, Horizon: api.Hour, Check: true,
				Guess: func(*state.Workload) []Truth { return []Truth{{Run: api.Minute}} },
				Watch: func(now api.Time, events []state.Event) {
					for _, ev := range events {
						if _, ok := ev.(*state.WorkloadFinished); ok {
							ended = now
						}
					}
				},
			}
			c.setup(&cfg, node)
			w, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Run(listed(nil), nil); err != nil {
				t.Fatal(err)
			}
			if moved := at(w.State()) != node; ended != c.ended || moved != c.moved {
				t.Errorf("it ended at %s, moved: %t; want %s, %t", ended, moved, c.ended, c.moved)
			}
		})
	}
}
