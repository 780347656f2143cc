package energy

import (
	"math"
	"math/bits"
	"strings"

	"drover.dev/api"
)

// What nodes draw, in integer mW as they declare it: one account of it for decisions, for
// the books, and for worlds in virtual time.

const (
	// MostDraw is more than a node draws, in mW.
	MostDraw = 1_000_000_000
	// UsualIdle and UsualFull are what a core draws where a node says nothing of its
	// power, in mW: the means over AWS instances of the Cloud Carbon Footprint
	// methodology.
	UsualIdle, UsualFull = 740, 3500
	// UsualGPU is what a GPU of unknown model is taken to draw at full load, in W, and
	// usualDeviceIdle the part of its full power that an accelerator draws without load, in
	// thousandths. Data sheets do not say that part; it is an assumption.
	UsualGPU        = 300
	usualDeviceIdle = 120
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

// Draw is what a node draws without load and at full load, accelerators included, in mW,
// and whether it says so itself.
func Draw(n *api.Node) (idle, full int64, said bool) {
	idle, full, said = Machine(n)
	none, all := Devices(n)
	return min(idle+none, MostDraw), min(full+all, MostDraw), said
}

// Machine is Draw without the accelerators, where what they draw is known apart.
func Machine(n *api.Node) (idle, full int64, said bool) {
	if p := n.Power; p != nil {
		idle = min(max(p.Idle, 0), MostDraw)
		return idle, min(max(p.Full, idle), MostDraw), true
	}
	return thousandths(UsualIdle, int64(n.Capacity.CPU)), thousandths(UsualFull, int64(n.Capacity.CPU)), false
}

// Devices is what all accelerators of a node draw without load and at full load, in mW.
func Devices(n *api.Node) (idle, full int64) {
	for i := range n.Capacity.Accelerators {
		group := &n.Capacity.Accelerators[i]
		one, busy := Device(n, group)
		idle, full = idle+thousandths(one, int64(group.Count)), full+thousandths(busy, int64(group.Count))
	}
	return min(idle, MostDraw), min(full, MostDraw)
}

// Device is what each of a group of a node's accelerators draws, in mW: as the node
// declares it, or as usual where it declares nothing at all of its power. A node that
// declares only the power of the whole machine has that of its devices in it.
func Device(n *api.Node, group *api.Accelerator) (idle, full int64) {
	model := ""
	if len(group.Models) > 0 {
		model = group.Models[0]
	}
	if n.Power == nil {
		return usualDevice(group.Kind, model)
	}
	for i := range n.Power.Devices {
		if d := &n.Power.Devices[i]; d.Kind == group.Kind && (d.Model == "" || d.Model == model) {
			idle = min(max(d.Idle, 0), MostDraw)
			return idle, min(max(d.Full, idle), MostDraw)
		}
	}
	return 0, 0
}

// usualDevice is what one device draws of which a node declares nothing.
func usualDevice(kind, model string) (idle, full int64) {
	watts := int64(0)
	if kind == "gpu" {
		watts = UsualGPU
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
	return watts * usualDeviceIdle, watts * 1000
}

// CurveOf is the power of a node by the use of its CPU while its accelerators stand idle,
// linear as Machine and Devices have it.
func CurveOf(n *api.Node) Curve {
	idle, full, _ := Machine(n)
	none, _ := Devices(n)
	return Curve{Shape: Linear, Idle: float64(idle+none) / 1000, Full: float64(full+none) / 1000}
}

// thousandths is a·b/1000, rounded down and saturated far above MostDraw; of what is below
// zero it is 0.
func thousandths(a, b int64) int64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	const most = math.MaxInt64 / 4
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= 1000 {
		return most
	}
	if lo, _ = bits.Div64(hi, lo, 1000); lo > most {
		return most
	}
	return int64(lo)
}
