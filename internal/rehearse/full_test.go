package rehearse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// TestFullFleetKeepsDeadlines: where jobs of more than a day hold most of a fleet, and short
// ones all of the rest for most of the time, who could wait for clean hours does so only as far
// as nobody is late for it who would not be late without.
func TestFullFleetKeepsDeadlines(t *testing.T) {
	begin := api.Time(1_700_006_400e9) // midnight
	var points []twin.Point
	for h := range api.Duration(40 * 24) {
		points = append(points, twin.Point{At: begin.Add(h * api.Hour), Value: 400 - 300*math.Sin(2*math.Pi*float64(h)/24)})
	}
	carbon, err := twin.NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	fleet := Fleet{Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Zone: "DE"}}}
	for i := range 10 {
		fleet.Nodes = append(fleet.Nodes, api.Node{
			Name: fmt.Sprint("n", i), Site: "hall", Layer: api.LayerCloud, Speed: 1000, Capacity: api.Resources{CPU: 8000, Memory: api.GiB}, Power: &api.PowerModel{Full: 100_000},
		})
	}
	work, jobs := fullFleet(96)
	missed := func(strategy string) (int64, float64) {
		r, err := Run(t.Context(), Plan{
			Strategy: strategy, Exact: true, Slack: Slack{By: 24 * api.Hour}, Start: begin.Add(30 * api.Day), Objective: api.ObjectiveCarbon,
			Carbon: map[string]*twin.Signal{"": carbon}, Fleet: fleet, Trace: strings.NewReader(work),
		})
		if err != nil || r.Workloads != jobs || r.Failed+r.Unfinished > 0 {
			t.Fatal(r, err)
		}
		return r.Missed, r.WaitSeconds.Mean / 3600
	}
	atOnce, queued := missed("greedy")
	late, waited := missed("time-slicing")
	t.Logf("%d of %d are late after %.1f h in the queue, and %d of those that wait for better hours, for %.1f h with the queue", atOnce, jobs, queued, late, waited)
	if late > atOnce+jobs/100 || waited < queued+1 {
		t.Errorf("%d of %d are late that waited for %.1f h, and %d of those that started at once, after %.1f h", late, jobs, waited, atOnce, queued)
	}
}

// fullFleet is a trace of so many hours for ten nodes: long jobs hold seven of them, each for a
// day and a half, and short ones ask for more than the other three by day, and for less by night.
func fullFleet(hours int) (text string, jobs int64) {
	random := rand.New(rand.NewPCG(7, 11))
	var b strings.Builder
	b.WriteString("{\"drover\":\"trace/v1\"}\n")
	add := func(at, run float64) {
		fmt.Fprintf(&b, "{\"submit\":%.0f,\"run\":%.0f,\"each\":{\"cpu\":\"8\"}}\n", at*3600, run*3600)
		jobs++
	}
	for h := range hours {
		at := float64(h)
		if h%5 == 0 {
			add(at, 36)
		}
		for n := range 5 {
			if day := h % 24; day >= 8 && day < 20 || n == 0 { // most come by day
				add(at+float64(n+1)/6, 0.2+2.4*random.Float64())
			}
		}
	}
	return b.String(), jobs
}
