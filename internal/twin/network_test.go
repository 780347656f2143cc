package twin

import (
	"strconv"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// plant is a cell whose store is at a data centre; its only node is at a plant, 20 ms
// and 8 Mbit/s (a byte a microsecond) away.
func plant() Config {
	return Config{
		Home: "dc", Check: true,
		Sites: []api.Site{{Name: "plant", Layer: api.LayerEdge, Links: []api.Link{{To: "dc", RTT: 20 * api.Millisecond, Bandwidth: 8_000_000}}}},
		Nodes: []api.Node{{
			Name: "gateway", Layer: api.LayerEdge, Site: "plant", Drivers: []string{api.DriverNoop}, Speed: 1000,
			Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB},
		}},
	}
}

// few lets jobs come at once.
func few(jobs ...Arrival) Demand {
	return func() (Arrival, bool) {
		if len(jobs) == 0 {
			return Arrival{}, false
		}
		next := jobs[0]
		jobs = jobs[1:]
		return next, true
	}
}

// played runs a world and tells when each arrival's first element ended.
func played(t *testing.T, cfg Config, jobs ...Arrival) ([]Ended, Result) {
	t.Helper()
	out := make([]Ended, len(jobs))
	cfg.Observe = func(e Ended) { out[e.Arrival] = e }
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Run(few(jobs...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return out, got
}

func single(name string, truth Truth) Arrival {
	return Arrival{Workload: oneTask(name, 1000), Truth: []Truth{truth}}
}

const ms = api.Time(api.Millisecond)

func TestTransfers(t *testing.T) {
	both := Truth{Run: api.Second, In: 1_000_000, Out: 500_000}
	for _, c := range []struct {
		name           string
		jobs           []Arrival
		started, ended []api.Time
	}{
		// 20 ms and a second of input, a second of work, 20 ms and half a second of output.
		{"alone", []Arrival{single("a", both)}, []api.Time{1020 * ms}, []api.Time{2540 * ms}},
		// Two share the link, each way.
		{"two at once", []Arrival{single("a", both), single("b", both)}, []api.Time{2020 * ms, 2020 * ms}, []api.Time{4040 * ms, 4040 * ms}},
		// The short one is done when it has had 250 kB of both; the long one had as much
		// by then, and the rest at the full rate.
		{
			"a short and a long one",
			[]Arrival{single("a", Truth{Run: api.Second, In: 1_000_000}), single("b", Truth{Run: api.Second, In: 250_000})},
			[]api.Time{1270 * ms, 520 * ms},
			[]api.Time{2270 * ms, 1520 * ms},
		},
		// The second one finds the program there.
		{
			"a program is fetched once",
			[]Arrival{single("a", Truth{Run: api.Second, Program: 1_000_000, Code: "p"}), func() Arrival {
				later := single("b", Truth{Run: api.Second, Program: 1_000_000, Code: "p"})
				later.At = 2000 * ms
				return later
			}()},
			[]api.Time{1020 * ms, 2000 * ms},
			[]api.Time{2020 * ms, 3000 * ms},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := played(t, plant(), c.jobs...)
			for i, e := range got {
				if e.Started != c.started[i] || e.At != c.ended[i] || e.Status != api.TaskSucceeded {
					t.Errorf("job %d started at %s and ended at %s (%s), want %s and %s", i, e.Started, e.At, e.Status, c.started[i], c.ended[i])
				}
			}
		})
	}
}

func TestBytesAreCounted(t *testing.T) {
	_, got := played(t, plant(), single("a", Truth{Run: api.Second, In: 1_000_000, Program: 10, Out: 500_000}))
	if len(got.Links) != 2 {
		t.Fatalf("links %+v", got.Links)
	}
	for _, l := range got.Links {
		want := api.Bytes(1_000_010)
		if l.From == "plant" {
			want = 500_000
		}
		if l.Bytes != want || l.Kind != "cloud-edge" || l.Busy <= 0 || l.Busy > 1 {
			t.Errorf("link %+v, want %d bytes", l, want)
		}
	}
}

// What the scheduler expects of an idle network is what happens.
func TestTheEstimateAgrees(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"a link":         func(*Config) {},
		"an assumed one": func(c *Config) { c.Sites = nil },
		"none":           func(c *Config) { c.Home = "plant" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := plant()
			change(&cfg)
			var d *api.Decision
			cfg.Watch = func(_ api.Time, events []state.Event) {
				for _, ev := range events {
					if p, ok := ev.(*state.TaskPlaced); ok {
						d = p.Decision
					}
				}
			}
			a := single("a", Truth{Run: api.Second, In: 3_000_000, Out: 1_000_000})
			a.Workload.Tasks[0].Duration = api.Second
			a.Workload.Tasks[0].Outputs = []api.Output{{Name: "o", Path: "o", Expect: 1_000_000}}
			got, _ := played(t, cfg, a)
			expected := d.Transfer + d.Wait + d.Run + d.Return
			if took := api.Duration(got[0].At); took != expected {
				t.Errorf("took %s, expected were %s: transfer %s, run %s, return %s", took, expected, d.Transfer, d.Run, d.Return)
			}
		})
	}
}

