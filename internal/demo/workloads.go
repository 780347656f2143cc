package demo

import (
	"strconv"

	"drover.dev/api"
)

// Where the demo's three nodes stand.
const (
	siteDevice = "field"  // beside the machine that is sampled
	siteEdge   = "plant"  // a gateway a few milliseconds away
	siteCloud  = "region" // a data centre far away, where the results are wanted
)

// Sites declares the continuum: three sites and the links between them.
func Sites() []api.Site {
	return []api.Site{
		{Name: siteDevice, Layer: api.LayerDevice, Zone: "DE", Links: []api.Link{
			{To: siteEdge, RTT: 4 * api.Millisecond, Bandwidth: 50e6},
			{To: siteCloud, RTT: 45 * api.Millisecond, Bandwidth: 10e6},
		}},
		{Name: siteEdge, Layer: api.LayerEdge, Zone: "DE", Links: []api.Link{
			{To: siteCloud, RTT: 18 * api.Millisecond, Bandwidth: 200e6},
		}},
		{Name: siteCloud, Layer: api.LayerCloud, Zone: "SE"},
	}
}

// programs are the digests of the demo's modules in the cell's store.
type programs map[string]api.Digest

func (p programs) source(name string) *api.Source { return &api.Source{Digest: p[name]} }

// line is the pipeline over three layers: a device-layer task samples this
// machine, an edge task cleans and aggregates, a cloud task makes the report.
// self is the path of a program whose arguments "demo-sample EVERY FOR" sample the
// machine.
func line(p programs, self string) *api.Workload {
	return &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "machine-report", Objective: api.ObjectiveLatency, Priority: 50,
		Tasks: []api.Task{
			{
				Name: "sample", Driver: "process", Command: []string{self, "demo-sample", "100ms", "3s"},
				Resources: api.Resources{CPU: 100, Memory: 64 * api.MiB},
				Requires:  api.Requirements{Layers: []api.Layer{api.LayerDevice}},
				Outputs:   []api.Output{{Name: "samples", Path: "samples.csv"}},
				Duration:  3 * api.Second, Timeout: api.Minute,
			},
			{
				Name: "clean", Driver: "wasm", Artifact: p.source("clean"), After: []string{"sample"},
				Resources: api.Resources{CPU: 500, Memory: 64 * api.MiB},
				Requires:  api.Requirements{Layers: []api.Layer{api.LayerEdge}},
				Inputs:    []api.Input{{Path: "samples.csv", Task: "sample", Output: "samples"}},
				Outputs:   []api.Output{{Name: "clean", Path: "clean.csv"}, {Name: "summary", Path: "summary.json"}},
				Duration:  100 * api.Millisecond, Timeout: api.Minute,
			},
			{
				Name: "report", Driver: "wasm", Artifact: p.source("report"), After: []string{"clean"},
				Resources: api.Resources{CPU: 500, Memory: 64 * api.MiB},
				Requires:  api.Requirements{Layers: []api.Layer{api.LayerCloud}},
				Inputs: []api.Input{
					{Path: "clean.csv", Task: "clean", Output: "clean"},
					{Path: "summary.json", Task: "clean", Output: "summary"},
				},
				Outputs:  []api.Output{{Name: "report", Path: "report.html"}},
				Duration: 100 * api.Millisecond, Timeout: api.Minute,
			},
		},
	}
}

// The mural: one large image, rendered in tiles by an array, joined by one task.
const (
	tiles     = 64
	imageSide = 1024
)

func mural(p programs) *api.Workload {
	count, side := strconv.Itoa(tiles), strconv.Itoa(imageSide)
	return &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "mural",
		Tasks: []api.Task{
			{
				Name: "tile", Driver: "wasm", Count: tiles, Artifact: p.source("tile"),
				Args:      []string{"{index}", count, side, side},
				Resources: api.Resources{CPU: 1000, Memory: 64 * api.MiB},
				Requires:  api.Requirements{Layers: []api.Layer{api.LayerEdge, api.LayerCloud}},
				Outputs:   []api.Output{{Name: "tile", Path: "tile.ppm"}},
				Duration:  60 * api.Millisecond, Timeout: api.Minute,
			},
			{
				Name: "join", Driver: "wasm", Artifact: p.source("join"), After: []string{"tile"},
				Args:      []string{count},
				Resources: api.Resources{CPU: 1000, Memory: 256 * api.MiB},
				Inputs:    []api.Input{{Path: ".", Task: "tile", Output: "tile"}},
				Outputs:   []api.Output{{Name: "image", Path: "image.png"}},
				Duration:  500 * api.Millisecond, Timeout: api.Minute,
			},
		},
	}
}
