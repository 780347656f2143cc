package sched

import (
	"slices"

	"drover.dev/api"
)

// space is what is free on a node at some time.
type space struct {
	api.Resources
	devices [][]api.Milli
	groups  []api.Accelerator
}

// spaceAt is what will be free at a time when those have ended that are expected
// to, and nobody has come.
func (e *node) spaceAt(at, now api.Time) space {
	s := space{Resources: e.free, groups: e.Capacity.Accelerators}
	if len(e.devices) > 0 {
		s.devices = make([][]api.Milli, len(e.devices))
		for g := range e.devices {
			s.devices[g] = slices.Clone(e.devices[g])
		}
	}
	for i := range e.held {
		if h := &e.held[i]; h.ends(now) <= at {
			s.add(&h.task.Resources, h.devices, 1)
		}
	}
	return s
}

func (s *space) add(r *api.Resources, devices []api.DeviceShare, sign int64) {
	s.CPU += r.CPU * api.Milli(sign)
	s.Memory += r.Memory * api.Bytes(sign)
	s.Storage += r.Storage * api.Bytes(sign)
	s.Bandwidth += r.Bandwidth * api.Rate(sign)
	for _, d := range devices {
		if int(d.Group) < len(s.devices) && int(d.Index) < len(s.devices[d.Group]) {
			s.devices[d.Group][d.Index] += d.Share * api.Milli(sign)
		}
	}
}

// take takes up to most equal tasks in, and returns how many, and the devices of all.
func (s *space) take(a *Ask, most int) (n int, devices []api.DeviceShare) {
	r := &a.Task.Resources
	for n < most && within(r, &s.Resources) {
		shares, ok := assign(s.devices, s.groups, r.Accelerators)
		if !ok || n > 0 && fixedPort(a.Task) {
			break
		}
		s.add(r, shares, -1)
		devices = append(devices, shares...)
		n++
	}
	return n, devices
}

func fixedPort(t *api.Task) bool {
	return slices.ContainsFunc(t.Ports, func(p api.Port) bool { return p.Port != 0 })
}
