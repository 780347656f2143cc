package api_test

import (
	"encoding/json"
	"testing"

	"drover.dev/api"
)

func TestCoolingPoints(t *testing.T) {
	var s api.Site
	if err := json.Unmarshal([]byte(`{"name":"hall","layer":"edge","cooling":[{"celsius":-10,"pue":1.05},{"celsius":"25.5","pue":1.4}]}`), &s); err != nil {
		t.Fatal(err)
	}
	if got := s.Validate(); got != nil || s.Cooling[0].Celsius != -10_000 || s.Cooling[1].PUE != 1400 {
		t.Errorf("%+v, %v", s.Cooling, got)
	}
	for at, want := range map[int64]api.Milli{-40_000: 1050, -10_000: 1050, 7_750: 1225, 25_500: 1400, 60_000: 1400} {
		if got := api.PUEAt(s.Cooling, at); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
	if api.PUEAt(nil, 5) != 1000 {
		t.Error("without a curve a site takes something besides")
	}
	s.Cooling = []api.CoolingPoint{{Celsius: 100_000, PUE: 900}, {Celsius: 5_000, PUE: 1000}, {Celsius: 5_000, PUE: 1100}}
	compare(t, s.Validate(), []string{
		"cooling[0].celsius: 100 is above the limit of 80",
		"cooling[0].pue: 900m is below the least possible value, 1",
		"cooling[1].celsius: 5 is not above 100 of the point before",
		"cooling[2].celsius: 5 is not above 5 of the point before",
	})
	n := api.Node{Name: "n", Site: "hall", Layer: api.LayerEdge, Power: &api.PowerModel{Full: 1, Devices: []api.DevicePower{{Idle: 5, Full: 3}, {Kind: "gpu", Full: 1 << 40}}}}
	n.Normalize()
	faults := 0
	for _, f := range n.Validate() {
		if len(f.Path) > 14 && f.Path[:14] == "power.devices[" {
			faults++
		}
	}
	if faults != 3 {
		t.Errorf("%+v", n.Validate())
	}
}
