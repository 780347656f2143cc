package twin

import (
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Under every planner all work ends although nodes die, and a world that is run
// again comes out the same.
func TestPlanners(t *testing.T) {
	for _, name := range []string{"min-cost-assignment", "min-total-completion", "dynamic"} {
		t.Run(name, func(t *testing.T) {
			play := func() Result {
				cfg := failing(3)
				cfg.Nodes = fleet(t, "6x4,16Gi+2x8,16Gi")
				cfg.Settings = []engine.Input{&engine.PutSettings{Strategy: name}}
				w, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				got, err := w.Run(mixed(60, 3), nil)
				if err != nil {
					t.Fatal(err)
				}
				if p := w.State().Planning; p == nil || p.N < 10 {
					t.Errorf("few plans were made: %+v", p)
				}
				return got
			}
			a, b := play(), play()
			if a.Workloads != 60 || a.Unfinished != 0 || a.Refused != 0 {
				t.Errorf("%+v", a)
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("the second time\n%+v, the first\n%+v", b, a)
			}
		})
	}
}

// On random clusters whose run times are as predicted, moving running tasks is never
// worse in sum than leaving them, with everything counted that a move costs.
func TestMovesPay(t *testing.T) {
	const clusters = 100
	gain, moved := 0.0, 0
	for seed := range uint64(clusters) {
		stay, _ := idealRun(t, "min-total-completion", seed)
		move, attempts := idealRun(t, "dynamic", seed)
		if move.Mean > stay.Mean*(1+1e-9) {
			t.Errorf("cluster %d: tasks are done after %.1f s in the mean when they move, and after %.1f s when they do not", seed, move.Mean, stay.Mean)
		}
		if attempts > 0 {
			moved++
		}
		gain += (1 - move.Mean/stay.Mean) / clusters
	}
	if moved < clusters/4 {
		t.Errorf("tasks moved on %d of %d clusters", moved, clusters)
	}
	t.Logf("tasks moved on %d of %d clusters; tasks are done %.1f %% sooner in the mean of all", moved, clusters, 100*gain)
}

// idealRun lets 12 tasks come at once to 4 nodes of different speeds. It returns when
// they are done, and how many attempts were stopped to go elsewhere.
func idealRun(t *testing.T, strategy string, seed uint64) (Spread, int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 11))
	cfg := Config{Check: true, Settings: []engine.Input{&engine.PutSettings{Strategy: strategy}}}
	for i := range 4 {
		cfg.Nodes = append(cfg.Nodes, api.Node{
			Name: "n" + strconv.Itoa(i), Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: api.Milli(250 << r.IntN(5)),
			Capacity: api.Resources{CPU: api.Milli(1000 * (1 + r.IntN(3))), Memory: 64 * api.GiB},
		})
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	got, err := w.Run(func() (Arrival, bool) {
		if n++; n > 12 {
			return Arrival{}, false
		}
		job := oneTask("j"+strconv.Itoa(n), 1000)
		job.Tasks[0].Duration = api.Duration(1+r.IntN(60)) * api.Minute
		return Arrival{Workload: job, Truth: []Truth{{Run: job.Tasks[0].Duration}}}, true
	}, nil)
	if err != nil || got.Unfinished > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	return got.Completion, int(w.State().Totals.Placed) - 12
}
