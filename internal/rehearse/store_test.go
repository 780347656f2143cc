package rehearse_test

import (
	"cmp"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/twin"
)

func TestParseSiteBattery(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"bonn=400kWh,100kW,0.9", ""},
		{"400 kWh, 100 kW, 0.9, 0.03 EUR", ""},
		{"Bonn=400kWh,100kW,0.9", "no name of a site"},
		{"400kWh,100kW", "CAPACITY,POWER,EFFICIENCY"},
		{"400kW,100kW,0.9", "not an amount of energy"},
		{"400kWh,100kWh,0.9", "not a power"},
		{"400kWh,100kW,1.1", "battery.efficiency"},
		{"0kWh,100kW,0.9", "battery.capacity"},
		{"400kWh,100kW,0.9,-1 EUR", "battery.wear"},
	} {
		_, err := rehearse.ParseSiteBattery(tc.text)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestEquip(t *testing.T) {
	battery := func(site string) rehearse.SiteBattery {
		return rehearse.SiteBattery{Site: site, Battery: api.Battery{Capacity: 36e12, Charge: 1e7, Efficiency: 900}}
	}
	at := func(sites ...string) (f rehearse.Fleet) {
		for _, s := range sites {
			f.Nodes = append(f.Nodes, api.Node{Name: "n", Site: s, Layer: api.LayerEdge})
		}
		return f
	}
	for _, tc := range []struct {
		name, site, want, zone string
		fleet                  rehearse.Fleet
	}{
		{"nodes that name no site", "", "", "here", at("", "")},
		{"the only site", "", "", "a", at("a", "a")},
		{"one of two", "b", "", "b", at("a", "b")},
		{"which of two", "", "say of which", "", at("a", "b")},
		{"a site without nodes", "c", "no node", "", at("a", "b")},
	} {
		before := tc.fleet.Nodes[0].Site
		first := &tc.fleet.Nodes[0]
		err := tc.fleet.Equip(battery(tc.site))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if err == nil && (len(tc.fleet.Sites) != 1 || tc.fleet.Sites[0].Zone != tc.zone || tc.fleet.Sites[0].Battery == nil) {
			t.Errorf("%s: %+v", tc.name, tc.fleet.Sites)
		}
		if first.Site != before {
			t.Errorf("%s: nodes of somebody else were changed", tc.name)
		}
	}
}

// TestStorageOnATrace: the jobs of a public trace under a week of German prices cost less
// with a battery that follows them as they are published, within 15 % of what can be saved
// with all hours known; and a strategy that says nothing of batteries leaves it alone.
func TestStorageOnATrace(t *testing.T) {
	data := cmp.Or(os.Getenv("DROVER_DATA"), "../../../shared/data")
	run := func(strategy string) *rehearse.StoreReport {
		in, err := os.Open(filepath.Join(data, "gaia", "pai_1k.csv"))
		if err != nil {
			t.Skipf("SKIPPED: there is no trace to read: %v", err)
		}
		defer in.Close()
		prices, err := rehearse.LoadSignal(rehearse.ParseSignalFile(filepath.Join(data, "prices", "DE-LU_2023.csv.gz")), api.SignalPrice)
		if err != nil {
			t.Skipf("SKIPPED: there are no prices to read: %v", err)
		}
		fleet, err := rehearse.LoadFleet("8x96,512Gi")
		if err != nil {
			t.Fatal(err)
		}
		if err := fleet.Equip(rehearse.SiteBattery{Battery: api.Battery{Capacity: 8 * 3.6e12, Charge: 2e6, Efficiency: 900}}); err != nil {
			t.Fatal(err)
		}
		start, err := api.ParseTime("2023-06-01T00:00:00Z")
		if err != nil {
			t.Fatal(err)
		}
		r, err := rehearse.Run(context.Background(), rehearse.Plan{
			Fleet: fleet, Trace: in, Strategy: strategy, Seed: 1, Start: start, Check: true, Prices: map[string]*twin.Signal{"": prices},
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.Sites[0].Battery
	}
	still, follows := run("greedy"), run("storage")
	if still.BoughtKWh != 0 || math.Abs(still.CostWith-still.CostWithout) > 1e-9 {
		t.Errorf("nobody asked, and it did %+v", still)
	}
	if follows.CostWith >= 0.75*still.CostWith || follows.GapPercent > 15 || follows.GapPercent < 0 {
		t.Errorf("%g instead of %g, at best %g: %g %% were missed", follows.CostWith, still.CostWith, *follows.CostOptimal, follows.GapPercent)
	}
}
