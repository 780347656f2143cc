package sched

import (
	"drover.dev/api"
	"drover.dev/internal/energy"
)

// DrawOf is what a node draws that holds so much, all of it in use, in mW: its idle draw,
// and beyond it by the part of its CPU and of its accelerators.
func DrawOf(n *api.Node, held *api.Resources) int64 {
	idle, full, _ := energy.Machine(n)
	draw := idle
	if c := int64(n.Capacity.CPU); c > 0 {
		draw += scale(full-idle, min(int64(held.CPU), c), c)
	}
	none, _ := energy.Devices(n)
	e := node{Node: *n}
	less, more := e.devicesOf(&api.Task{Resources: *held})
	return min(draw+none+more-less, energy.MostDraw)
}

// devicesOf is what the devices that a task asks for draw on a node, in mW: by the part
// of each that it asks for.
func (e *node) devicesOf(t *api.Task) (idle, full int64) {
	for i := range t.Resources.Accelerators {
		asked := &t.Resources.Accelerators[i]
		for k := range e.Capacity.Accelerators {
			if have := &e.Capacity.Accelerators[k]; offers(have, asked) {
				one, busy := energy.Device(&e.Node, have)
				idle, full = idle+scale(one, int64(asked.Count), 1000), full+scale(busy, int64(asked.Count), 1000)
				break
			}
		}
	}
	return min(idle, energy.MostDraw), min(full, energy.MostDraw)
}

// overhead is what a site takes for each thousand of its nodes: its PUE, by the
// temperature outside where it declares how that goes and the temperature is known, in
// thousandths.
func (x *Index) overhead(site string, when ran) int64 {
	s := x.sites[site]
	pue := int64(max(s.PUE, 1000))
	if len(s.Cooling) == 0 {
		return pue
	}
	outside := x.signalAt(site, api.SignalTemperature)
	if outside == nil || len(outside.Values) == 0 && outside.Usual == 0 {
		return pue
	}
	mean, _ := when.mean(outside)
	return int64(max(api.PUEAt(s.Cooling, mean), 1000))
}
