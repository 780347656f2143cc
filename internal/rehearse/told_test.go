package rehearse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/twin"
	"pgregory.net/rapid"
)

func TestParseSlack(t *testing.T) {
	for text, want := range map[string]Slack{"": {}, "24h": {By: 24 * api.Hour}, "7d": {By: 7 * api.Day}, "0.5x": {Times: 0.5}, "2x": {Times: 2}} {
		if got, err := ParseSlack(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1h", "x", "0x", "-1x", "NaNx", "1e9x", "a day", "9999d"} {
		if got, err := ParseSlack(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

// TestTold: what a plan says of jobs goes to copies, and what a job says itself stays.
func TestTold(t *testing.T) {
	job := func(deadline api.Duration) twin.Arrival {
		return twin.Arrival{
			Workload: &api.Workload{Kind: api.KindJob, Deadline: deadline, Tasks: []api.Task{{Driver: api.DriverNoop}, {Driver: api.DriverWASM}}},
			Truth:    []twin.Truth{{Run: api.Hour}, {Each: []api.Duration{api.Hour, 3 * api.Hour}}},
		}
	}
	for _, tc := range []struct {
		name     string
		plan     Plan
		own      api.Duration // deadline
		deadline api.Duration
		duration api.Duration // of the second task
		drivers  string
	}{
		{"nothing", Plan{}, 0, 0, 0, "noop wasm"},
		{"slack", Plan{Slack: Slack{By: api.Day}}, 0, 28 * api.Hour, 0, "noop wasm"},
		{"by the run", Plan{Slack: Slack{Times: 0.5}, Exact: true}, 0, 6 * api.Hour, 3 * api.Hour, "noop wasm"},
		{"one of its own", Plan{Slack: Slack{By: api.Day}, Suspend: true}, api.Hour, api.Hour, 0, "process wasm"},
	} {
		a := job(tc.own)
		given := false
		got, ok := tc.plan.told(func() (twin.Arrival, bool) { given = !given; return a, given })()
		w := got.Workload
		if !ok || w.Deadline != tc.deadline || w.Tasks[1].Duration != tc.duration || w.Tasks[0].Driver+" "+w.Tasks[1].Driver != tc.drivers {
			t.Errorf("%s: %+v", tc.name, w)
		}
		if a.Workload.Deadline != tc.own || a.Workload.Tasks[1].Duration != 0 || a.Workload.Tasks[0].Driver != api.DriverNoop {
			t.Errorf("%s: what was given is changed: %+v", tc.name, a.Workload)
		}
	}
}

// TestTimeSlicingOfATrace: with slack a trace's job waits for the clean half of the day, and
// is held still between halves where it may be.
func TestTimeSlicingOfATrace(t *testing.T) {
	begin := api.Time(1_700_006_400e9) // midnight
	var points []twin.Point
	for h := range api.Duration(40 * 24) {
		v := 600.
		if h%24 >= 12 {
			v = 100
		}
		points = append(points, twin.Point{At: begin.Add(h * api.Hour), Value: v})
	}
	carbon, err := twin.NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	run := func(slack Slack, suspend bool) *Report {
		r, err := Run(t.Context(), Plan{
			Strategy: "unbounded", Declared: []api.Strategy{{Name: "unbounded", Slice: true, Terms: []api.StrategyTerm{{Term: "carbon", Weight: 2}, {Term: "latency", Weight: 1}}}},
			Exact: true, Slack: slack, Suspend: suspend, Resume: api.Minute, Start: begin.Add(30 * api.Day),
			Carbon: map[string]*twin.Signal{"": carbon},
			Fleet: Fleet{
				Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Zone: "DE"}},
				Nodes: []api.Node{{Name: "n", Site: "hall", Layer: api.LayerCloud, Speed: 1000, Capacity: api.Resources{CPU: 8000, Memory: api.GiB}, Power: &api.PowerModel{Full: 100_000}}},
			},
			Trace: strings.NewReader("{\"drover\":\"trace/v1\"}\n{\"submit\":0,\"run\":57600,\"each\":{\"cpu\":\"8\"}}\n"),
		})
		if err != nil || r.Missed+r.Failed+r.Unfinished > 0 {
			t.Fatal(r, err)
		}
		return r
	}
	now, later, parts := run(Slack{}, false), run(Slack{By: 72 * api.Hour}, false), run(Slack{By: 72 * api.Hour}, true)
	if now.WaitSeconds.Mean != 0 || later.WaitSeconds.Mean == 0 || later.Stretch.Mean != 1 || later.CarbonKg >= now.CarbonKg {
		t.Errorf("with slack it waits %v s instead of %v, stretched to %v, with %v kg instead of %v", later.WaitSeconds.Mean, now.WaitSeconds.Mean, later.Stretch.Mean, later.CarbonKg, now.CarbonKg)
	}
	if parts.Stretch.Mean < 1.5 || parts.CarbonKg >= later.CarbonKg || parts.EnergyKWh <= later.EnergyKWh {
		t.Errorf("where it may be held it is stretched to %v and emits %v kg instead of %v", parts.Stretch.Mean, parts.CarbonKg, later.CarbonKg)
	}
}

// anyHours is a carbon intensity of ten days, at random by the hour.
func anyHours(t *rapid.T, begin api.Time, random *rand.Rand) *twin.Signal {
	var points []twin.Point
	for h := range api.Duration(10 * 24) {
		points = append(points, twin.Point{At: begin.Add(h * api.Hour), Value: 10 + 900*random.Float64()})
	}
	carbon, err := twin.NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	return carbon
}

// TestSlowdownIsBounded: however clean the hours behind, no run of a strategy with a bound
// ends later than the bound and what rounding to the next moment takes.
func TestSlowdownIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := api.Time(1_700_006_400e9) // midnight
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		carbon := anyHours(t, begin, random)
		slowdown := int32(rapid.IntRange(1, 300).Draw(t, "slowdown"))
		hours := rapid.IntRange(1, 20).Draw(t, "hours")
		r, err := Run(context.Background(), Plan{
			Strategy: "patient", Declared: []api.Strategy{{Name: "patient", Slice: true, Slowdown: slowdown, Terms: []api.StrategyTerm{{Term: "latency", Weight: 1}}}},
			Exact: true, Slack: Slack{By: 7 * api.Day}, Suspend: true, Start: begin.Add(3 * api.Day), Carbon: map[string]*twin.Signal{"": carbon},
			Fleet: Fleet{
				Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Zone: "DE"}},
				Nodes: []api.Node{{Name: "n", Site: "hall", Layer: api.LayerCloud, Speed: 1000, Capacity: api.Resources{CPU: 8000, Memory: api.GiB}}},
			},
			Trace: strings.NewReader(fmt.Sprintf("{\"drover\":\"trace/v1\"}\n{\"submit\":0,\"run\":%d,\"each\":{\"cpu\":\"8\"}}\n", hours*3600)),
		})
		if err != nil || r.Workloads != 1 || r.Failed > 0 {
			t.Fatal(r, err)
		}
		if most := float64(hours) * 36 * float64(100+slowdown); r.CompletionSeconds.Mean > most+1 {
			t.Fatalf("a run of %d h ends after %.0f s, with a bound of %d %% at %.0f s", hours, r.CompletionSeconds.Mean, slowdown, most)
		}
	})
}

