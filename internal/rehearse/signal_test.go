package rehearse

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
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
	got, err := LoadSignal(SignalFile{File: price})
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
		if _, err := LoadSignal(SignalFile{File: write(text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := LoadSignal(SignalFile{File: price, Column: "fee"}); err == nil || !strings.Contains(err.Error(), "no column") {
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
