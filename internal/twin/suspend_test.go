package twin_test

import (
	"math"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// TestTimeSlicing: a day whose grid is clean at both ends of a dirty stretch. A job that
// can be held runs around that stretch, one that cannot waits behind it; both end in time
// and take the carbon of clean hours only.
func TestTimeSlicing(t *testing.T) {
	const start = api.Time(20_000 * api.Day)
	carbon := &api.Signal{Kind: api.SignalCarbon, Zone: "DE", Step: api.Hour, Start: start, Known: 24, Origin: "test"}
	var points []twin.Point
	for hour := range api.Duration(24) {
		v := int64(100)
		if hour >= 3 && hour < 8 || hour >= 14 {
			v = 900
		}
		carbon.Values = append(carbon.Values, 1000*v)
		points = append(points, twin.Point{At: start.Add(hour * api.Hour), Value: float64(v)})
	}
	truth, err := twin.NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	run := func(strategy, driver string, run api.Duration) (r twin.Result, suspensions int) {
		w, err := twin.New(twin.Config{
			Nodes: []api.Node{{
				Name: "n1", Site: "bonn", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop, api.DriverProcess},
				Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB}, Power: &api.PowerModel{Idle: 0, Full: 100_000},
			}},
			Resume: api.Minute,
			Sites:  []api.Site{{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}}, Signals: map[string]twin.Signals{"": {Carbon: truth}},
			Settings: []engine.Input{
				&engine.PutSignal{Signal: *carbon},
				&engine.PutStrategy{Strategy: api.Strategy{Name: "unbounded", Slice: true, Terms: []api.StrategyTerm{{Term: "carbon", Weight: 2}, {Term: "latency", Weight: 1}}}},
			},
			Start: start, Check: true,
			Watch: func(_ api.Time, events []state.Event) {
				for _, ev := range events {
					if s, ok := ev.(*state.TaskSuspended); ok && !s.Resumed {
						suspensions++
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		job := &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: "job", Tenant: api.DefaultTenant, Strategy: strategy,
			Objective: api.ObjectiveCarbon, Deadline: 23 * api.Hour, Tasks: []api.Task{{Name: "t", Driver: driver, Duration: run, Resources: api.Resources{CPU: 4000}}},
		}
		if driver == api.DriverProcess {
			job.Tasks[0].Command = []string{"work"}
		}
		job.Normalize()
		came := false
		r, err = w.Run(func() (a twin.Arrival, ok bool) {
			if came {
				return a, false
			}
			came = true
			return twin.Arrival{At: start, Workload: job, Truth: []twin.Truth{{Run: run}}}, true
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r, suspensions
	}
	for _, c := range []struct {
		name, strategy, driver string
		run                    api.Duration
		ends                   float64 // hours
		grams                  float64
		suspended              int
		stretch                float64
	}{
		{"at once", "greedy", api.DriverProcess, 6 * api.Hour, 6, 300, 0, 1},
		{"around the dirty hours", "unbounded", api.DriverProcess, 7 * api.Hour, 12, 70, 1, (12 + 1./60) / 7}, // a minute for going on
		{"not where that takes more than 15 % longer", "time-slicing", api.DriverProcess, 7 * api.Hour, 14, 150, 0, 1},
		{"behind them in one piece", "time-slicing", api.DriverNoop, 6 * api.Hour, 14, 60, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, n := run(c.strategy, c.driver, c.run)
			if hours := r.Completion.Mean / 3600; hours < c.ends || hours > c.ends+0.1 || r.Carbon < c.grams || r.Carbon > c.grams+1 || n != c.suspended || r.Missed > 0 || math.Abs(r.Stretch.Mean-c.stretch) > 1e-6 {
				t.Errorf("it ends after %.2f h with %.1f g, suspended %d times, stretched to %.4f, %d missed", hours, r.Carbon, n, r.Stretch.Mean, r.Missed)
			}
		})
	}
}
