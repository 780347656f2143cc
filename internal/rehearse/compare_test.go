package rehearse

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// burst is jobs that do not fit all at once.
func burst(t *testing.T) Comparison {
	t.Helper()
	text := "arrival_time,length,cpus\n"
	for range 40 {
		text += "0,300,1\n0,60,3\n10,100,2\n"
	}
	work, _, err := ReadWork(strings.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := LoadFleet("3x4,8Gi")
	if err != nil {
		t.Fatal(err)
	}
	return Comparison{
		Plan: Plan{Fleet: f, Check: true, Intensity: 500}, Work: work, Strategies: []string{"best-fit", "worst-fit"}, Seeds: 4, Jitter: 0.2, Workers: 2,
	}
}

func TestCompare(t *testing.T) {
	c := burst(t)
	done := 0
	c.Done = func(n int) { done = n }
	got, err := Compare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if done != 8 || got.Jobs != 120 || len(got.Strategies) != 2 || len(got.Strategies[1].Runs) != 4 {
		t.Fatalf("%d runs: %+v", done, got)
	}
	v := got.Strategies[0].Metrics["completionMean"]
	if !(v.Low < v.Mean && v.Mean < v.High) || got.Strategies[0].Runs[0].CompletionSeconds == got.Strategies[0].Runs[1].CompletionSeconds {
		t.Errorf("seeds change nothing: %+v", v)
	}
	same := c
	same.Strategies = []string{"best-fit", "best-fit"}
	got, err = Compare(t.Context(), same)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got.Strategies[1].Against {
		if d.Verdict != Even || d.By != (Interval{}) {
			t.Errorf("against itself: %+v", d)
		}
	}
	var page strings.Builder
	if err := got.Page(&page, "test"); err != nil || !strings.Contains(page.String(), "completion, mean") {
		t.Errorf("page of %d bytes, %v", page.Len(), err)
	}
}

func TestComparisonsThatFail(t *testing.T) {
	c := burst(t)
	c.Fleet.Nodes = nil
	if _, err := Compare(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no nodes") {
		t.Errorf("no nodes: %v", err)
	}
	c = burst(t)
	c.Seeds = 0
	if _, err := Compare(t.Context(), c); err == nil {
		t.Error("no seeds: it ran")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ctx, burst(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDifference(t *testing.T) {
	runs := func(waits ...float64) (out []*Report) {
		for _, w := range waits {
			r := &Report{}
			r.WaitSeconds.Mean, r.Utilisation.CPU = w, w
			out = append(out, r)
		}
		return out
	}
	wait, taken := Metric{Name: "w", of: func(r *Report) float64 { return r.WaitSeconds.Mean }}, Metric{Name: "c", Higher: true, of: func(r *Report) float64 { return r.Utilisation.CPU }}
	for _, c := range []struct {
		m    Metric
		b    []*Report
		want string
	}{
		// The runs differ much from each other, the strategies little but always.
		{wait, runs(11, 101, 1001.5), Worse},
		{wait, runs(9, 99, 998.5), Better},
		{wait, runs(9, 101, 1000), Even},
		{taken, runs(11, 101, 1001.5), Better},
		{taken, runs(9, 99, 998.5), Worse},
	} {
		if d := difference(c.m, runs(10, 100, 1000), c.b); d.Verdict != c.want {
			t.Errorf("%s: %+v, want %s", c.m.Name, d, c.want)
		}
	}
}

// Against R: t.test(c(1,2,3,4))$conf.int, and cor(method = "kendall").
func TestStatistics(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) < 0.002 }
	if v := interval([]float64{1, 2, 3, 4}); !near(v.Low, 0.4457397) || !near(v.High, 4.55426) {
		t.Errorf("interval %+v", v)
	}
	if !near(student(40), 2.021) || !near(student(1000), 1.962) || !near(student(31), 2.040) {
		t.Errorf("t of 40 degrees %v, of 1000 %v, of 31 %v", student(40), student(1000), student(31))
	}
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3}, []float64{10, 20, 30}, 1},
		{[]float64{1, 2, 3}, []float64{3, 2, 1}, -1},
		{[]float64{1, 2, 3, 4}, []float64{1, 3, 2, 4}, 0.6666667},
		{[]float64{1, 1, 2, 3}, []float64{1, 2, 2, 3}, 0.8},
		{[]float64{1, 1}, []float64{2, 2}, 1},
		{[]float64{1, 1}, []float64{1, 2}, 0},
	} {
		if got := kendall(c.a, c.b); !near(got, c.want) {
			t.Errorf("tau of %v and %v is %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestRank(t *testing.T) {
	got, err := RankStrategies(t.Context(), burst(t), "completionMean", 0.5)
	if err != nil || got.Jobs != [2]int{60, 60} || len(got.Predicted) != 2 || len(got.Actual) != 2 || got.Tau < -1 || got.Tau > 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := RankStrategies(t.Context(), burst(t), "beauty", 0.5); err == nil || !strings.Contains(err.Error(), `no metric "beauty"`) {
		t.Errorf("got %v", err)
	}
}

// recorder is a cell whose records are kept.
type recorder struct {
	t       *testing.T
	e       *engine.Engine
	at      journal.Link
	entries []journal.Entry
}

func (r *recorder) step(now api.Time, in ...engine.Input) engine.Output {
	r.t.Helper()
	out, err := r.e.Step(now, in)
	if err != nil {
		r.t.Fatal(err)
	}
	var enc journal.Encoder
	var inputs [][]byte
	for _, i := range in {
		b, err := journal.EncodeInput(i)
		if err != nil {
			r.t.Fatal(err)
		}
		inputs = append(inputs, b)
	}
	events, err := enc.Events(out.Events)
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := journal.Encode(journal.Record{
		Format: journal.Format, MinReader: 1, N: r.at.N + 1, PrevHash: r.at.Hash, Epoch: 1, Now: int64(now), Build: "test",
		Inputs: enc.Inputs(inputs), Events: events,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.at = journal.Link{N: r.at.N + 1, Hash: journal.Hash(b)}
	r.entries = append(r.entries, journal.Entry{Seq: r.at.N, Data: b})
	return out
}

// A cell's journal gives back its jobs, when they came and how long they ran.
func TestPast(t *testing.T) {
	r := &recorder{t: t, e: engine.New(state.New())}
	node := api.Node{Name: "n1", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB}}
	node.Normalize()
	workload := func(kind api.Kind, name string, count int32) *engine.Submit {
		w := &api.Workload{APIVersion: api.Version, Kind: kind, Name: name, Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Count: count}}}
		w.Normalize()
		return &engine.Submit{Workload: w}
	}
	start := api.Time(1e18)
	r.step(start, &engine.Lead{Epoch: 1, Server: "s"}, &engine.Register{Node: node})
	out := r.step(start.Add(api.Second), workload(api.KindJob, "pair", 2), workload(api.KindJob, "open", 1), workload(api.KindService, "web", 0))
	ended := &engine.Reports{Node: "n1"}
	for _, ev := range out.Events {
		p, ok := ev.(*state.TaskPlaced)
		if !ok || p.Ref.Workload != 1 {
			continue
		}
		ended.Reports = append(ended.Reports, api.Report{
			Attempt: api.Attempt{TaskRef: p.Ref, Try: p.Try}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Wall: api.Duration(p.Ref.Index+1) * api.Minute},
		})
	}
	r.step(start.Add(3*api.Minute), ended)

	past, err := ReadPast(t.Context(), func(yield func(journal.Entry, error) bool) {
		for _, e := range r.entries {
			if !yield(e, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if past.Records != 3 || past.LeftOut != 2 || len(past.Fleet.Nodes) != 1 || len(past.Work) != 1 {
		t.Fatalf("got %+v", past)
	}
	a := past.Work[0]
	if a.At != 0 || len(a.Truth[0].Each) != 2 || a.Truth[0].Each[1] != 2*api.Minute || a.Truth[0].Fails {
		t.Errorf("got %+v", a)
	}
	got, err := Compare(t.Context(), Comparison{Plan: Plan{Fleet: past.Fleet}, Work: past.Work, Strategies: []string{"greedy"}, Seeds: 1})
	if err != nil || got.Strategies[0].Metrics["completionMean"].Mean != 120 {
		t.Errorf("%+v, %v", got, err)
	}
	if past.Began != start.Add(api.Second) || past.Took[0].Completion != 3*api.Minute-api.Second {
		t.Errorf("from %s, measured %+v", past.Began, past.Took)
	}
	// From a state on, with the records after it: the job came before.
	late, err := ReadRecent(t.Context(), r.e.State(), r.at, func(func(journal.Entry, error) bool) {})
	if err != nil || len(late.Fleet.Nodes) != 1 || len(late.Work) != 0 {
		t.Errorf("after the last record there is %+v, %v", late, err)
	}
	broken := r.entries[1:]
	if _, err := ReadPast(t.Context(), func(yield func(journal.Entry, error) bool) { yield(broken[0], nil) }); err == nil {
		t.Error("a journal without its beginning was read")
	}
}
