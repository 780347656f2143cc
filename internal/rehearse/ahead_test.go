package rehearse

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"drover.dev/api"
)

// tides is a trace of small jobs, more and fewer of them every two hours.
func tides() string {
	var b strings.Builder
	b.WriteString("arrival_time,length,cpus\n")
	for at := 0.0; at < 8*3600; {
		fmt.Fprintf(&b, "%d,600,1\n", int(at))
		at += 600 / (9 + 8*math.Sin(2*math.Pi*at/7200))
	}
	return b.String()
}

// Nodes that are awake ahead of demand let less wait than those that are woken by what
// waits, for less energy than nodes that never sleep; and the same comes out again.
func TestAwakeAhead(t *testing.T) {
	declared := []api.Strategy{
		{Name: "waits", Terms: []api.StrategyTerm{{Term: "fit", Weight: 1}}, Rest: &api.Rest{After: 5 * api.Minute, Reserve: new(api.Milli)}},
		{Name: "ahead", Terms: []api.StrategyTerm{{Term: "fit", Weight: 1}}, Rest: &api.Rest{After: 5 * api.Minute, Reserve: new(api.Milli), Ahead: 900}},
	}
	f := Fleet{}
	for i := range 8 {
		f.Nodes = append(f.Nodes, api.Node{
			Name: fmt.Sprint("n", i), Site: "hall", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000,
			Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB}, Power: &api.PowerModel{Idle: 50_000, Full: 100_000},
			Sleep: &api.Sleep{Draw: 5000, Down: 30 * api.Second, Up: 3 * api.Minute},
		})
	}
	run := func(strategy string) *Report {
		r, err := Run(t.Context(), Plan{Fleet: f, Trace: strings.NewReader(tides()), Declared: declared, Strategy: strategy, Check: true})
		if err != nil {
			t.Fatalf("%s: %v", strategy, err)
		}
		return r
	}
	on, waits, ahead := run("greedy"), run("waits"), run("ahead")
	if ahead.WaitSeconds.Mean > waits.WaitSeconds.Mean/2 || ahead.EnergyKWh >= on.EnergyKWh {
		t.Errorf("ahead of demand tasks wait %.1f s for %.2f kWh; without %.1f s for %.2f kWh; where all are on %.2f kWh",
			ahead.WaitSeconds.Mean, ahead.EnergyKWh, waits.WaitSeconds.Mean, waits.EnergyKWh, on.EnergyKWh)
	}
	if again := run("ahead"); again.WaitSeconds != ahead.WaitSeconds || again.EnergyKWh != ahead.EnergyKWh || again.Sleeps != ahead.Sleeps {
		t.Errorf("run again it is %+v, was %+v", again, ahead)
	}
	t.Logf("wait %.1f → %.1f s, %.2f → %.2f kWh of %.2f", waits.WaitSeconds.Mean, ahead.WaitSeconds.Mean, waits.EnergyKWh, ahead.EnergyKWh, on.EnergyKWh)
}
