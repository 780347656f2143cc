package engine_test

import (
	"reflect"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestFollowersKnowWhatIsPromised: a job that waits for room, and was promised it, is to ask
// for more than before, by what others of its name used. A follower plans for others beside
// what it asks for now.
func TestFollowersKnowWhatIsPromised(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	work := func(name string, cpu api.Milli, lasts api.Duration) *api.Workload {
		s := &api.Workload{APIVersion: api.Version, Name: name, Kind: api.KindJob, Resize: &api.Resize{Mode: api.ResizeAuto}, Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Duration: lasts, Resources: api.Resources{CPU: cpu},
		}}}
		s.Normalize()
		return s
	}
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "conservative-backfill"}, &engine.Register{Node: nodeOf("n1", 4000)})
	w.step(t, &engine.Submit{Workload: work("long", 3000, api.Hour)})
	w.step(t, &engine.Submit{Workload: work("large", 2000, api.Hour)})
	probe := work("probe", 1000, 2*api.Hour)
	for i, fits := range []int32{1, 0} {
		if i == 1 {
			large := w.engine.State().Named("default", "large")
			w.step(t, &engine.Resized{ID: large.ID, Revision: large.Revision, CPU: 3500, Why: state.Need{Samples: 12, CPU: 3500}})
		}
		if len(w.engine.State().Reservations) != 1 {
			t.Fatalf("%d promises are made: %s", len(w.engine.State().Reservations), show(w.events))
		}
		x, err := w.engine.Plan(probe, nil)
		y, _ := w.follower.Plan(probe, nil)
		if err != nil || len(x) != 1 || x[0].Fits != fits || !reflect.DeepEqual(x, y) {
			t.Errorf("%d: the leader plans %+v, %v; the follower %+v", i, x, err, y)
		}
		w.rebuild(t)
	}
}
