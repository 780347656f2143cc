package twin

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

// The queue gives events in the order of time, then of their making.
func TestQueueOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var want []event
		order := func(a, b event) int {
			if a.before(&b) {
				return -1
			}
			return 1
		}
		for range rapid.IntRange(1, 200).Draw(t, "operations") {
			if len(want) > 0 && rapid.Bool().Draw(t, "pop") {
				if got := q.pop(); got.n != want[0].n {
					t.Fatalf("got event %d, want %d", got.n, want[0].n)
				}
				want = want[1:]
				continue
			}
			e := event{at: api.Time(rapid.Int64Range(0, 20).Draw(t, "at"))}
			q.push(e)
			e.n = q.made
			want = append(want, e)
			slices.SortFunc(want, order)
		}
	})
}

// mixed is n jobs of several shapes.
func mixed(n int, seed uint64) Demand {
	r := rand.New(rand.NewPCG(seed, 2))
	i := 0
	return func() (Arrival, bool) {
		if i++; i > n {
			return Arrival{}, false
		}
		w := oneTask("j"+strconv.Itoa(i), api.Milli(100*(1+r.IntN(30))))
		w.Tasks[0].Count = int32(1 + r.IntN(4))
		w.Gang = r.IntN(3) == 0
		if r.IntN(8) == 0 {
			w.Tasks[0].Timeout = 5 * api.Second
		}
		return Arrival{
			At: seconds(float64(i) / 2), Workload: w,
			Truth: []Truth{{Run: api.Duration(r.IntN(20)) * api.Second, Fails: r.IntN(10) == 0}},
		}, true
	}
}

