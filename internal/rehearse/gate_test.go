package rehearse

import (
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/report"
	"drover.dev/internal/twin"
)

func TestFindMetric(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"completionMean", "completionMean"},
		{"completion.mean", "completionMean"},
		{"p99_wait", "waitP99"},
		{"WAIT-P50", ""}, // capitals begin words
		{"makespan", "makespan"},
		{"latency", ""},
		{"", ""},
	} {
		if m, err := FindMetric(tt.text); m.Name != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%q is %q, %v; want %q", tt.text, m.Name, err, tt.want)
		}
	}
}

func TestParseGuard(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Guard
		ok   bool
	}{
		{"p99_wait:+5%", Guard{"waitP99", 5}, true},
		{"cpuTaken:-2.5%", Guard{"cpuTaken", 2.5}, true},
		{"missed:0", Guard{"missed", 0}, true},
		{"waitP99", Guard{}, false},
		{"waitP99:much", Guard{}, false},
		{"waitP99:NaN%", Guard{}, false},
		{"speed:1%", Guard{}, false},
	} {
		got, err := ParseGuard(tt.text)
		if (err == nil) != tt.ok || tt.ok && got != tt.want {
			t.Errorf("%q is %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
}

// compared is a comparison in which a metric was a under the first strategy and b
// under the second, seed by seed; waits were 10 s under both.
func compared(a, b []float64) *Compared {
	runs := func(means []float64, name string) Outcome {
		o := Outcome{Strategy: name, Metrics: map[string]Interval{}}
		for _, v := range means {
			r := &Report{}
			r.CompletionSeconds.Mean, r.Utilisation.CPU, r.WaitSeconds.P99 = v, v/1000, 10
			o.Runs = append(o.Runs, r)
		}
		for _, m := range Metrics() {
			o.Metrics[m.Name] = interval(values(o.Runs, m))
		}
		return o
	}
	first, second := runs(a, "old"), runs(b, "new")
	for _, m := range Metrics() {
		second.Against = append(second.Against, difference(m, first.Runs, second.Runs))
	}
	return &Compared{Jobs: 5, Seeds: len(a), Strategies: []Outcome{first, second}}
}

func TestJudge(t *testing.T) {
	faster, slower, noisy := []float64{90, 91, 89}, []float64{110, 111, 109}, []float64{80, 120, 90}
	now := []float64{100, 101, 99}
	for _, tt := range []struct {
		name string
		to   []float64
		gate Gate
		pass bool
		why  string
	}{
		{"better", faster, Gate{Metric: "completionMean", By: 2}, true, "completion, mean becomes better by 10.0 % (10.0 to 10.0), and at least 2 % was asked for"},
		{"too little", faster, Gate{Metric: "completionMean", By: 20}, false, "better by at least 20 % was asked for"},
		{"worse", slower, Gate{Metric: "completionMean", By: 0}, false, "completion, mean becomes worse by 10.0 %"},
		{"chance", noisy, Gate{Metric: "completionMean", By: 0}, false, "by chance"},
		{"the same", now, Gate{Metric: "completionMean", By: 0}, false, "changes by nothing"},
		{"guard kept", faster, Gate{Metric: "completionMean", By: 2, Guards: []Guard{{"waitP99", 0}}}, true, "completion"},
		{"guard broken", faster, Gate{Metric: "completionMean", By: 2, Guards: []Guard{{"waitP99", 5}, {"cpuTaken", 5}}}, false, "CPU taken becomes worse by 10.0 % (10.0 to 10.0), and is guarded at 5 %"},
		{"higher is better", slower, Gate{Metric: "cpuTaken", By: 2}, true, "CPU taken becomes better"},
		{"nothing to improve", faster, Gate{Metric: "missed", By: 0}, false, "changes by nothing"},
	} {
		v, err := Judge(compared(now, tt.to), tt.gate)
		if err != nil || v.Passed != tt.pass || !strings.Contains(v.Why, tt.why) || len(v.Findings) != 2+len(tt.gate.Guards) {
			t.Errorf("%s: %v, %+v; want %v because %q", tt.name, err, v, tt.pass, tt.why)
		}
	}
	for name, g := range map[string]Gate{"no metric": {Metric: "speed"}, "by too much": {Metric: "waitMean", By: 101}, "unknown guard": {Metric: "waitMean", Guards: []Guard{{"speed", 1}}}} {
		if _, err := Judge(compared(now, faster), g); err == nil {
			t.Errorf("%s: it is judged", name)
		}
	}
	if _, err := Judge(compared(now[:1], faster[:1]), Gate{Metric: "waitMean"}); err == nil || !strings.Contains(err.Error(), "two seeds") {
		t.Errorf("one seed: %v", err)
	}
}

// A strategy that was made worse on purpose is refused: it sends work where it
// takes longest. The other way round it is an improvement.
func TestAStrategyMadeWorseIsRefused(t *testing.T) {
	c := burst(t)
	c.Fleet.Nodes[0].Speed = 4000
	work, _, err := ReadWork(strings.NewReader("arrival_time,length,cpus\n0,60,1\n50,40,2\n100,60,1\n200,30,1\n300,50,1\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	past := &Past{Strategies: map[string]api.Strategy{"slowest": {
		Name: "slowest", Order: "fifo", Ties: api.TiesSpread, Terms: []api.StrategyTerm{{Term: "latency", Weight: -1}},
	}}}
	c.Work, c.Opening, c.Exact = work, past.Opening, true
	gate := Gate{Metric: "completionMean", By: 10, Guards: []Guard{{"waitP99", 5}}}
	for _, tt := range []struct {
		strategies []string
		pass       bool
	}{
		{[]string{"greedy", "slowest"}, false},
		{[]string{"slowest", "greedy"}, true},
	} {
		c.Strategies = tt.strategies
		got, err := Compare(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Judge(got, gate)
		if err != nil || v.Passed != tt.pass || v.Findings[0].Worse.Known == false || v.Findings[0].Passed != tt.pass {
			t.Errorf("from %s to %s: %+v, %v", tt.strategies[0], tt.strategies[1], v, err)
		}
		var table strings.Builder
		if err := v.Table().Render(&table, report.Style{Width: 120}); err != nil || !strings.Contains(table.String(), "jobs refused or unfinished") {
			t.Errorf("%v: %s", err, table.String())
		}
	}
}

// A job and a tenant keep the strategy that they name.
func TestOpeningsLeaveJobsTheirOwn(t *testing.T) {
	c := burst(t)
	w := *c.Work[0].Workload
	w.Strategy = "best-fit"
	c.Work[0].Workload = &w
	c.Opening = (&Past{Tenants: map[string]api.Tenant{"a": {Name: "a", Strategy: "worst-fit", Weight: 1}}}).Opening
	next := c.Work.demand(0, "", 0, 1)
	if a, _ := next(); a.Workload.Strategy != "best-fit" {
		t.Errorf("the job is placed by %q", a.Workload.Strategy)
	}
	if in := c.Opening("greedy"); len(in) != 2 {
		t.Errorf("the cell is told %+v", in)
	}
}

func TestSince(t *testing.T) {
	at := func(s int) api.Time { return api.Time(s) * api.Time(api.Second) }
	p := &Past{Began: at(100), Work: Work{{At: 0}, {At: at(5)}, {At: at(9)}}, Took: []Took{{Completion: 1}, {Completion: 2}, {Completion: 3}}}
	p.Ended = []twin.Ended{{Arrival: 0}, {Arrival: 1}, {Arrival: 1}, {Arrival: 2}}
	p.Since(at(105))
	if len(p.Work) != 2 || p.Began != at(105) || p.Work[0].At != 0 || p.Work[1].At != at(4) || p.Took[0].Completion != 2 || len(p.Ended) != 3 || p.Ended[0].Arrival != 0 {
		t.Errorf("got %+v", p)
	}
	p.Since(at(50))
	if len(p.Work) != 2 {
		t.Errorf("jobs after it are gone: %+v", p)
	}
	p.Since(at(1000))
	if len(p.Work) != 0 || len(p.Took) != 0 {
		t.Errorf("left is %+v", p)
	}
}
