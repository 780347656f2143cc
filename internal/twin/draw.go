package twin

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/energy"
)

// draws is what a machine draws now, in µW, without what its site takes besides.
func (m *machine) draws() int64 {
	switch {
	case m.down:
		return 0
	case m.nap.off:
		return int64(math.Round(m.nap.watts * 1e6))
	}
	share := 0.0
	if c := m.node.Capacity.CPU; c > 0 {
		share = float64(m.used.cpu) / float64(c)
	}
	return int64(math.Round(m.curve.At(share)*1e6)) + m.used.devices
}

// devices is what shares of a machine's accelerators draw beyond idle, in µW.
func (m *machine) devices(list []api.DeviceShare) int64 { return devicesOf(m.node, list) }

func devicesOf(n *api.Node, list []api.DeviceShare) (draw int64) {
	for _, d := range list {
		if groups := n.Capacity.Accelerators; int(d.Group) < len(groups) {
			idle, full := energy.Device(n, &groups[d.Group])
			draw += (full - idle) * int64(d.Share) // mW times thousandths
		}
	}
	return draw
}

// work adds what an attempt computes with to its machine, or takes it away.
func (w *World) work(a *attempt, sign int64) {
	m := &w.nodes[a.node]
	if a.use > a.asked {
		w.greedy += int(sign)
		w.measureSoon()
	}
	m.used.cpu += a.use * api.Milli(sign)
	m.used.devices += a.devices * sign
}
