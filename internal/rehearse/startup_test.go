package rehearse

import (
	"maps"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

func TestParseStartup(t *testing.T) {
	both := twin.Startup{Cold: 2 * api.Second, Warm: 100 * api.Millisecond}
	even := twin.Startup{Cold: api.Second, Warm: api.Second}
	for text, want := range map[string]map[string]twin.Startup{
		"":                {},
		"1s":              {api.DriverNoop: even, api.DriverProcess: even, api.DriverWASM: even},
		"wasm=2s/100ms":   {api.DriverWASM: both},
		"1s,wasm=2s/0.1s": {api.DriverNoop: even, api.DriverProcess: even, api.DriverWASM: both},
	} {
		if got, err := ParseStartup(text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"soon": "no time to start", "tractor=1s": "is no driver", "1s,2s": "the same twice", "-1s": "from 0s to 1d", "1s/2s/3s": "no time to start",
	} {
		if _, err := ParseStartup(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

const plantFleet = `
home: dc
sites:
  - {name: plant, layer: edge, links: [{to: dc, rtt: 20ms, bandwidth: 8Mbit}]}
groups:
  - node: {name: gateway, layer: edge, site: plant, capacity: {cpu: 4, memory: 8Gi}}
`

// Programs, inputs and outputs of a trace cross the described link.
func TestBytesOverLinks(t *testing.T) {
	f, err := parseFleet([]byte(plantFleet))
	if err != nil || f.Home != "dc" {
		t.Fatal(f.Home, err)
	}
	startup, err := ParseStartup("3s/1s")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), Plan{Fleet: f, Check: true, Startup: startup, Trace: strings.NewReader(`{"drover":"trace/v1"}
{"submit":0,"run":2,"each":{"cpu":"1"},"program":"resize","size":"1M","in":"500k","out":"250k"}
{"submit":60,"run":2,"each":{"cpu":"1"},"program":"resize","size":"1M","in":"500k","out":"250k"}
`)})
	if err != nil {
		t.Fatal(err)
	}
	// Cold: 20 ms + 1.5 s + 3 s. Warm: 20 ms + 0.5 s + 1 s.
	if w := r.WaitSeconds; w.P50 != 1.52 || w.P99 != 4.52 {
		t.Errorf("waits %+v", w)
	}
	if got := r.BytesOver["cloud-edge"]; got != 2_500_000 || len(r.Links) != 2 || r.gigabytes("") != 2.5e-3 {
		t.Errorf("%d bytes over %+v", got, r.Links)
	}
}
