package engine_test

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestSitesAreSummedUpOnce: which nodes are needed for what is foreseen follows alike from sums
// over all sites that are kept and from ones that are not.
func TestSitesAreSummedUpOnce(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	for i := range 4 {
		reserve := api.Milli(150 * i)
		site := api.Site{Name: fmt.Sprint("hall-", i), Layer: api.LayerCloud, Rest: &api.Rest{After: api.Hour, Ahead: 900, Reserve: &reserve}}
		w.step(t, &engine.PutSite{Site: site})
		for k := range 1 + i {
			n := sleeper(fmt.Sprint(site.Name, "-", k))
			n.Site = site.Name
			w.step(t, &engine.Register{Node: n})
		}
	}
	needed := map[bool]int{}
	for cpu := api.Milli(0); cpu < 40_000; cpu += 500 {
		said := state.DemandForeseen{Quantile: 900, Origin: w.now, Until: w.now, Soon: state.Room{CPU: cpu / 2}, Later: state.Room{CPU: cpu}}
		w.step(t, &engine.Foreseen{Said: said})
		for name, n := range w.engine.State().Nodes {
			w.engine.SumUp(false)
			anew := w.engine.ViewNode(n).Awake
			w.engine.SumUp(true)
			if kept := w.engine.ViewNode(n).Awake; kept != anew {
				t.Fatalf("%v expected: %s is awake %q, by sums that are kept %q", cpu, name, anew, kept)
			}
			needed[anew == "for forecast demand"]++
		}
	}
	if needed[true] == 0 || needed[false] == 0 {
		t.Errorf("all nodes are needed, or none ever: %v", needed)
	}
}
