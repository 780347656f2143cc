package sched

import "drover.dev/api"

// node is a node with what is free on it.
type node struct {
	api.Node
	open    bool // takes new work
	why     string
	at      int // position in Index.nodes
	kind    int // number of its mould
	free    api.Resources
	yields  []yield       // who may be displaced, by rank
	devices [][]api.Milli // free share by accelerator group and device

	freeDevices api.Milli            // of all of these together, see give
	shares      map[device]api.Milli // promised, also of devices that the node has no more
	tasks       int32
	ports       map[int32]int32
	groups      map[group]int32 // replicas of one service task
	touched     bool            // in Index.dirty
	held        []held          // when those on it end, by ref; only while Index.Depth > 0
	claims      []claim         // room that is promised to waiting tasks, by ID
	hash        uint64          // of the name, for ties

	class    *class
	mould    *mould
	racks    [loads]int32 // keys under which it stands in its class
	racked   bool         // it does
	shifting bool         // in Index.shifting

	version uint64   // changes with what is free
	packed  int64    // how full it is: the sum of what its tasks add, see packs
	taken   [2]int32 // parts of its cpu and memory

	supplies []int32 // of its accelerator groups, in Index.supplies
}

// device is the position of one accelerator of a node.
type device struct{ group, index int32 }

// recapacity moves the free room by the difference of the capacities. Shares in
// use stay taken, by position.
func (e *node) recapacity(n api.Node) {
	fresh := devicesOf(n.Capacity)
	for at, share := range e.shares { // order-free: each device once
		if int(at.group) < len(fresh) && int(at.index) < len(fresh[at.group]) {
			fresh[at.group][at.index] -= share
		}
	}
	e.free.CPU += n.Capacity.CPU - e.Capacity.CPU
	e.free.Memory += n.Capacity.Memory - e.Capacity.Memory
	e.free.Storage += n.Capacity.Storage - e.Capacity.Storage
	e.free.Bandwidth += n.Capacity.Bandwidth - e.Capacity.Bandwidth
	e.devices, e.Node = fresh, n
	e.countDevices()
	e.pack()
}

// pack keeps how full the node is: 500 for all of its cpu and 500 for all of its
// memory, or 1000 for the one that it has.
func (e *node) pack() {
	cpu, memory := e.parts(&api.Resources{CPU: e.Capacity.CPU - e.free.CPU, Memory: e.Capacity.Memory - e.free.Memory})
	e.version++
	e.taken = [2]int32{int32(cpu), int32(memory)}
	e.packed = min(max(cpu+memory, 0), unit)
}

func (e *node) countDevices() {
	e.freeDevices = 0
	for _, g := range e.devices {
		for _, free := range g {
			e.freeDevices += max(free, 0)
		}
	}
}

// give changes what is free of a device. One that is booked while others are leaving
// it has less than nothing free, which takes nothing from the rest.
func (e *node) give(d *api.DeviceShare, by api.Milli) {
	if int(d.Group) >= len(e.devices) || int(d.Index) >= len(e.devices[d.Group]) {
		return
	}
	free := &e.devices[d.Group][d.Index]
	e.freeDevices += max(*free+by, 0) - max(*free, 0)
	*free += by
}

func devicesOf(r api.Resources) [][]api.Milli {
	out := make([][]api.Milli, len(r.Accelerators))
	for g, a := range r.Accelerators {
		out[g] = make([]api.Milli, a.Count/1000)
		for d := range out[g] {
			out[g][d] = 1000
		}
	}
	return out
}

func (e *node) take(ref api.TaskRef, a *Ask, devices []api.DeviceShare, sign int32) {
	r := &a.Task.Resources
	e.free.CPU -= r.CPU * api.Milli(sign)
	e.free.Memory -= r.Memory * api.Bytes(sign)
	e.free.Storage -= r.Storage * api.Bytes(sign)
	e.free.Bandwidth -= r.Bandwidth * api.Rate(sign)
	for _, d := range devices {
		at := device{d.Group, d.Index}
		if e.shares[at] += d.Share * api.Milli(sign); e.shares[at] == 0 {
			delete(e.shares, at)
		}
		e.give(&d, -d.Share*api.Milli(sign))
	}
	e.pack()
	for _, p := range a.Task.Ports {
		if p.Port == 0 {
			continue
		}
		if e.ports[p.Port] += sign; e.ports[p.Port] == 0 {
			delete(e.ports, p.Port)
		}
	}
	if a.Spread {
		g := group{ref.Workload, ref.Task}
		if e.groups[g] += sign; e.groups[g] == 0 {
			delete(e.groups, g)
		}
	}
	e.tasks += sign
}
