package sched

import (
	"strings"

	"drover.dev/api"
)

// devicePower is the thermal design power of usual accelerators in W, by model, as their
// makers' data sheets have it (NVIDIA; AMD from MI on): of the variant that servers have
// most often, with SXM sockets where there are any.
var devicePower = [...]struct {
	model string
	watts int64
}{
	{"P4", 75},
	{"P40", 250},
	{"P100", 300},
	{"K80", 300},
	{"M60", 300},
	{"T4", 70},
	{"V100", 300},
	{"A2", 60},
	{"A10", 150},
	{"A16", 250},
	{"A30", 165},
	{"A40", 300},
	{"A100", 400},
	{"L4", 72},
	{"L40", 300},
	{"L40S", 350},
	{"H100", 700},
	{"H200", 700},
	{"B200", 1000},
	{"MI100", 300},
	{"MI210", 300},
	{"MI250", 560},
	{"MI300X", 750},
}

// What an accelerator is taken to draw of which nothing is known: the power of a GPU of
// unknown model in W, and the part of it that one draws without load, in thousandths.
// Data sheets do not say that part; it is an assumption.
const (
	assumedDevice     = 300
	assumedDeviceIdle = 120
)

// deviceDraw is what one device draws without load and at full load, in mW.
func deviceDraw(kind, model string) (idle, full int64) {
	watts := int64(0)
	if kind == "gpu" {
		watts = assumedDevice
	}
	model = strings.ToUpper(model)
	for _, vendor := range [...]string{"NVIDIA", "AMD", "TESLA", "INSTINCT"} {
		model = strings.TrimLeft(strings.TrimPrefix(model, vendor), " -_")
	}
	longest := 0
	for _, d := range devicePower {
		if rest, ok := strings.CutPrefix(model, d.model); ok && len(d.model) > longest && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			watts, longest = d.watts, len(d.model)
		}
	}
	return watts * assumedDeviceIdle, watts * 1000
}

// groupDraw is what each device of a group of a node's accelerators draws, in mW: as the
// node declares it, or as usual where it declares nothing at all of its power. A node
// that declares only the power of the whole machine has that of its devices in it.
func groupDraw(n *api.Node, x *api.Accelerator) (idle, full int64) {
	model := ""
	if len(x.Models) > 0 {
		model = x.Models[0]
	}
	if n.Power == nil {
		return deviceDraw(x.Kind, model)
	}
	for i := range n.Power.Devices {
		if d := &n.Power.Devices[i]; d.Kind == x.Kind && (d.Model == "" || d.Model == model) {
			idle = min(max(d.Idle, 0), maxDraw)
			return idle, min(max(d.Full, idle), maxDraw)
		}
	}
	return 0, 0
}

// devicesDraw is what all devices of a node draw, in mW.
func devicesDraw(n *api.Node) (idle, full int64) {
	for i := range n.Capacity.Accelerators {
		x := &n.Capacity.Accelerators[i]
		one, busy := groupDraw(n, x)
		idle, full = idle+scale(one, int64(x.Count), 1000), full+scale(busy, int64(x.Count), 1000)
	}
	return min(idle, maxDraw), min(full, maxDraw)
}

// DrawOf is what a node draws that holds so much, all of it in use, in mW: its idle draw,
// and beyond it by the part of its CPU and of its accelerators.
func DrawOf(n *api.Node, held *api.Resources) int64 {
	idle, full, _ := machineDraw(n)
	draw := idle
	if c := int64(n.Capacity.CPU); c > 0 {
		draw += scale(full-idle, min(int64(held.CPU), c), c)
	}
	none, _ := devicesDraw(n)
	e := node{Node: *n}
	less, more := e.devicesOf(&api.Task{Resources: *held})
	return min(draw+none+more-less, maxDraw)
}

// devicesOf is what the devices that a task asks for draw on a node, in mW: by the part
// of each that it asks for.
func (e *node) devicesOf(t *api.Task) (idle, full int64) {
	for i := range t.Resources.Accelerators {
		asked := &t.Resources.Accelerators[i]
		for k := range e.Capacity.Accelerators {
			if have := &e.Capacity.Accelerators[k]; offers(have, asked) {
				one, busy := groupDraw(&e.Node, have)
				idle, full = idle+scale(one, int64(asked.Count), 1000), full+scale(busy, int64(asked.Count), 1000)
				break
			}
		}
	}
	return min(idle, maxDraw), min(full, maxDraw)
}

// overhead is what a site takes for each thousand of its nodes: its PUE, by the
// temperature outside where it declares how that goes and the temperature is known, in
// thousandths.
func (x *Index) overhead(site string, from, to api.Time) int64 {
	s := x.sites[site]
	pue := int64(max(s.PUE, 1000))
	if len(s.Cooling) == 0 {
		return pue
	}
	outside := x.signalAt(site, api.SignalTemperature)
	if outside == nil || len(outside.Values) == 0 && outside.Usual == 0 {
		return pue
	}
	mean, _ := outside.Mean(from, to)
	return int64(max(api.PUEAt(s.Cooling, mean), 1000))
}