func fleet(t testing.TB, text string) []api.Node {
	t.Helper()
	nodes, err := ParseFleet(text)
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

func failing(seed uint64) Config {
	return Config{
		Startup: map[string]Startup{api.DriverNoop: {Cold: 100 * api.Millisecond, Warm: 100 * api.Millisecond}}, Seed: seed, Check: true, Gather: api.Millisecond,
		Failures: Failures{Between: 5 * api.Minute, Repair: 30 * api.Second},
	}
}

// All work ends although nodes die, and every batch holds the engine's invariants.
func TestNodesFail(t *testing.T) {
	for seed := range uint64(5) {
		cfg := failing(seed)
		cfg.Nodes = fleet(t, "10x4,16Gi")
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Run(mixed(500, seed), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Workloads != 500 || got.Unfinished != 0 || got.Failures == 0 || got.Refused != 0 {
			t.Errorf("seed %d: %+v", seed, got)
		}
		for i, m := range w.nodes {
			if m.used != (use{}) {
				t.Errorf("seed %d: node %d still holds %+v", seed, i, m.used)
			}
		}
	}
}

func TestTheSeedDecides(t *testing.T) {
	run := func(seed uint64) string {
		cfg := failing(seed)
		cfg.Nodes = fleet(t, "10x4,16Gi")
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Run(mixed(300, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%+v", got)
	}
	if a, b := run(1), run(1); a != b {
		t.Errorf("the same seed gave\n%s, then\n%s", a, b)
	}
	if a, b := run(1), run(2); a == b {
		t.Error("another seed changed nothing")
	}
}

// What is known of one task on one machine is exact.
func TestOneTask(t *testing.T) {
	nodes := fleet(t, "1x2,4Gi")
	nodes[0].Speed = 2000
	nodes[0].Power = &api.PowerModel{Idle: 10_000, Full: 30_000}
	w, err := New(Config{Nodes: nodes, Startup: map[string]Startup{api.DriverNoop: {Cold: api.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	given := false
	got, err := w.Run(func() (Arrival, bool) {
		defer func() { given = true }()
		spec := oneTask("j", 1000)
		spec.Deadline = 5 * api.Second
		return Arrival{At: seconds(4), Workload: spec, Truth: []Truth{{Run: 10 * api.Second}}}, !given
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Comes at 4 s, starts at 5 s, runs half of 10 s on one of two cores: 10 s of
	// 10 W, and 5 s of 10 W on top.
	want := Result{
		Workloads: 1, Tasks: 1, Events: got.Events, Decided: got.Decided, Missed: 1, Makespan: 10 * api.Second,
		Wait: Spread{1, 1, 1}, Completion: Spread{6, 6, 6}, Stretch: Spread{1, 1, 1}, Utilisation: Utilisation{CPU: 0.25, CPUUsed: 0.25, Memory: 0}, Joules: 150,
	}
	want.Utilisation.Memory = got.Utilisation.Memory
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseFleet(t *testing.T) {
	nodes := fleet(t, "2x4,8Gi+1×64,512Gi,8")
	if len(nodes) != 3 || nodes[1].Capacity.CPU != 4000 || nodes[2].Capacity.Accelerators[0].Count != 8000 || nodes[2].Name != "node-2" {
		t.Errorf("got %+v", nodes)
	}
	for _, bad := range []string{"", "x", "0x1,1Gi", "2", "2x1", "2x1,1Gi,y", "9999999x1,1Gi", "1x1,12Gb"} {
		if _, err := ParseFleet(bad); err == nil || !strings.Contains(err.Error(), "fleet") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	twice := fleet(t, "2x1,1Gi")
	twice[1].Name = twice[0].Name
	for name, cfg := range map[string]Config{
		"no nodes": {}, "a name twice": {Nodes: twice}, "negative": {Nodes: fleet(t, "1x1,1Gi"), Gather: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: built", name)
		}
	}
}

// BenchmarkTwin is whole tasks a second: from arrival to the recorded end. The
// bound is the engine's Step, three for each task.
func BenchmarkTwin(b *testing.B) {
	for _, n := range []string{"1x64,256Gi", "100x64,256Gi", "1000x64,256Gi"} {
		b.Run(n, func(b *testing.B) {
			nodes := fleet(b, n)
			w, err := New(Config{Nodes: nodes, Gather: api.Millisecond})
			if err != nil {
				b.Fatal(err)
			}
			rate := 0.7 * 64 * float64(len(nodes))
			b.ResetTimer()
			got, err := w.Run(poisson(b.N, rate, 1, func(r *rand.Rand) float64 { return r.ExpFloat64() }), nil)
			if err != nil || got.Workloads != int64(b.N) {
				b.Fatalf("%+v, %v", got, err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
			b.ReportMetric(float64(got.Events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkQueue is the simulator alone: one event that makes the next, among
// 100,000 that wait. The bound is the memory that a pop touches.
func BenchmarkQueue(b *testing.B) {
	var q queue
	r := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		q.push(event{at: api.Time(r.Int64N(1 << 30))})
	}
	b.ReportAllocs()
	for b.Loop() {
		e := q.pop()
		e.at += api.Time(r.Int64N(1 << 30))
		q.push(e)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// A deadline that comes while a job waits is missed as well as one that comes while
// it runs; one that ends in time has met it.
func TestDeadlines(t *testing.T) {
	w, err := New(Config{Nodes: fleet(t, "1x1,4Gi")})
	if err != nil {
		t.Fatal(err)
	}
	n, due := 0, []api.Duration{0, 5 * api.Second, 50 * api.Second, 11 * api.Second}
	got, err := w.Run(func() (Arrival, bool) {
		if n == len(due) {
			return Arrival{}, false
		}
		spec := oneTask(fmt.Sprint("j", n), 1000)
		spec.Deadline = due[n]
		n++
		return Arrival{Workload: spec, Truth: []Truth{{Run: 10 * api.Second}}}, true
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Workloads != 4 || got.Missed != 2 {
		t.Errorf("%d of %d missed their deadlines, want 2 of 4", got.Missed, got.Workloads)
	}
}