// Outputs of earlier tasks come from where they were made.
func TestOutputsTravel(t *testing.T) {
	cfg := plant()
	cfg.Nodes = append(cfg.Nodes, api.Node{
		Name: "server", Layer: api.LayerCloud, Site: "dc", Drivers: []string{api.DriverNoop}, Speed: 1000,
		Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB},
	})
	w := oneTask("a", 1000)
	w.Tasks[0].Requires.Layers = []api.Layer{api.LayerEdge}
	w.Tasks[0].Outputs = []api.Output{{Name: "o", Path: "o"}}
	w.Tasks = append(w.Tasks, api.Task{
		Name: "then", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000},
		Inputs: []api.Input{{Path: "o", Task: "main", Output: "o"}},
	})
	w.Tasks[1].Requires.Layers = []api.Layer{api.LayerCloud}
	w.Normalize()
	var ended [2]Ended
	cfg.Observe = func(e Ended) { ended[e.Task] = e }
	world, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := world.Run(few(Arrival{Workload: w, Truth: []Truth{{Run: api.Second, Out: 1_000_000}, {Run: api.Second}}}), nil); err != nil {
		t.Fatal(err)
	}
	if ended[0].At != 2020*ms || ended[1].Started != 3040*ms {
		t.Errorf("the first ended at %s and the second started at %s", ended[0].At, ended[1].Started)
	}
}

func TestColdAndWarmStarts(t *testing.T) {
	cfg := plant()
	cfg.Startup = map[string]Startup{api.DriverNoop: {Cold: 3 * api.Second, Warm: 10 * api.Millisecond}}
	cfg.Cache = 100
	var jobs []Arrival
	for i, code := range []string{"p", "p", "q", "p", "r", "q"} { // two of 40 bytes find room
		a := single("j"+strconv.Itoa(i), Truth{Run: api.Second, Code: code, Program: 40})
		a.At = api.Time(i) * 10 * api.Time(api.Second)
		jobs = append(jobs, a)
	}
	got, _ := played(t, cfg, jobs...)
	for i, cold := range []bool{true, false, true, false, true, true} {
		waited := got[i].Started.Sub(got[i].Submitted)
		if want := 10 * api.Millisecond; !cold && waited != want || cold && waited < 3*api.Second {
			t.Errorf("job %d waited %s; it was to start cold: %v", i, waited, cold)
		}
	}
}

// Nodes die while bytes are on their way; all work ends in the end and no link keeps
// a transfer of anybody.
func TestTransfersOfTheDead(t *testing.T) {
	cfg := failing(1)
	cfg.Home, cfg.Sites = "dc", plant().Sites
	for i := range 8 {
		n := plant().Nodes[0]
		n.Name += strconv.Itoa(i)
		cfg.Nodes = append(cfg.Nodes, n)
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	demand := mixed(300, 1)
	got, err := w.Run(func() (Arrival, bool) {
		a, ok := demand()
		if ok {
			a.Truth[0].In, a.Truth[0].Out, a.Truth[0].Program = 200_000, 100_000, 50_000
		}
		return a, ok
	}, nil)
	if err != nil || got.Workloads != 300 || got.Failures == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, l := range w.net.links {
		if len(l.sharing) > 0 || l.carried == 0 {
			t.Errorf("link %s to %s: %d on it, %d bytes carried", l.from, l.to, len(l.sharing), l.carried)
		}
	}
}
