package engine_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// TestFollowersPlanForNow: who reads beside the leader plans with the hour that it is, also
// after it took the state up from a snapshot.
func TestFollowersPlanForNow(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	first := start - start%api.Time(api.Hour)
	for _, s := range []struct {
		site   string
		carbon []int64 // clean now in the one, at another hour in the other
	}{{"bonn", []int64{900_000, 1000}}, {"cork", []int64{1000, 900_000}}} {
		w.step(t, &engine.PutSite{Site: api.Site{Name: s.site, Layer: api.LayerCloud, Zone: s.site}},
			&engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: s.site, Start: first, Step: api.Hour, Values: s.carbon, Known: 2, Origin: "feed"}},
			&engine.Register{Node: api.Node{Name: "at-" + s.site, Site: s.site, Drivers: []string{api.DriverProcess}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB}}})
	}
	spec := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "job", Strategy: "renewable-first",
		Tasks: []api.Task{{Name: "t", Driver: api.DriverProcess, Command: []string{"x"}, Duration: api.Minute, Resources: api.Resources{CPU: 1000}}},
	}
	spec.Normalize()
	for _, c := range []struct {
		after api.Duration
		node  string
	}{{0, "at-cork"}, {api.Hour, "at-bonn"}} {
		w.now = first.Add(c.after + 20*api.Minute)
		w.step(t, &engine.Back{Node: "at-bonn"}, &engine.PutSettings{Strategy: "layered"}, &engine.PutSettings{})
		for name, e := range map[string]*engine.Engine{"leader": w.engine, "follower": w.follower, "from a snapshot": engine.NewFollower(w.engine.State())} {
			plan, err := e.Plan(spec, nil)
			if err != nil || plan[0].Decision.Chosen == nil {
				t.Fatalf("%s: %v, %+v", name, err, plan)
			}
			if got := plan[0].Decision.Chosen.Node; got != c.node {
				t.Errorf("%s, %s later: %s, want %s", name, c.after, got, c.node)
			}
		}
	}
}
