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
	sites  map[string]*site
	links  map[[2]string]link
	queue  queue
	stale  uint64  // counts changes of nodes that a shape's candidates depend on
	dirty  []*node // gained room since blocked shapes were last looked at
}

// node is a node with what is free on it.
type node struct {
	api.Node
	open    bool // takes new work
	why     string
	free    api.Resources
	devices [][]api.Milli // free share by accelerator group and device
	tasks   int32
	ports   map[int32]int32
	groups  map[group]int32 // replicas of one service task
	touched bool            // in Index.dirty
	hash    uint64          // of the name, for ties
}

type site struct {
	api.Site
}

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
		byName: map[string]*node{}, sites: map[string]*site{}, links: map[[2]string]link{},
		queue: queue{shapes: map[string]*shape{}, items: map[api.TaskRef]*item{}},
	}
}

// SetHome names the site of the cell's artifact store and of its callers.
func (x *Index) SetHome(name string) { x.home = name }

// PutSite declares or replaces a site and its links.
func (x *Index) PutSite(s api.Site) {
	if old := x.sites[s.Name]; old != nil {
		for _, l := range old.Links {
			delete(x.links, [2]string{s.Name, l.To})
			delete(x.links, [2]string{l.To, s.Name})
		}
	}
	x.sites[s.Name] = &site{s}
	for _, l := range s.Links {
		x.links[[2]string{s.Name, l.To}] = link{l.RTT, l.Bandwidth}
		x.links[[2]string{l.To, s.Name}] = link{l.RTT, l.Bandwidth}
	}
}

// PutNode adds a node or replaces its attributes; what it holds stays held.
func (x *Index) PutNode(n api.Node) {
	x.stale++
	e := x.byName[n.Name]
	if e == nil {
		e = &node{Node: n, open: true, hash: hashName(n.Name), ports: map[int32]int32{}, groups: map[group]int32{}}
		e.free, e.devices = n.Capacity, devicesOf(n.Capacity)
		x.byName[n.Name] = e
		at, _ := slices.BinarySearchFunc(x.nodes, n.Name, func(m *node, name string) int { return cmp.Compare(m.Name, name) })
		x.nodes = slices.Insert(x.nodes, at, e)
	} else {
		e.recapacity(n)
	}
	x.room(e)
}

// recapacity moves the free room by the difference of the capacities. When the
// set of accelerators changed, shares in use stay taken where the device remains.
func (e *node) recapacity(n api.Node) {
	old := devicesOf(e.Capacity)
	fresh := devicesOf(n.Capacity)
	for g := range fresh {
		for d := range fresh[g] {
			if g < len(old) && d < len(old[g]) {
				fresh[g][d] -= old[g][d] - e.devices[g][d]
			}
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

// Release gives it back.
func (x *Index) Release(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	x.take(name, ref, a, devices, -1)
	if e := x.byName[name]; e != nil {
		x.room(e)
	}
}

func (x *Index) take(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare, sign int32) {
	e := x.byName[name]
	if e == nil {
		return
	}
	r := &a.Task.Resources
	e.free.CPU -= r.CPU * api.Milli(sign)
	e.free.Memory -= r.Memory * api.Bytes(sign)
	e.free.Storage -= r.Storage * api.Bytes(sign)
	e.free.Bandwidth -= r.Bandwidth * api.Rate(sign)
	for _, d := range devices {
		if int(d.Group) < len(e.devices) && int(d.Index) < len(e.devices[d.Group]) {
			e.devices[d.Group][d.Index] -= d.Share * api.Milli(sign)
		}
	}
	for _, p := range a.Task.Ports {
		if p.Port != 0 {
			e.ports[p.Port] += sign
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
	for _, e := range x.dirty {
		e.touched = false
	}
	if len(x.dirty) == 0 {
		return
	}
	kept := x.queue.blocked[:0]
	for _, s := range x.queue.blocked {
		if x.anyFits(s) {
			s.blocked = false
			x.queue.offer(s)
		} else {
			kept = append(kept, s)
		}
	}
	clear(x.queue.blocked[len(kept):])
	x.queue.blocked = kept
	x.dirty = x.dirty[:0]
}

func (x *Index) anyFits(s *shape) bool {
	for _, e := range x.dirty {
		if e.open && static(e, s.ask) == "" && e.lacks(s.ask) == "" {
			return true
		}
	}
	return false
}
