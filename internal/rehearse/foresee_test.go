package rehearse

import (
	"errors"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

const (
	minute = api.Minute
	noon   = api.Time(12 * api.Hour)
)

// oneCore is a job that takes a whole node of these tests.
func oneCore(name string, priority int32) *api.Workload {
	w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tenant: api.DefaultTenant, Priority: priority, Tasks: []api.Task{{
		Name: "main", Driver: api.DriverNoop, Args: []string{"1s"}, Resources: api.Resources{CPU: 1000},
	}}}
	w.Normalize()
	return w
}

// takes says that every run takes exactly so long.
func takes(d api.Duration) []api.Profile {
	return []api.Profile{{Class: api.ClassCompute, Run: d, RunLow: d, RunHigh: d}}
}

// full is a cell with a node of one core at noon: "first" has run on it for four of
// ten minutes, and "second" waits for five more.
func full(t *testing.T, more ...*api.Workload) *state.State {
	t.Helper()
	st := cellOf(t, append([]*api.Workload{oneCore("first", 0), oneCore("second", 0)}, more...)...)
	st.Named(api.DefaultTenant, "first").Profiles = takes(10 * minute)
	return st
}

// cellOf is such a cell four minutes after these came, each of which takes five.
func cellOf(t *testing.T, jobs ...*api.Workload) *state.State {
	t.Helper()
	w, err := twin.New(twin.Config{
		Nodes: []api.Node{{
			Name: "n1", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 1000, Memory: api.GiB},
			Power: &api.PowerModel{Idle: 10_000, Full: 130_000},
		}},
		Start: noon - api.Time(4*minute), Horizon: 4 * minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Run(func() (a twin.Arrival, ok bool) {
		if len(jobs) == 0 {
			return a, false
		}
		a = twin.Arrival{Workload: jobs[0], Truth: []twin.Truth{{Run: 10 * minute}}}
		jobs = jobs[1:]
		return a, true
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	st := w.State()
	for _, w := range st.Workloads {
		w.Profiles = takes(5 * minute)
	}
	return st
}

// What a job's share of a GPU draws counts beside its CPU, for as long as it runs.
func TestForeseenDevices(t *testing.T) {
	w, err := twin.New(twin.Config{
		Nodes: []api.Node{{
			Name: "n1", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop},
			Capacity: api.Resources{CPU: 1000, Memory: api.GiB, Accelerators: []api.Accelerator{{Kind: "gpu", Count: 2000, Models: []string{"a100"}}}},
			Power:    &api.PowerModel{Idle: 10_000, Full: 130_000, Devices: []api.DevicePower{{Kind: "gpu", Idle: 50_000, Full: 450_000}}},
		}},
		Start: noon - api.Time(minute), Horizon: minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Run(func() (a twin.Arrival, ok bool) { return a, false }, nil); err != nil {
		t.Fatal(err)
	}
	asked := oneCore("asked", 0)
	asked.Tasks[0].Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 500}}
	got, err := Foresee(t.Context(), question(w.State(), asked))
	if err != nil || got.Ended != 4 {
		t.Fatal(got, err)
	}
	// 120 W of CPU and half of 400 W beyond idle, for three minutes.
	if !close1(got.EnergyKWh.P50, 0.016) || !close1(got.CarbonKg.P50, 0.008) {
		t.Errorf("it takes %+v, %+v", got.EnergyKWh, got.CarbonKg)
	}
}

func question(st *state.State, w *api.Workload) Question {
	return Question{
		State: st, Now: noon, At: noon, Workload: w, Profiles: takes(3 * minute), Seeds: 4, Horizon: api.Day, Workers: 2,
		Intensity: 500, Price: 0.2, Check: true,
	}
}

// What would come of a job of three minutes in that cell.
func TestForesee(t *testing.T) {
	nightly := oneCore("nightly", 0)
	nightly.Schedule = &api.Schedule{Cron: "13 12 * * *", Zone: "UTC"}
	for _, c := range []struct {
		name    string
		with    []*api.Workload
		ask     func(q *Question)
		start   api.Time // in minutes after noon
		end     api.Time
		node    string
		other   string
		later   float64 // minutes
		stopped float64
	}{
		{name: "it runs when those before it have", start: 11, end: 14, node: "n1"},
		{name: "a node more takes it at once, and the others as well", ask: func(q *Question) {
			q.Changes = []Change{{Node: "n1", More: 2}}
		}, start: 0, end: 3, node: "n1-more-1"},
		{name: "with one more it comes after the second", ask: func(q *Question) {
			q.Changes = []Change{{Node: "n1", More: 1}}
		}, start: 5, end: 8, node: "n1-more-1"},
		{name: "later there is room", ask: func(q *Question) { q.At = noon.Add(20 * minute) }, start: 20, end: 23, node: "n1"},
		{name: "what comes behind it is held up", with: []*api.Workload{nightly}, start: 11, end: 14, node: "n1", other: "nightly-", later: 1},
		{name: "it goes before those of lower priority", ask: func(q *Question) {
			q.Workload.Priority, q.Workload.Preemption = 5, api.PreemptNever
		}, start: 6, end: 9, node: "n1", other: "second", later: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := question(full(t, c.with...), oneCore("asked", 0))
			if c.ask != nil {
				c.ask(&q)
			}
			got, err := Foresee(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			at := func(minutes api.Time) Moments {
				m := noon + minutes*api.Time(minute)
				return Moments{m, m, m}
			}
			if got.Start != at(c.start) || got.End != at(c.end) || len(got.Nodes) != 1 || got.Nodes[0] != (Share{c.node, 1}) || got.Ended != q.Seeds {
				t.Errorf("it is %+v; want it on %s from %s to %s", got, c.node, at(c.start).P50, at(c.end).P50)
			}
			if c.other == "" && len(got.Others) > 0 {
				t.Errorf("it holds up %+v", got.Others)
			}
			if c.other != "" && (len(got.Others) != 1 || !strings.HasPrefix(got.Others[0].Workload, c.other) ||
				got.Others[0].MeanLater != 60*c.later || got.Others[0].Later != q.Seeds || got.Others[0].Stopped != c.stopped) {
				t.Errorf("it holds up %+v; want %s by %g min", got.Others, c.other, c.later)
			}
			// 120 W beyond idle for three minutes.
			if !close1(got.EnergyKWh.P50, 0.006) || !close1(got.CarbonKg.P50, 0.003) || !close1(got.Cost.P50, 0.0012) {
				t.Errorf("it takes %+v, %+v, %+v", got.EnergyKWh, got.CarbonKg, got.Cost)
			}
		})
	}
}

// It says of which tasks nothing is known, as nobody should rely on what is told of those.
func TestForeseeSaysWhatItGuesses(t *testing.T) {
	known := takes(3 * minute)
	known[0].Samples = 4
	told := oneCore("asked", 0)
	told.Tasks[0].Duration = 3 * minute
	for _, c := range []struct {
		name     string
		job      *api.Workload
		profiles []api.Profile
		want     int
	}{
		{"it never ran", oneCore("asked", 0), takes(3 * minute), 1},
		{"it ran", oneCore("asked", 0), known, 0},
		{"it says how long it runs", told, takes(3 * minute), 0},
	} {
		q := question(full(t), c.job)
		q.Profiles = c.profiles
		got, err := Foresee(t.Context(), q)
		if err != nil || len(got.Guessed) != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

func close1(got, want float64) bool { return got > want*0.999 && got < want*1.001 }

// Profiles are of a reference node; on one of half the speed everything takes twice as
// long, also what waits rather than computes: as such it was learnt.
func TestForeseeOnASlowNode(t *testing.T) {
	st := full(t)
	st.Nodes["n1"].Speed = 500
	got, err := Foresee(t.Context(), question(st, oneCore("asked", 0)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Start.P50 != noon.Add(26*minute) || got.End.P50 != noon.Add(32*minute) {
		t.Errorf("it starts at %s and ends at %s", got.Start.P50, got.End.P50)
	}
}

// A job of high priority has the place of the one that runs, which begins anew behind
// the second: it ends 18 minutes after noon in the place of six.
func TestForeseeDisplaced(t *testing.T) {
	got, err := Foresee(t.Context(), question(full(t), oneCore("asked", 9)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Start.P90 > noon.Add(api.Second) || len(got.Others) != 1 || got.Others[0].Workload != "first" || got.Others[0].Stopped != 1 || got.Others[0].MeanLater != 720 {
		t.Errorf("%+v", got)
	}
}

// Without a node that takes it, it waits beyond the horizon.
func TestForeseeNothing(t *testing.T) {
	for _, c := range []Change{{Node: "n1", Down: true}, {Node: "n1", Drained: true}} {
		q := question(full(t), oneCore("asked", 0))
		q.Changes = []Change{c}
		got, err := Foresee(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if got.Began+got.Ended != 0 || got.Start != (Moments{}) || len(got.If) != 1 || got.If[0] != c.String() {
			t.Errorf("%+v", got)
		}
	}
}

// A replica runs for ever: a job comes after it only where there is another node. It
// is held up by none of those, and moves when its node goes down.
func TestForeseeBesideAService(t *testing.T) {
	serves := oneCore("serves", 1)
	serves.Kind, serves.Replicas, serves.Update = api.KindService, 1, nil
	serves.Normalize()
	for _, c := range []struct {
		name    string
		changes []Change
		began   int
		node    string
	}{
		{"on its node there is no room", nil, 0, ""},
		{"beside it there is", []Change{{Node: "n1", More: 1}}, 4, "n1-more-1"},
		{"it moves to the other node first", []Change{{Node: "n1", More: 1}, {Node: "n1", Down: true}}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := question(cellOf(t, serves), oneCore("asked", 0))
			q.Changes = c.changes
			got, err := Foresee(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if got.Began != c.began || len(got.Others) > 0 || c.node != "" && got.Nodes[0].Node != c.node {
				t.Errorf("%+v", got)
			}
		})
	}
}

// How long what runs will still run is drawn from its profile, beyond what it has run.
func TestForeseeInterval(t *testing.T) {
	st := full(t)
	st.Named(api.DefaultTenant, "first").Profiles = []api.Profile{{Run: 5 * minute, RunLow: minute, RunHigh: 20 * minute}}
	q := question(st, oneCore("asked", 0))
	q.Seeds = 40
	got, err := Foresee(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	least := noon.Add(5 * minute) // that of second
	if got.Start.P10 < least || got.Start.P50 < least.Add(minute) || got.Start.P90 < got.Start.P50.Add(3*minute) || got.Start.P90 > least.Add(90*minute) {
		t.Errorf("it starts at %+v", got.Start)
	}
	again, err := Foresee(t.Context(), q)
	if err != nil || again.Start != got.Start || again.End != got.End {
		t.Errorf("the second time at %+v, %v", again.Start, err)
	}
}

func TestForeseeRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  func(q *Question)
		want string
	}{
		{"the past", func(q *Question) { q.At-- }, "past"},
		{"no seeds", func(q *Question) { q.Seeds = 0 }, "seeds"},
		{"a service", func(q *Question) { q.Workload.Kind = api.KindService }, "do not end"},
		{"a schedule", func(q *Question) { q.Workload.Schedule = &api.Schedule{Cron: "* * * * *"} }, "do not end"},
		{"no horizon", func(q *Question) { q.Horizon = 0 }, "horizon"},
		{"a node that is not there", func(q *Question) { q.Changes = []Change{{Node: "n7", Down: true}} }, "no node n7"},
		{"a name that is taken", func(q *Question) { q.Workload.Name, q.Workload.Tasks[0].Command = "first", []string{"another"} }, "has not ended"},
		{"a job that is there", func(q *Question) { q.Workload.Name = "first" }, "there already"},
		{"a job that is sent elsewhere", func(q *Question) { q.Workload.Name, q.Workload.Priority = "first", 1 }, "there already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := question(full(t), oneCore("asked", 0))
			c.ask(&q)
			if _, err := Foresee(t.Context(), q); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	q := question(full(t), oneCore("first", 0))
	var refused *RefusedError
	if _, err := Foresee(t.Context(), q); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}

func TestParseChange(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Change
		ok   bool
	}{
		{"node=n1=down", Change{Node: "n1", Down: true}, true},
		{"node=n1=drained", Change{Node: "n1", Drained: true}, true},
		{"node=n1=+3", Change{Node: "n1", More: 3}, true},
		{"node=n1=+0", Change{}, false},
		{"node=n1=+many", Change{}, false},
		{"node=n1=-1", Change{}, false},
		{"node=n1", Change{}, false},
		{"site=s=down", Change{}, false},
		{"node==down", Change{}, false},
	} {
		got, err := ParseChange(tt.text)
		if (err == nil) != tt.ok || tt.ok && (got != tt.want || got.String() != tt.text) {
			t.Errorf("%s is %+v, %v", tt.text, got, err)
		}
	}
}

// Draws meet the profile's quantiles, and of what has run for a while those of the
// runs that take longer.
func TestDraws(t *testing.T) {
	r := runsOf(&api.Profile{Run: 100 * api.Second, RunLow: 50 * api.Second, RunHigh: 400 * api.Second})
	fixed := runsOf(&api.Profile{Run: 100 * api.Second, RunLow: 100 * api.Second, RunHigh: 100 * api.Second})
	for _, tt := range []struct {
		name   string
		of     runs
		passed api.Duration
		longer float64 // the share of runs that take longer, of those that do than passed
		want   float64 // s
	}{
		{"the lower quantile", r, 0, 0.9, 50},
		{"the median", r, 0, 0.5, 100},
		{"the upper quantile", r, 0, 0.1, 400},
		{"half of the longer half", r, 100 * api.Second, 0.2, 400},
		{"longer than any", r, 10 * api.Day, 0.5, 0},
		{"always the same", fixed, 0, 0.1, 100},
		{"always the same, and longer already", fixed, 150 * api.Second, 0.1, 150},
		{"nothing is known", runsOf(&api.Profile{}), 0, 0.5, 0},
	} {
		got := tt.of.draw(tt.passed, tt.longer)
		want := max(tt.want, tt.passed.Std().Seconds())
		if s := got.Std().Seconds(); s < want*0.999 || s > want*1.001+1e-6 && tt.want > 0 {
			t.Errorf("%s: %s, want %g s", tt.name, got, want)
		}
	}
}
