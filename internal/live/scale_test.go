package live

import (
	"path/filepath"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/outlook"
	"drover.dev/internal/provision"
	"drover.dev/internal/series"
	"drover.dev/internal/state"
)

// expecting is an observer of a service's load by the minute up to a time, the last
// value a moment before it, with its forecast.
func expecting(t *testing.T, now api.Time, load ...float64) *observer {
	t.Helper()
	return forecasting(t, now, map[string][]float64{"load/default/web": load})
}

// forecasting is an observer of series by the minute up to a time, with their forecasts.
func forecasting(t *testing.T, now api.Time, values map[string][]float64) *observer {
	t.Helper()
	dir := t.TempDir()
	store, err := series.Open(filepath.Join(dir, "series"), series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	wall := func() api.Time { return now }
	o := newObserver(store, wall, func(err error) { t.Error(err) })
	for name, list := range values {
		for i, v := range list {
			at := now.Add(-api.Duration(len(list)-1-i)*api.Minute - api.Second)
			if err := store.Add(name, series.Gauge, at, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if o.ahead, err = outlook.Open(outlook.Config{Series: store, Dir: filepath.Join(dir, "fitted"), Now: wall}); err != nil {
		t.Fatal(err)
	}
	o.ahead.Fit(func() bool { return false })
	return o
}

// rising is a load that goes from 500 to 1,500 thousandths of a core.
func rising() (load []float64) {
	for i := range 61 {
		load = append(load, 500+1000*float64(i)/60)
	}
	return load
}

func webThatScales() *api.Workload {
	w := job("web", 1)
	w.Kind, w.Tasks[0].Restart, w.Tasks[0].Resources.CPU = api.KindService, nil, 500
	w.Replicas, w.Scale = 2, &api.Scale{Max: 12, Target: 500}
	w.Normalize()
	return w
}

// What is worked out from loads and forecasts, without a cell.
func TestReplicasAreWorkedOut(t *testing.T) {
	now := api.Time(20_000 * 86_400 * api.Second)
	service := func(replicas int32) *scaling {
		return &scaling{
			id: 1, revision: 1, load: "load/default/web", spec: *webThatScales().Scale, each: 500, replicas: replicas, rises: true, falls: true,
		}
	}
	steady := make([]float64, 61)
	for i := range steady {
		steady[i] = 1000
	}
	up, level, young := expecting(t, now, rising()...), expecting(t, now, steady...), expecting(t, now, 900, 1100)
	hasty := service(6)
	hasty.falls = false
	for _, c := range []struct {
		name string
		o    *observer
		s    *scaling
		load float64
		want int32 // 0: it stays
	}{
		{"as many as there are", level, service(4), 1000, 0},
		{"more than needed", level, service(6), 1000, 4},
		{"more than needed, in the cool-down", level, hasty, 1000, 0},
		{"more is used than was forecast", level, service(4), 1300, 6},
		{"more than may be", level, service(4), 1e9, 12},
		{"without a forecast it rises", young, service(4), 1100, 5},
		{"without a forecast it does not fall", young, service(6), 1000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := c.o.scaled(c.s, c.load, now).(*engine.Scaled)
			switch {
			case got == nil && c.want != 0, got != nil && got.Replicas != c.want:
				t.Errorf("it is to have %+v, want %d", got, c.want)
			}
		})
	}
	t.Run("a load that rises is met before it comes", func(t *testing.T) {
		got, _ := up.scaled(service(4), 1500, now).(*engine.Scaled)
		if got == nil || got.Why.Forecast <= got.Why.Load || got.Why.For <= now || got.Why.Model == "" {
			t.Fatalf("what is worked out is %+v", got)
		}
		rule := provision.Scaling{Each: 500, Target: 0.5, Min: 1, Max: 12}
		if want := int32(rule.Replicas(float64(got.Why.Forecast))); got.Replicas != want || want <= 6 {
			t.Errorf("it is to have %d replicas, want %d, above those for what is used", got.Replicas, want)
		}
	})
	t.Run("nothing is measured any more", func(t *testing.T) {
		if loads, err := level.loadsNow([]scaling{*service(4)}, now.Add(api.Hour)); err != nil || len(loads) > 0 {
			t.Errorf("the loads are %v, %v", loads, err)
		}
	})
}

// A running cell gives a service more replicas for what is expected of it, says why,
// and has them after a restart, too.
func TestServicesScale(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir})
	a := join(t, c, "n1")
	a.hello()
	_, seq := do(t, c, submit(webThatScales()))
	view(t, c, seq, func(*state.State) {}) // from here on it is known
	web := func(st *state.State) *state.Workload { return st.Named("default", "web") }
	until(t, c, "places", func(st *state.State) bool { return web(st).Counts.Placed == 2 })
	a.pull()
	for id := range a.held {
		must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: []api.Report{{Attempt: id, N: 1, Kind: api.ReportStarted}}}))
	}
	until(t, c, "a revision that stands", func(st *state.State) bool { return web(st).Stable == 1 })

	now := c.cfg.Wall()
	if err := c.scaleServices(t.Context(), expecting(t, now, rising()...), now); err != nil {
		t.Fatal(err)
	}
	until(t, c, "more replicas", func(st *state.State) bool { return web(st).Counts.Total() > 6 })
	shown := func(c *Cell) (v api.WorkloadView) {
		t.Helper()
		_, err := c.View(t.Context(), 0, func(e *engine.Engine) { v = e.Views().Workload(web(e.State()), false) })
		if err != nil || v.Scale == nil {
			t.Fatalf("the view is %+v, %v", v, err)
		}
		return v
	}
	v := shown(c)
	if v.Replicas <= 6 || v.Revision != 1 || v.Scale.From != 2 || v.Scale.Forecast <= 1500 || v.Scale.Since == 0 || v.Scale.Reason == "" {
		t.Errorf("the service is shown as %+v, %+v", v, v.Scale)
	}
	// It is not to fall so soon, whatever is expected.
	if err := c.scaleServices(t.Context(), expecting(t, now, make([]float64, 61)...), now); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if again := shown(run(t, Config{Dir: dir})); again.Replicas != v.Replicas || *again.Scale != *v.Scale {
		t.Errorf("after a restart the service is shown as %+v, was %+v", again.Scale, v.Scale)
	}
}
