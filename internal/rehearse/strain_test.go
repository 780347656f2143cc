package rehearse

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// packedOn is three hours of two nodes of eight cores, and four services on the first that
// each ask for one and use so many.
func packedOn(t *testing.T, move bool, uses api.Milli) (moves int64, on map[string]int, strained map[string]int) {
	t.Helper()
	on, strained = map[string]int{}, map[string]int{}
	cfg := twin.Config{
		Strategy: "best-fit", Check: true, Start: api.Time(api.Day), Horizon: 3 * api.Hour, Until: api.Time(api.Day + 3*api.Hour), Measure: newGauger(),
		Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Rest: &api.Rest{Move: move}}},
		Watch: func(_ api.Time, events []state.Event) {
			for _, ev := range events {
				switch v := ev.(type) {
				case *state.NodeStrained:
					strained[v.Node]++
				case *state.NodeEased:
					strained["eased "+v.Node]++
				}
			}
		},
	}
	for i := range 2 {
		cfg.Nodes = append(cfg.Nodes, api.Node{
			Name: fmt.Sprint("n", i), Site: "hall", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000,
			Capacity: api.Resources{CPU: 8000, Memory: 64 * api.GiB},
		})
	}
	var list []twin.Arrival
	for i := range 4 {
		w := &api.Workload{APIVersion: api.Version, Kind: api.KindService, Name: fmt.Sprint("s", i), Replicas: 1, Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000},
		}}}
		w.Normalize()
		list = append(list, twin.Arrival{At: cfg.Start, Workload: w, Truth: []twin.Truth{{Run: 100 * api.Day, CPU: uses}}})
	}
	w, err := twin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Run(func() (a twin.Arrival, ok bool) {
		if ok = len(list) > 0; ok {
			a, list = list[0], list[1:]
		}
		return a, ok
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range w.State().Nodes {
		on[name] = len(n.Held)
	}
	return r.Moves, on, strained
}

// Services that use two and a half times what they asked for are too many for the node that
// has room for all of them by that. Once they may be moved two of them are, one after the
// other, and both nodes carry what they hold. Where nothing is moved, or nobody uses more
// than it asked for, all stay.
func TestOverloadInTheTwin(t *testing.T) {
	moves, on, strained := packedOn(t, true, 2500)
	if moves != 2 || on["n0"] != 2 || on["n1"] != 2 || strained["n0"]+strained["n1"] == 0 || strained["eased n0"]+strained["eased n1"] != 1 {
		t.Errorf("%d were moved, nodes hold %v; strained %v", moves, on, strained)
	}
	for _, c := range []struct {
		move bool
		uses api.Milli
	}{{false, 2500}, {true, 1000}, {true, 0}} {
		if moves, on, strained := packedOn(t, c.move, c.uses); moves != 0 || on["n0"]+on["n1"] != 4 || on["n0"]*on["n1"] != 0 || len(strained) != 0 {
			t.Errorf("%+v: %d were moved, nodes hold %v; strained %v", c, moves, on, strained)
		}
	}
}
