package rehearse

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/twin"
)

func TestParseSignalFile(t *testing.T) {
	for text, want := range map[string]SignalFile{
		"a.csv":             {"", "a.csv", ""},
		"DE=x/a.csv.gz#LCA": {"DE", "x/a.csv.gz", "LCA"},
		"DE-LU=a.csv":       {"DE-LU", "a.csv", ""},
		"/x/y=z.csv":        {"", "/x/y=z.csv", ""},
	} {
		if got := ParseSignalFile(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestLoadSignal(t *testing.T) {
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "s.csv")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	price := write("utc,price,unit=EUR/MWh\n2023-01-01T00:00Z,100\n2023-01-01T01:00Z,\n2023-01-01T02:00Z,-50\n")
	got, err := LoadSignal(SignalFile{File: price}, api.SignalPrice)
	if err != nil {
		t.Fatal(err)
	}
	if first := got.First().Std().Format("2006-01-02"); first != "2023-01-01" {
		t.Errorf("begins %s", first)
	}
	// Half an hour at 0.1 a kWh and then one at -0.05, from half past one on: a node of
	// 1 core that is busy takes 3.5 W.
	f, err := LoadFleet("1x1,1Gi")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), Plan{
		Fleet: f, Start: got.First().Add(90 * api.Minute), Prices: map[string]*twin.Signal{"": got}, Intensity: 1000,
		Trace: strings.NewReader("{\"drover\":\"trace/v1\"}\n{\"submit\":0,\"run\":5400,\"each\":{\"cpu\":\"1\"}}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := 3.5e-3 * (0.5*0.1 - 0.05); math.Abs(r.Cost-want) > 1e-12 || math.Abs(r.CarbonKg-3.5e-3*1.5) > 1e-9 {
		t.Errorf("cost %g, want %g; %g kg", r.Cost, want, r.CarbonKg)
	}
	for text, want := range map[string]string{
		"":                                      "header",
		"utc,v\nnoon,1\n":                       "line 2",
		"utc,v\n2023-01-01,1\n2023-01-01,2\n":   "line 3",
		"utc,v\n2023-01-01,x\n":                 "line 2: no column holds a number",
		"utc,v\n2023-01-01,1\n":                 "two points",
		"utc,v\n2023-01-01,1\n2023-01-02,NaN\n": "two points", // a missing value
		"utc,v\n2023-01-01,1\n2023-01-02,x\n":   "line 3: \"x\" is no number",
		"utc,v\n2023-01-01,1\n2023-01-02,Inf\n": "line 3: \"Inf\" is no number",
	} {
		if _, err := LoadSignal(SignalFile{File: write(text)}, api.SignalCarbon); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := LoadSignal(SignalFile{File: price, Column: "fee"}, api.SignalPrice); err == nil || !strings.Contains(err.Error(), "no column") {
		t.Errorf("no such column: %v", err)
	}
}

// TestSignalsOfASite: prices go by the tariff, carbon by the zone, whatever the tariff is
// called, and the signal for all is for those that have none of their own.
func TestSignalsOfASite(t *testing.T) {
	at := func(v float64) *twin.Signal { return twin.Constant(v, 0) }
	p := Plan{
		Carbon: map[string]*twin.Signal{"": at(1), "FR": at(2), "DE": at(3)},
		Prices: map[string]*twin.Signal{"": at(4), "FR": at(5), "DE": at(6)},
	}
	for _, tc := range []struct {
		site          api.Site
		carbon, price float64
	}{
		{api.Site{Name: "a", Zone: "FR"}, 2, 5},
		{api.Site{Name: "b", Zone: "FR", Tariff: "DE"}, 2, 6},
		{api.Site{Name: "c", Zone: "FR", Tariff: "own"}, 2, 5},
		{api.Site{Name: "d", Zone: "PL"}, 1, 4},
		{api.Site{Name: "e"}, 1, 4},
	} {
		s := p.signalsOf(tc.site)
		if carbon, price := s.Carbon.Mean(0, 1), s.Price.Mean(0, 1); carbon != tc.carbon || price != tc.price {
			t.Errorf("%s: carbon %g, price %g; want %g, %g", tc.site.Name, carbon, price, tc.carbon, tc.price)
		}
	}
}

// TestUnitsOfGeneration: the header says the unit, or the column's highest value is brought
// to a power.
func TestUnitsOfGeneration(t *testing.T) {
	write := func(title string) string {
		name := filepath.Join(t.TempDir(), "s.csv")
		if err := os.WriteFile(name, []byte(title+"\n2023-06-01T00:00Z,0,1\n2023-06-01T01:00Z,4,9\n2023-06-01T02:00Z,2,9\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, tc := range []struct {
		name, title, column string
		kind                api.SignalKind
		watts               float64 // of the second hour
		fault               string
	}{
		{"watts", "utc,sun (W),x", "", api.SignalGeneration, 4, ""},
		{"kilowatts", "utc,sun_kW,x", "", api.SignalGeneration, 4000, ""},
		{"the column's own", "utc,a [MW],b in kW", "a [MW]", api.SignalGeneration, 4e6, ""},
		{"two units", "utc,a [MW],b in kW", "", api.SignalGeneration, 0, "does not say W"},
		{"no unit", "utc,SUN,WND", "SUN", api.SignalGeneration, 0, "does not say W"},
		{"by its peak", "utc,SUN,WND", "SUN@50kW", api.SignalGeneration, 50_000, ""},
		{"by the peak of the first column", "utc,SUN,WND", "@1.5 MW", api.SignalGeneration, 1.5e6, ""},
		{"no power", "utc,SUN,WND", "SUN@50", api.SignalGeneration, 0, "no power"},
		{"less than nothing", "utc,SUN,WND", "SUN@-1W", api.SignalGeneration, 0, "no power"},
		{"temperature", "utc,degrees,x", "", api.SignalTemperature, 4, ""},
		{"a price for carbon", "utc,EUR/MWh,x", "", api.SignalCarbon, 0, "name a file of that"},
	} {
		s, err := LoadSignal(SignalFile{File: write(tc.title), Column: tc.column}, tc.kind)
		if tc.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%s: %v, want %q", tc.name, err, tc.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := s.Mean(s.First().Add(api.Hour), s.First().Add(2*api.Hour)); math.Abs(got-tc.watts) > 1e-9*tc.watts {
			t.Errorf("%s: %g, want %g", tc.name, got, tc.watts)
		}
	}
}

// TestMisplaced: a signal for a place that the fleet does not have is refused by its name.
func TestMisplaced(t *testing.T) {
	p := Plan{Fleet: Fleet{Sites: []api.Site{{Name: "hall", Zone: "DE", Tariff: "night"}}, Nodes: []api.Node{{Site: "shed"}}}}
	for place, well := range map[string]bool{"": true, "hall": true, "DE": true, "night": true, "shed": true, "FR": false} {
		p.Generation = map[string]*twin.Signal{place: twin.Constant(1, 0)}
		if err := p.Misplaced(); (err == nil) != well {
			t.Errorf("%q: %v", place, err)
		}
	}
}

// TestAllSignalsAreTold: the cell hears of the temperature by the zone of a site, of what it
// generates by its name, and a node's draw is covered from there first.
func TestAllSignalsAreTold(t *testing.T) {
	begin := api.Time(1_700_006_400e9)
	p := Plan{
		Start: begin.Add(10 * api.Day), Intensity: 500, OwnCarbon: 50,
		Temperature: map[string]*twin.Signal{"DE": night(t, begin, math.MaxInt64)},
		Generation:  map[string]*twin.Signal{"hall": twin.Constant(20, begin)},
		Trace:       strings.NewReader("{\"drover\":\"trace/v1\"}\n{\"submit\":0,\"run\":3600,\"each\":{\"cpu\":\"8\"}}\n"),
	}
	p.Fleet = Fleet{
		Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Zone: "DE", PUE: 1200}},
		Nodes: []api.Node{{Name: "n", Site: "hall", Layer: api.LayerCloud, Speed: 1000, Capacity: api.Resources{CPU: 8000, Memory: api.GiB}, Power: &api.PowerModel{Idle: 10_000, Full: 100_000}}},
	}
	heard := map[string]int64{}
	for tell, n := p.heralds(), 0; n < 2; n++ {
		news, _ := tell()
		s := news.Input.(*engine.PutSignal).Signal //nolint:errcheck // heralds make it
		heard[s.Key()] = s.Values[s.Known-1]
	}
	if len(heard) != 2 || heard["temperature/DE"] == 0 || heard["generation/hall"] != 20_000 {
		t.Errorf("the cell hears %v", heard)
	}
	r, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	want := SiteReport{Site: "hall", EnergyKWh: 0.12, PUE: 1.2, OwnKWh: 0.02, GeneratedKWh: 0.02, CarbonKg: 0.1*0.5 + 0.02*0.05}
	got := r.Sites[0]
	for _, v := range [][2]float64{{got.EnergyKWh, want.EnergyKWh}, {got.PUE, want.PUE}, {got.OwnKWh, want.OwnKWh}, {got.GeneratedKWh, want.GeneratedKWh}, {got.CarbonKg, want.CarbonKg}, {r.CarbonKg, want.CarbonKg}} {
		if math.Abs(v[0]-v[1]) > 1e-9 {
			t.Errorf("the site took %+v, want %+v", got, want)
			break
		}
	}
}
