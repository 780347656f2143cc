package live

import (
	"errors"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/series"
	"drover.dev/internal/state"
)

// A cell keeps what comes, what waits, and what its nodes and tasks use; what a node
// says beyond what it has is cut, and what it says of others' tasks is not heard.
func TestObserve(t *testing.T) {
	c := run(t, Config{})
	a, b := join(t, c, "n1"), join(t, c, "n2")
	a.hello()
	b.hello()
	for _, name := range []string{"etl-1", "etl-22"} {
		w := job(name, 3)
		w.Tasks[0].Resources.CPU = 1000
		do(t, c, submit(w))
	}
	until(t, c, "a place for all", func(st *state.State) bool { return st.Load().Held == 6 })
	a.pull()
	b.pull()
	beat := api.Beat{Used: api.Resources{CPU: 1500, Memory: api.GiB}}
	for id := range a.held {
		beat.Tasks = append(beat.Tasks, api.TaskUse{Attempt: id, CPU: 900_000, Memory: 64 * api.MiB})
		started := api.Report{Attempt: id, N: 1, Kind: api.ReportStarted}
		must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: []api.Report{started}}))
	}
	if len(beat.Tasks) == 0 || len(b.held) == 0 {
		t.Fatalf("n1 has %d tasks and n2 %d", len(beat.Tasks), len(b.held))
	}
	for id := range b.held { // not n1's
		beat.Tasks = append(beat.Tasks, api.TaskUse{Attempt: id, CPU: 1, Memory: api.GiB})
	}
	must[api.Hint](t)(ask[api.Hint](a, "beat", beat))
	c.sample()

	out := c.Outlook()
	for name, want := range map[string]float64{
		"arrivals/cell": 6, "arrivals/default/etl": 6, "demand/cell/cpu": 6000, "demand/edge/cpu": 6000, "capacity/cell/cpu": 8000,
		"used/edge/cpu": 1500, "node/n1/memory": float64(api.GiB), "cell/running": 6,
		"cpu/default/etl.main": 4000, "memory/default/etl.main": 64 << 20,
	} {
		v, err := out.SeriesPoints(api.SeriesQuery{Name: name})
		if err != nil || len(v.Points) == 0 {
			t.Errorf("%s: %v, %d points", name, err, len(v.Points))
			continue
		}
		got := v.Points[len(v.Points)-1]
		if v.Kind == "count" { // the two may lie in two buckets
			got.Value = 0
			for _, p := range v.Points {
				got.Value += p.Value
			}
		}
		if got.Value != want && got.Max != want { // a sample of the cell's own may have come first
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if _, err := out.SeriesPoints(api.SeriesQuery{Name: "nothing"}); !errors.Is(err, httpapi.ErrNoSeries) {
		t.Errorf("an unknown series gives %v", err)
	}
	if list := out.Series("arrivals/"); len(list.Items) != 2 {
		t.Errorf("there are %d series of arrivals", len(list.Items))
	}
}

// A killed attempt, and how long a good one took.
func TestObserveEnds(t *testing.T) {
	store, err := series.Open(t.TempDir(), series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	o := newObserver(store, nil, func(err error) { t.Error(err) })
	st := state.New()
	w := job("train-7", 1)
	for _, ev := range []state.Event{&state.WorkloadSubmitted{ID: 1, Spec: w, Profiles: []api.Profile{{}}}} {
		if err := st.Apply(1e18, ev); err != nil {
			t.Fatal(err)
		}
	}
	id := api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}
	o.saw(&fold{now: 1e18, events: []state.Event{
		&state.TaskEnded{Attempt: id, N: 1, Result: &api.Result{Outcome: api.OutcomeFailed, Reason: api.ReasonMemory}},
		&state.TaskEnded{Attempt: id, N: 2, Result: &api.Result{Wall: 4 * api.Second, CPU: 6 * api.Second, MaxRSS: api.GiB}},
		&state.TaskEnded{Attempt: id, Next: api.TaskCancelled},
	}}, st)
	for name, want := range map[string]float64{
		"oom/default/train.main": 1, "duration/default/train.main": 4, "cpu/default/train.main": 1500, "memory/default/train.main": 1 << 30,
	} {
		if s, err := store.Read(name, series.Range{}); err != nil || len(s.Points) != 1 || s.Points[0].Sum != want || s.Points[0].N != 1 {
			t.Errorf("%s: %v %+v, want %v", name, err, s.Points, want)
		}
	}
}

// What a node says of an attempt is bounded by what the node has, and by the time that was.
func TestObserveLies(t *testing.T) {
	st, now := state.New(), api.Time(1e18)
	if err := st.Apply(now, &state.WorkloadSubmitted{ID: 1, Spec: job("train", 1), Profiles: []api.Profile{{}}}); err != nil {
		t.Fatal(err)
	}
	w, task := st.Task(api.TaskRef{Workload: 1})
	task.Node = "liar"
	st.Nodes["liar"] = &state.Node{Node: api.Node{Name: "liar", Capacity: api.Resources{CPU: 2000, Memory: api.GiB}}}
	lie := api.Result{Wall: api.MaxDuration, CPU: api.MaxDuration, MaxRSS: 1 << 50}
	got := credible(&state.TaskEnded{Attempt: api.Attempt{TaskRef: task.Ref}, Result: &lie}, w, st, now.Add(api.Minute))
	if got.Wall != 2*api.Minute || got.CPU != 4*api.Minute || got.MaxRSS != api.GiB || lie.Wall != api.MaxDuration {
		t.Errorf("believed is %+v", got)
	}
}

func TestStems(t *testing.T) {
	for name, want := range map[string]string{
		"etl": "etl", "etl-17": "etl", "nightly-20261121-070000": "nightly", "7": "7", "v2": "v2", "a-1-b": "a-1-b", "x-": "x-",
	} {
		if got := stemOf(name, 0, state.New()); got != want {
			t.Errorf("the stem of %s is %s, want %s", name, got, want)
		}
	}
}

// Runs of a schedule are arrivals of the schedule.
func TestRunsAreArrivalsOfTheirSchedule(t *testing.T) {
	st := state.New()
	if err := st.Apply(1, &state.WorkloadSubmitted{ID: 1, Spec: job("nightly", 1), Profiles: []api.Profile{{}}}); err != nil {
		t.Fatal(err)
	}
	if got := stemOf("nightly-1-20261121-070000", 1, st); got != "nightly" {
		t.Errorf("the stem is %s", got)
	}
}

// What is measured of a signal is kept, what is only forecast is not.
func TestObserveSignals(t *testing.T) {
	st := state.New()
	hour := api.Time(api.Hour)
	st.Signals = map[string]*api.Signal{"carbon/DE": {
		Kind: api.SignalCarbon, Zone: "DE", Start: 1000 * hour, Step: api.Hour, Values: []int64{300, 400, 500}, Known: 2,
	}}
	for at, want := range map[api.Time]float64{1000*hour + 5: 300, 1001 * hour: 400, 1002 * hour: 0, 999 * hour: 0} {
		s := standing{values: map[string]float64{}}
		s.signals(st, at)
		if got := s.values["signal/carbon/DE"]; got != want {
			t.Errorf("at %s the series gets %v, want %v", at, got, want)
		}
	}
}
