package energy_test

import (
	"math"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/energy"
)

// TestDraw: what a node declares counts; of one that declares nothing the usual draw of
// its cores and of its accelerators, by their model.
func TestDraw(t *testing.T) {
	gpus := func(model string, count api.Milli) []api.Accelerator {
		return []api.Accelerator{{Kind: "gpu", Count: count, Models: []string{model}}}
	}
	for _, tc := range []struct {
		name       string
		node       api.Node
		idle, full int64 // mW
		said       bool
	}{
		{"usual cores", api.Node{Capacity: api.Resources{CPU: 4000}}, 2960, 14_000, false},
		{"declared", api.Node{Capacity: api.Resources{CPU: 4000}, Power: &api.PowerModel{Idle: 60_000, Full: 180_000}}, 60_000, 180_000, true},
		{"two usual GPUs", api.Node{Capacity: api.Resources{CPU: 1000, Accelerators: gpus("NVIDIA-A100-80GB", 2000)}}, 740 + 96_000, 3500 + 800_000, false},
		{"a GPU of unknown model", api.Node{Capacity: api.Resources{Accelerators: gpus("G3", 1000)}}, 36_000, 300_000, false},
		{"a QPU of unknown power", api.Node{Capacity: api.Resources{Accelerators: []api.Accelerator{{Kind: "qpu", Count: 1000}}}}, 0, 0, false},
		{"GPUs in the machine's own figure", api.Node{
			Capacity: api.Resources{CPU: 4000, Accelerators: gpus("T4", 4000)}, Power: &api.PowerModel{Idle: 60_000, Full: 180_000},
		}, 60_000, 180_000, true},
		{"declared GPUs", api.Node{
			Capacity: api.Resources{CPU: 4000, Accelerators: gpus("T4", 4000)},
			Power:    &api.PowerModel{Idle: 60_000, Full: 180_000, Devices: []api.DevicePower{{Kind: "gpu", Idle: 10_000, Full: 70_000}}},
		}, 100_000, 460_000, true},
		{"less at full load than idle", api.Node{Power: &api.PowerModel{Idle: 60_000, Full: 1}}, 60_000, 60_000, true},
		{"no power below zero", api.Node{Power: &api.PowerModel{Idle: -5, Full: -1}}, 0, 0, true},
		{"absurd", api.Node{Capacity: api.Resources{CPU: math.MaxInt64, Accelerators: gpus("", math.MaxInt64)}}, energy.MostDraw, energy.MostDraw, false},
	} {
		if idle, full, said := energy.Draw(&tc.node); idle != tc.idle || full != tc.full || said != tc.said {
			t.Errorf("%s: %d and %d mW, said %v; want %d, %d, %v", tc.name, idle, full, said, tc.idle, tc.full, tc.said)
		}
	}
}

// TestCurveOf: by the use of its CPU a node goes from all idle to a busy machine whose
// accelerators still stand idle.
func TestCurveOf(t *testing.T) {
	n := api.Node{Capacity: api.Resources{CPU: 4000, Accelerators: []api.Accelerator{{Kind: "gpu", Models: []string{"T4"}, Count: 1000}}}}
	c := energy.CurveOf(&n)
	if c.Check() != nil || math.Abs(c.At(0)-11.36) > 1e-9 || math.Abs(c.At(1)-22.4) > 1e-9 || math.Abs(c.At(0.5)-16.88) > 1e-9 {
		t.Errorf("%+v draws %g, %g and %g W", c, c.At(0), c.At(0.5), c.At(1))
	}
}
