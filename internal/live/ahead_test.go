package live

import (
	"math"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/foresight"
	"drover.dev/internal/power"
	"drover.dev/internal/state"
)

// sleeper is a cell with a node that sleeps at a site that looks ahead.
func sleeper(t *testing.T, dir string) *Cell {
	t.Helper()
	c := run(t, Config{Dir: dir, Wake: map[string]power.Waker{"n1": {OnWake: power.Command{"/bin/true"}}}})
	n := api.Node{
		Name: "n1", Site: "hall", Layer: api.LayerEdge, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB},
		Sleep: &api.Sleep{Down: 20 * api.Second, Up: 3 * api.Minute},
	}
	do(t, c,
		&engine.PutSite{Site: api.Site{Name: "hall", Layer: api.LayerEdge, Rest: &api.Rest{After: api.Hour, Reserve: new(api.Milli), Ahead: 900}}},
		&engine.Register{Node: n}, &engine.Power{Node: "n1", Sleep: true})
	until(t, c, "a node that sleeps", func(st *state.State) bool { n := st.Nodes["n1"]; return n != nil && n.Power == api.PowerSleeping })
	return c
}

// A node is woken because tasks are expected to hold more, although nothing waits; the
// cell knows that after a restart, too.
func TestNodesAreWokenAhead(t *testing.T) {
	dir := t.TempDir()
	c := sleeper(t, dir)
	now := c.cfg.Wall()
	o := forecasting(t, now, map[string][]float64{foresight.CPU: rising(), foresight.Memory: make([]float64, 61)})
	if err := c.foresee(t.Context(), o.ahead, now); err != nil {
		t.Fatal(err)
	}
	until(t, c, "a node that is woken", func(st *state.State) bool { return st.Nodes["n1"].Power == api.PowerWaking })
	shown := func(c *Cell) (awake string, f state.Foresight) {
		t.Helper()
		if _, err := c.View(t.Context(), 0, func(e *engine.Engine) {
			awake, f = e.ViewNode(e.State().Nodes["n1"]).Awake, *e.State().Foresight
		}); err != nil {
			t.Fatal(err)
		}
		return awake, f
	}
	awake, f := shown(c)
	if awake != "for forecast demand" || f.Said.Quantile != 900 || f.Said.Soon.CPU == 0 || f.Said.Later.CPU < f.Said.Soon.CPU || f.Said.Model == "" {
		t.Errorf("the node is awake %q, by %+v", awake, f)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if again, g := shown(run(t, Config{Dir: dir})); again != awake || g != f {
		t.Errorf("after a restart the node is awake %q, by %+v; was %q, by %+v", again, g, awake, f)
	}
}

// Without a forecast nothing is said; one that is too old or says nothing of now is an
// error, and wakes nobody.
func TestForecastsThatSayNothing(t *testing.T) {
	c := sleeper(t, t.TempDir())
	now := c.cfg.Wall()
	few := forecasting(t, now, map[string][]float64{foresight.CPU: {1000}, foresight.Memory: {0}})
	if err := c.foresee(t.Context(), few.ahead, now); err != nil {
		t.Errorf("of too little history nothing is said: %v", err)
	}
	then := now.Add(-api.Hour)
	old := forecasting(t, then, map[string][]float64{foresight.CPU: rising(), foresight.Memory: make([]float64, 61)})
	if err := c.foresee(t.Context(), old.ahead, now); err == nil || !strings.Contains(err.Error(), "says nothing of") {
		t.Errorf("an old forecast: %v", err)
	}
	old = forecasting(t, now.Add(-20*api.Minute), map[string][]float64{foresight.CPU: rising(), foresight.Memory: make([]float64, 61)})
	if err := c.foresee(t.Context(), old.ahead, now); err == nil || !strings.Contains(err.Error(), "it was made at") {
		t.Errorf("a forecast of 20 minutes ago: %v", err)
	}
	if _, err := c.View(t.Context(), 0, func(e *engine.Engine) {
		if st := e.State(); st.Foresight != nil || st.Nodes["n1"].Power != api.PowerSleeping {
			t.Errorf("node n1 is %s, by %+v", st.Nodes["n1"].Power, st.Foresight)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// What tasks hold is written down where a forecast is asked for, and only there.
func TestHeldIsWrittenDown(t *testing.T) {
	for _, ahead := range []api.Milli{0, 900} {
		e := engine.New(state.New())
		if _, err := e.Step(1, []engine.Input{
			&engine.PutSite{Site: api.Site{Name: "hall", Layer: api.LayerEdge, Rest: &api.Rest{Ahead: ahead}}},
			&engine.Register{Node: api.Node{Name: "n1", Site: "hall", Layer: api.LayerEdge, Sleep: &api.Sleep{}}},
		}); err != nil {
			t.Fatal(err)
		}
		s := standing{values: map[string]float64{}}
		s.held(e)
		if v, ok := s.values[foresight.CPU]; ok != (ahead > 0) || v != 0 || math.IsNaN(v) {
			t.Errorf("ahead %v: %v", ahead, s.values)
		}
	}
}
