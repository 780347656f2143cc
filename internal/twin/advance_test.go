package twin

import (
	"math"
	"math/rand/v2"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Time that passes in steps is the same time, and what jobs spent in all is the sum of
// their completion times.
func TestAWorldThatIsReadNowAndThenIsTheSame(t *testing.T) {
	const jobs = 200
	build := func() (*World, Demand) {
		w, err := New(Config{Nodes: fleet(t, "4x2,8Gi")})
		if err != nil {
			t.Fatal(err)
		}
		return w, poisson(jobs, 1, 7, func(r *rand.Rand) float64 { return 6 * r.ExpFloat64() })
	}
	whole, demand := build()
	want, err := whole.Run(demand, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, demand := build()
	if err := w.Begin(demand); err != nil {
		t.Fatal(err)
	}
	var last, got Reading
	for at := api.Time(0); at < api.Time(1000*api.Second); at = at.Add(700 * api.Millisecond) {
		if got, err = w.Advance(at, nil); err != nil {
			t.Fatal(err)
		}
		if got.Joules < last.Joules || got.JobSeconds < last.JobSeconds || w.State().Now > at {
			t.Fatalf("at %v: %+v after %+v, the state is of %v", at, got, last, w.State().Now)
		}
		last = got
	}
	if sum := want.Completion.Mean * jobs; math.Abs(got.JobSeconds-sum) > 1e-6*sum || got.Done != jobs {
		t.Errorf("%d jobs spent %g s, the sum of completion times is %g s of %d", got.Done, got.JobSeconds, sum, jobs)
	}
	// 8 cores draw 0.74 W idle each after the makespan, too.
	idle := 8 * 0.74 * (last.At.Sub(0) - want.Makespan).Std().Seconds()
	if math.Abs(got.Joules-want.Joules-idle) > 1e-6*got.Joules {
		t.Errorf("%g J in steps, %g J at once and %g J idle after that", got.Joules, want.Joules, idle)
	}
}

// A world that is told something between two steps does it at once, and knows its demand apart from it: here a job that waits
// behind another, which it never fits beside, is sent to the free nodes.
func TestAWorldIsToldOfAJobThatIsSentElsewhere(t *testing.T) {
	nodes := fleet(t, "1x2,8Gi+1x2,8Gi")
	nodes[0].Layer, nodes[1].Layer = api.LayerEdge, api.LayerCloud
	job := func(name string, layer api.Layer) *api.Workload {
		w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{{
			Name: "main", Driver: "noop", Resources: api.Resources{CPU: 2000}, Requires: api.Requirements{Layers: []api.Layer{layer}},
		}}}
		w.Normalize()
		return w
	}
	w, err := New(Config{Nodes: nodes, Check: true})
	if err != nil {
		t.Fatal(err)
	}
	list := []Arrival{
		{At: 1, Workload: job("first", api.LayerEdge), Truth: []Truth{{Run: 100 * api.Second}}},
		{At: 2, Workload: job("second", api.LayerEdge), Truth: []Truth{{Run: 10 * api.Second}}},
		{At: api.Time(60 * api.Second), Workload: job("third", api.LayerCloud), Truth: []Truth{{Run: 10 * api.Second}}},
	}
	err = w.Begin(func() (a Arrival, ok bool) {
		if len(list) == 0 {
			return a, false
		}
		a, list = list[0], list[1:]
		return a, true
	})
	if err == nil {
		_, err = w.Advance(api.Time(5*api.Second), nil)
	}
	if err == nil {
		err = w.Tell(&engine.Submit{Workload: job("second", api.LayerCloud)})
	}
	if err != nil {
		t.Fatal(err)
	}
	if now, err := w.Advance(api.Time(20*api.Second), nil); err != nil || now.Done != 1 {
		t.Errorf("%d jobs have ended, %v: the second takes 10 s from where it is sent", now.Done, err)
	}
	if now, err := w.Advance(api.Time(200*api.Second), nil); err != nil || now.Done != 3 || now.Refused != 0 {
		t.Errorf("%d jobs have ended and %d were refused, %v", now.Done, now.Refused, err)
	}
}
