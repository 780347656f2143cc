package rehearse

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/trace"
)

// What agents measured comes out as fits: run times by task and class of node, starts apart
// by cold and warm, and the speed of the link that inputs came over.
func TestCalibrate(t *testing.T) {
	p := &Past{}
	p.Settings.Home = "dc"
	for i := range 100 {
		cold := i%10 == 0
		start, took := 20*api.Millisecond, 4*api.Second
		if cold {
			start, took = 2*api.Second, 6*api.Second
		}
		p.measured = append(p.measured, measured{
			at: api.Time(i+1) * api.Time(api.Minute), task: "render/main", driver: api.DriverProcess, class: "edge", site: "plant",
			wall: 3 * api.Second, start: start, fetch: api.Second, bytes: 10e6 / 8, took: took, cold: cold,
		})
	}
	got := map[string]float64{}
	for _, f := range p.Calibrate(0).Fits {
		got[f.What+" "+f.Of] = f.Median
	}
	for name, want := range map[string]float64{
		"run render/main on edge": 3, "start-cold process": 2, "start-warm process": 0.02, "overhead process": 1, "link dc to plant": 10,
	} {
		if got[name] != want {
			t.Errorf("%s: %g, not %g", name, got[name], want)
		}
	}
	if c := p.Calibrate(9 * api.Minute); c.Samples != 10 {
		t.Errorf("in a window of nine minutes lie %d ends", c.Samples)
	}
	r := pastReader{measured: p.measured}
	s := r.startups(map[string]api.Duration{api.DriverProcess: api.Second})[api.DriverProcess]
	if s.Cold != 3*api.Second || s.Warm != api.Second {
		t.Errorf("%+v", s)
	}
}

func TestCalibrateRows(t *testing.T) {
	var rows []trace.Row
	for i := range 60 {
		rows = append(rows, trace.Row{User: "ann", Program: "app-1", Count: 2, Each: api.Resources{CPU: 1000}, Submit: api.Duration(i) * api.Minute, Run: api.Duration(1+i/40) * api.Hour})
	}
	c := CalibrateRows(rows, 0)
	if len(c.Fits) != 1 || c.Fits[0].Of != "user ann, app-1, 2 × 1 cpu" || c.Fits[0].Samples != 60 || c.Fits[0].Drift != "higher" || c.Drifts != 1 {
		t.Errorf("%+v", c)
	}
}