// TestStretchIsBounded: whatever the hours, nothing is held still for longer than the bound
// of its strategy allows, and nobody misses a deadline for it.
func TestStretchIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := api.Time(1_700_006_400e9) // midnight
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		carbon := anyHours(t, begin, random)
		stretch, seconds := int32(rapid.IntRange(1, 200).Draw(t, "stretch")), rapid.IntRange(10, 20*3600).Draw(t, "seconds")
		slack := api.Duration(rapid.IntRange(1, 7*24).Draw(t, "slack")) * api.Hour
		r, err := Run(context.Background(), Plan{
			Strategy: "brisk", Declared: []api.Strategy{{Name: "brisk", Slice: true, Stretch: stretch, Terms: []api.StrategyTerm{{Term: "latency", Weight: 1}}}},
			Exact: true, Slack: Slack{By: slack}, Suspend: true, Resume: api.Minute, Start: begin.Add(3 * api.Day), Carbon: map[string]*twin.Signal{"": carbon},
			Fleet: Fleet{
				Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Zone: "DE"}},
				Nodes: []api.Node{{Name: "n", Site: "hall", Layer: api.LayerCloud, Speed: 1000, Capacity: api.Resources{CPU: 8000, Memory: api.GiB}}},
			},
			Trace: strings.NewReader(fmt.Sprintf("{\"drover\":\"trace/v1\"}\n{\"submit\":0,\"run\":%d,\"each\":{\"cpu\":\"8\"}}\n", seconds)),
		})
		if err != nil || r.Workloads != 1 || r.Failed+r.Missed > 0 {
			t.Fatal(r, err)
		}
		if most := 1 + float64(stretch)/100; r.Stretch.Mean > most+1e-9 {
			t.Fatalf("a run of %d s is stretched to %.4f, with a bound of %.2f", seconds, r.Stretch.Mean, most)
		}
	})
}
