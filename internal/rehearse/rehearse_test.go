package rehearse

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
)

const jobs = `arrival_time,length,cpus
100,60,2
90,x,2
100,30,1
160,10,4
`

func plan(t *testing.T, fleet, trace string) Plan {
	t.Helper()
	f, err := LoadFleet(fleet)
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Fleet: f, Trace: strings.NewReader(trace), Options: Options{Skip: true}, Intensity: 500, Price: 0.5, Check: true}
}

func TestRun(t *testing.T) {
	r, err := Run(t.Context(), plan(t, "1x4,8Gi", jobs))
	if err != nil {
		t.Fatal(err)
	}
	// The third job comes after 60 s, when the first has just ended, and starts at
	// once. 70 s idle at 2.96 W, and 120 + 30 + 40 core seconds of 2.76 W more.
	kwh := (70*4*0.74 + 190*2.76) / 3.6e6
	if r.Workloads != 3 || r.Skipped != 1 || r.SkippedWhy == "" || r.MakespanSeconds != 70 || r.WaitSeconds.Mean != 0 || r.CompletionSeconds.P99 != 60 {
		t.Errorf("got %+v", r)
	}
	near := func(a, b float64) bool { return a > b*0.999999 && a < b*1.000001 }
	if !near(r.EnergyKWh, kwh) || !near(r.CarbonKg, kwh/2) || !near(r.Cost, kwh/2) {
		t.Errorf("%v kWh, %v kg, %v EUR; want %v kWh", r.EnergyKWh, r.CarbonKg, r.Cost, kwh)
	}
}

// What goes wrong while a trace is read ends the run with its reason.
func TestRunsThatFail(t *testing.T) {
	strict := plan(t, "1x4,8Gi", jobs)
	strict.Options.Skip = false
	if _, err := Run(t.Context(), strict); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("bad row: %v", err)
	}
	if _, err := Run(t.Context(), plan(t, "1x4,8Gi", "")); err == nil {
		t.Error("no trace: it ran")
	}
	if _, err := Run(t.Context(), Plan{Trace: strings.NewReader(jobs)}); err == nil || !strings.Contains(err.Error(), "no nodes") {
		t.Errorf("no nodes: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, plan(t, "1x4,8Gi", jobs)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestLoadFleet(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f, err := LoadFleet(file("fleet.yaml", `
sites:
  - {name: plant, layer: edge, links: [{to: dc, rtt: 20ms, bandwidth: 1Gbit}]}
groups:
  - count: 3
    node: {name: big, layer: cloud, site: dc, capacity: {cpu: 64, memory: 256Gi}, power: {idleMilliwatts: 100000, fullMilliwatts: 400000}}
  - node: {name: gateway, layer: edge, site: plant, capacity: {cpu: 4, memory: 4Gi}, drivers: [wasm]}
`))
	if err != nil || len(f.Nodes) != 4 || f.Nodes[2].Name != "big-2" || f.Nodes[3].Name != "gateway" || len(f.Sites) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = LoadFleet(file("nodes.csv", "sn,cpu_milli,memory_mib,gpu,model\nopenb-node-0,64000,262144,2,P100\nopenb-node-1,32000,1024,0,\n"))
	if err != nil || len(f.Nodes) != 2 || f.Nodes[0].Capacity.Accelerators[0].Count != 2000 || f.Nodes[1].Capacity.Memory != api.GiB {
		t.Errorf("%+v, %v", f, err)
	}
	for name, c := range map[string]struct{ text, says string }{
		"unknown field": {"groups: [{nodes: 1}]", `unknown field "nodes"`},
		"bad size":      {"groups: [{node: {name: a, capacity: {cpu: 1, memory: 12Gb}}}]", "12Gb"},
		"no name":       {"groups: [{node: {capacity: {cpu: 1, memory: 1Gi}}}]", "groups[0]: node.name"},
		"too many":      {"groups: [{count: 99999999, node: {name: a, capacity: {cpu: 1, memory: 1Gi}}}]", "at most 1000000 nodes"},
		"a bad site":    {"sites: [{name: A}]\ngroups: []", "sites[0]"},
		"not YAML":      {"\t{", "read fleet"},
		"half a row":    {"sn,cpu_milli,memory_mib,gpu,model\na,x,1,1,\n", "line 2"},
	} {
		if _, err := LoadFleet(file("f", c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := LoadFleet("no/such/file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
