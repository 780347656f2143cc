// Package sched decides which node runs a task. It is a pure function of its
// Index, which the engine keeps in step with the state: the same index gives the
// same decisions, whichever way it was built.
package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// Index is what decisions are made from: nodes with their free capacity, sites
// with their links, and the queue of tasks that wait for a place. It is not safe
// for concurrent use.
type Index struct {
	home   string // site of the artifact store and of the callers
	nodes  []*node
	byName map[string]*node
	sites  map[string]api.Site
	links  map[[2]string]link
	queue  queue
	stale  uint64  // counts changes of nodes that a shape's candidates depend on; from 1
	dirty  []*node // gained room since blocked shapes were last looked at
}

// node is a node with what is free on it.
type node struct {
	api.Node
	open    bool // takes new work
	why     string
	at      int // position in Index.nodes
	free    api.Resources
	devices [][]api.Milli        // free share by accelerator group and device
	shares  map[device]api.Milli // promised, also of devices that the node has no more
	tasks   int32
	ports   map[int32]int32
	groups  map[group]int32 // replicas of one service task
	touched bool            // in Index.dirty
	hash    uint64          // of the name, for ties
}

// device is the position of one accelerator of a node.
type device struct{ group, index int32 }

type link struct {
	rtt  api.Duration
	rate api.Rate
}

// group names the replicas that should spread.
type group struct {
	workload uint64
	task     uint16
}

// New returns an empty index.
func New() *Index {
	return &Index{
		byName: map[string]*node{}, sites: map[string]api.Site{}, stale: 1,
		queue: queue{shapes: map[string]*shape{}, items: map[api.TaskRef]*item{}},
	}
}

// SetHome names the site of the cell's artifact store and of its callers.
func (x *Index) SetHome(name string) { x.home = name }

// PutSite declares or replaces a site and its links. When both ends declare a
// link, what the end with the smaller name says holds, whichever came first.
func (x *Index) PutSite(s api.Site) {
	x.sites[s.Name] = s
	x.links = make(map[[2]string]link, len(x.links))
	for _, name := range sortedKeys(x.sites) {
		for _, l := range x.sites[name].Links {
			if _, declared := x.links[[2]string{name, l.To}]; declared {
				continue
			}
			v := link{min(max(l.RTT, 0), maxEstimate), l.Bandwidth}
			x.links[[2]string{name, l.To}], x.links[[2]string{l.To, name}] = v, v
		}
	}
}

// PutNode adds a node or replaces its attributes; what it holds stays held.
func (x *Index) PutNode(n api.Node) {
	x.stale++
	e := x.byName[n.Name]
	if e == nil {
		e = &node{
			Node: n, open: true, hash: hashName(n.Name), free: n.Capacity, devices: devicesOf(n.Capacity),
			shares: map[device]api.Milli{}, ports: map[int32]int32{}, groups: map[group]int32{},
		}
		e.free.Accelerators = nil // devices says more
		x.byName[n.Name] = e
		at, _ := slices.BinarySearchFunc(x.nodes, n.Name, func(m *node, name string) int { return cmp.Compare(m.Name, name) })
		x.nodes = slices.Insert(x.nodes, at, e)
		x.number()
	} else {
		e.recapacity(n)
	}
	x.room(e)
}

// number lets every node know its position.
func (x *Index) number() {
	for i, e := range x.nodes {
		e.at = i
	}
}

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

// RemoveNode forgets a node.
func (x *Index) RemoveNode(name string) {
	e := x.byName[name]
	if e == nil {
		return
	}
	x.stale++
	delete(x.byName, name)
	x.nodes = slices.DeleteFunc(x.nodes, func(m *node) bool { return m == e })
	x.dirty = slices.DeleteFunc(x.dirty, func(m *node) bool { return m == e })
	x.number()
}

// SetOpen says whether a node takes new work, and if not why ("silent",
// "draining").
func (x *Index) SetOpen(name string, open bool, why string) {
	if e := x.byName[name]; e != nil {
		e.open, e.why = open, why
		if open {
			x.room(e)
		}
	}
}

// Hold takes the capacity that a placed task asks for.
func (x *Index) Hold(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	x.take(name, ref, a, devices, 1)
}

// Release gives it back, and lets tasks try again that wait for room.
func (x *Index) Release(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	x.take(name, ref, a, devices, -1)
	if e := x.byName[name]; e != nil {
		x.room(e)
	}
}

// Unhold takes back a Hold that was a trial: nobody has gained room by it.
func (x *Index) Unhold(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	x.take(name, ref, a, devices, -1)
}

func (x *Index) take(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare, sign int32) {
	if e := x.byName[name]; e != nil {
		e.take(ref, a, devices, sign)
	}
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
		if int(d.Group) < len(e.devices) && int(d.Index) < len(e.devices[d.Group]) {
			e.devices[d.Group][d.Index] -= d.Share * api.Milli(sign)
		}
	}
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

// room remembers that a node may now take a task that did not fit before.
func (x *Index) room(e *node) {
	if !e.touched && len(x.queue.blocked) > 0 {
		e.touched = true
		x.dirty = append(x.dirty, e)
	}
}

// Refresh lets blocked shapes try again that fit one of the nodes which gained
// room since the last call.
func (x *Index) Refresh() {
	if len(x.dirty) == 0 {
		return
	}
	most := x.mostRoom()
	kept := x.queue.blocked[:0]
	for _, s := range x.queue.blocked {
		if within(&s.ask.Task.Resources, &most) && x.anyFits(s) {
			s.blocked = false
			x.queue.offer(s)
		} else {
			kept = append(kept, s)
		}
	}
	clear(x.queue.blocked[len(kept):])
	x.queue.blocked = kept
	clear(x.dirty)
	x.dirty = x.dirty[:0]
}

// mostRoom is, resource by resource, the most that a node has which gained room.
// Few shapes are small enough for it, and only those need a closer look.
func (x *Index) mostRoom() (most api.Resources) {
	most = api.Resources{CPU: -1, Memory: -1, Storage: -1, Bandwidth: -1}
	for _, e := range x.dirty {
		e.touched = false
		if !e.open {
			continue
		}
		most.CPU, most.Memory = max(most.CPU, e.free.CPU), max(most.Memory, e.free.Memory)
		most.Storage, most.Bandwidth = max(most.Storage, e.free.Storage), max(most.Bandwidth, e.free.Bandwidth)
	}
	return most
}

// within reports whether a request fits, accelerators apart.
func within(r, room *api.Resources) bool {
	return r.CPU <= room.CPU && r.Memory <= room.Memory && r.Storage <= room.Storage && r.Bandwidth <= room.Bandwidth
}

// anyFits reports whether a task of the shape, or its whole gang, fits now. Only
// nodes that gained room can have made the difference.
func (x *Index) anyFits(s *shape) bool {
	for _, e := range x.dirty {
		if e.open && e.fits(s.ask) && x.passes(s).has(e) {
			return s.ask.Gang < 2 || x.fitting(s.ask) > 0
		}
	}
	return false
}

// Recheck brings the queue to what it would be if it were built from the state
// now: a shape that was refused before waits unless one of its tasks fits a node.
func (x *Index) Recheck(refused func(shape string) bool) {
	var again []string
	for _, s := range x.queue.ready {
		if refused(s.ask.Shape) {
			again = append(again, s.ask.Shape)
		}
	}
	for _, name := range again {
		x.Block(name)
	}
	for _, e := range x.nodes {
		x.room(e)
	}
	x.Refresh()
}
