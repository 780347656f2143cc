// Package sched decides which node runs a task. It is a pure function of its
// Index, which the engine keeps in step with the state: the same index gives the
// same decisions, whichever way it was built.
package sched

import (
	"cmp"
	"maps"
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
	chosen *node // by the last decision of a Step, see named
	sites  map[string]api.Site
	green  signals
	links  map[[2]string]link
	queue  queue
	stale  uint64  // counts changes of nodes that a shape's candidates depend on; from 1
	dirty  []*node // gained room since blocked shapes were last looked at
	gains  uint64  // counts when a node gained room

	refusals refusals

	// What decides, and for whom.
	cell    string // the cell's strategy
	usual   *plan  // it
	plans   map[string]*plan
	greedy  [objectives]*plan
	tenants map[string]*tenant

	passed     map[string]*passing // by shape
	passedSize int
	spots      []*spot // by key
	mouldIDs   ids
	classIDs   ids
	shifting   []*node // may stand elsewhere in their class
	changes    changes // of where they stand
	prospects  prospects
	divisions  []division
	large      int     // nodes of a class, see largeClass
	numbers    []int32 // of values, for reuse
	own        scorer

	// Promises to waiting tasks.
	promises map[uint64]*promise    // by ID
	promised map[api.TaskRef]uint64 // by owner
	now      api.Time               // of the Step
	steps    uint64                 // counts Steps
	settled  bool                   // nobody waits without a promise who could have one
	futile   int                    // for how many shapes no promise could be planned in this one

	// Sums over the nodes and their tasks.
	placed    int64 // tasks
	capacity  usage
	used      map[string]*usage                    // by tenant
	largest   struct{ cpu, memory, devices int64 } // node, resource by resource; memory in KiB
	demands   map[string]*demand                   // placed tasks by what they ask for; nil: not counted
	mix       *taskMix                             // the typical task, within one Step
	expected  *taskMix                             // the typical task, when it is known
	growths   map[string][]kept                    // of fragments, by request and node, within one Step
	fragments []kept                               // by node, within one Step
	stepping  bool

	// Devices by model, and how scarce they are within one Step.
	supplies     []supply
	supplyAt     map[brand]int32
	freeSupplies []int32
	scarce       []int64

	yielding map[rankOf]int32 // tasks that may be displaced, anywhere
	leaving  Leaving
	rumour   Rumour

	// Relations between tasks, see tally.
	census     Census
	topologies map[string]*topology
	tallies    map[string]*tally
	watching   map[watched][]*tally
	ticks      uint64      // counts changes that relations read
	restless   uint64      // value of ticks when a node changed
	shifted    uint64      // value of ticks when a place was last taken or left
	stirs      uint64      // counts placements that a relation reads
	again      uint64      // value of stirs when blocked shapes were last looked at
	calmed     uint64      // value of restless then
	looks      []*node     // a blocked shape is looked at on, for reuse
	denseSize  int         // of the tallies' counts by number, about
	spared     int         // how many tallies there may be, if more than usual wait
	trial      bool        // it is a copy to try placements on
	tried      []triedHold // by a trial
	held       bool        // what a planner plans for is kept out of Next
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
	x := &Index{
		byName: map[string]*node{}, sites: map[string]api.Site{}, stale: 1,
		queue:  queue{shapes: map[string]*shape{}, items: map[api.TaskRef]int32{}, lanes: map[string]*lane{}, waits: map[string]*waits{}},
		passed: map[string]*passing{}, large: largeClass,
		used: map[string]*usage{}, demands: map[string]*demand{}, supplyAt: map[brand]int32{},
		promises: map[uint64]*promise{}, promised: map[api.TaskRef]uint64{},
	}
	x.yielding = map[rankOf]int32{}
	x.topologies, x.tallies, x.watching = map[string]*topology{}, map[string]*tally{}, map[watched][]*tally{}
	x.Use("", nil, nil)
	return x
}

// SetHome names the site of the cell's artifact store and of its callers.
func (x *Index) SetHome(name string) {
	if x.home == name {
		return
	}
	x.home = name
	x.stale++ // where data may be decides which nodes pass
	for _, e := range x.nodes {
		x.room(e)
	}
}

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
	clear(x.growths)
	clear(x.fragments)
	e := x.byName[n.Name]
	if e == nil {
		e = &node{
			Node: n, open: true, hash: hashName(n.Name), free: n.Capacity, devices: devicesOf(n.Capacity),
			shares: map[device]api.Milli{}, ports: map[int32]int32{}, groups: map[group]int32{},
		}
		e.free.Accelerators = nil // devices says more
		e.countDevices()
		e.pack()
		x.byName[n.Name] = e
		at, _ := slices.BinarySearchFunc(x.nodes, n.Name, func(m *node, name string) int { return cmp.Compare(m.Name, name) })
		x.nodes = slices.Insert(x.nodes, at, e)
		x.number(at)
		x.claimAgain(e)
	} else {
		if e.tasks > 0 && (e.Site != n.Site || !maps.Equal(e.Labels, n.Labels)) {
			x.forgetTallies()
		}
		x.capacity.add(&e.Capacity, -1)
		x.unstock(e)
		e.recapacity(n)
		x.measureAll()
	}
	x.capacity.add(&e.Capacity, 1)
	x.stock(e)
	x.disturb()
	x.measure(e)
	x.enroll(e)
	x.moved(e)
	x.room(e)
}

// measure takes a node into the sums over all nodes.
func (x *Index) measure(e *node) {
	l, devices := &x.largest, api.Milli(0)
	for i := range e.Capacity.Accelerators {
		devices += e.Capacity.Accelerators[i].Count
	}
	l.cpu, l.memory = max(l.cpu, int64(e.Capacity.CPU)), max(l.memory, int64(e.Capacity.Memory>>10))
	l.devices = max(l.devices, int64(devices))
}

// measureAll finds the largest node anew, when one may have been it.
func (x *Index) measureAll() {
	x.largest.cpu, x.largest.memory, x.largest.devices = 0, 0, 0
	for _, e := range x.nodes {
		x.measure(e)
	}
}

// number lets every node know its position, from one on.
func (x *Index) number(from int) {
	for i, e := range x.nodes[from:] {
		e.at = from + i
	}
}

// RemoveNode forgets a node.
func (x *Index) RemoveNode(name string) {
	e := x.byName[name]
	if e == nil {
		return
	}
	x.stale++
	clear(x.growths)
	clear(x.fragments)
	x.capacity.add(&e.Capacity, -1)
	x.unstock(e)
	x.placed -= int64(e.tasks)
	if x.disturb(); e.tasks > 0 {
		x.forgetTallies()
	}
	x.chosen = nil
	delete(x.byName, name)
	x.dismiss(e)
	x.nodes = slices.Delete(x.nodes, e.at, e.at+1)
	x.dirty = slices.DeleteFunc(x.dirty, func(m *node) bool { return m == e })
	x.number(e.at)
	x.measureAll()
}

// SetOpen says whether a node takes new work, and if not why ("silent",
// "draining").
func (x *Index) SetOpen(name string, open bool, why string) {
	if e := x.byName[name]; e != nil {
		if e.open != open {
			x.disturb()
		}
		e.open, e.why = open, why
		x.gains++
		x.moved(e)
		if open {
			x.room(e)
		}
	}
}

// Hold takes the capacity that a placed task asks for.
func (x *Index) Hold(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	x.take(name, ref, a, devices, 1, false)
}

// Try is a Hold that Unhold will take back: nobody gains by it.
func (x *Index) Try(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	if e := x.take(name, ref, a, devices, 1, true); e != nil {
		e.expect(ref, a, devices)
	}
}

// Release gives it back, and lets tasks try again that wait for room.
func (x *Index) Release(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	if e := x.take(name, ref, a, devices, -1, false); e != nil {
		e.forget(ref)
		x.room(e)
	}
	if t := x.tenants[a.Tenant]; t != nil {
		t.touched = true
	}
}

// Unhold takes back what was tried: nobody has gained room by it.
func (x *Index) Unhold(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	if e := x.take(name, ref, a, devices, -1, true); e != nil {
		e.forget(ref)
	}
}

// take changes what is free on a node, and returns it; nil when there is none.
func (x *Index) take(name string, ref api.TaskRef, a *Ask, devices []api.DeviceShare, sign int32, tried bool) *node {
	e := x.named(name)
	if e == nil {
		return nil
	}
	e.take(ref, a, devices, sign)
	x.moved(e)
	if sign < 0 {
		x.gains++
	}
	if !tried {
		x.shift()
	}
	x.reckon(e, a, sign, tried)
	x.settle(e, ref, a, devices, sign)
	x.placed += int64(sign)
	u := x.used[a.Tenant]
	if u == nil {
		u = &usage{}
		x.used[a.Tenant] = u
	}
	if u.add(&a.Task.Resources, int64(sign)); *u == (usage{}) {
		delete(x.used, a.Tenant)
	}
	if l := x.queue.lanes[a.Tenant]; l != nil {
		l.turn.next = nil
	}
	x.know(a, int64(sign))
	return e
}

// named returns a node; nil when there is none. Most often it is the one that was chosen
// just now.
func (x *Index) named(name string) *node {
	if e := x.chosen; e != nil && e.Name == name {
		return e
	}
	return x.byName[name]
}

// room remembers that a node may now take a task that did not fit before.
func (x *Index) room(e *node) {
	if !e.touched && len(x.queue.blocked) > 0 {
		e.touched = true
		x.dirty = append(x.dirty, e)
	}
}

// SetNow tells the time of the Step that begins.
func (x *Index) SetNow(now api.Time) {
	x.now, x.futile, x.settled = now, 0, false
	x.steps++
}

// Refresh begins a Step: it lets blocked shapes try again that fit one of the
// nodes which gained room since the last call, or whose tenant may use more. It
// reports whether there are any.
func (x *Index) Refresh() (woken bool) {
	x.stepping = true
	eased := x.eased()
	if len(x.dirty) == 0 && !eased && len(x.queue.bound) == 0 {
		return false
	}
	x.countPromised()
	x.again, x.calmed = x.stirs, x.restless
	most := x.mostRoom()
	look := x.glance(eased, &most)
	kept := x.queue.blocked[:0]
	for _, b := range x.queue.blocked {
		if !look.at(&b) {
			kept = append(kept, b)
			continue
		}
		s := b.shape
		s.ask.Self, s.ask.Now = s.rank().ref, x.now
		t := x.tenants[s.ask.Tenant]
		if (within(&s.ask.Task.Resources, &most) || x.outranks(s.ask)) && x.anyFits(s, x.dirty) || t != nil && t.touched && x.anyFits(s, x.nodes) || x.stirred(s) {
			s.blocked, woken = false, true
			x.queue.unbind(s)
			x.offer(s)
		} else {
			kept = append(kept, b)
		}
	}
	clear(x.queue.blocked[len(kept):])
	x.queue.blocked = kept
	x.queue.calm()
	clear(x.dirty)
	x.dirty = x.dirty[:0]
	for _, t := range x.tenants { // order-free: each alike
		t.touched = false
	}
	return woken
}

// disturb remembers that a node has changed in what relations read.
func (x *Index) disturb() {
	x.ticks++
	x.restless = x.ticks
}

// shift remembers that a place was taken or left, for good.
func (x *Index) shift() {
	x.ticks++
	x.shifted = x.ticks
}

// eased reports whether a tenant with a limit may use more than before.
func (x *Index) eased() bool {
	for _, t := range x.tenants { // order-free: any will do
		if t.touched {
			return true
		}
	}
	return false
}

// Rest ends a Step: what was kept for it is forgotten.
func (x *Index) Rest() {
	x.stepping, x.mix, x.growths, x.fragments, x.scarce = false, nil, nil, nil, nil
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

// anyFits reports whether a task of the shape, or its whole gang, fits now on some
// of the nodes. Only those that gained room can have made the difference, unless
// it was a limit.
func (x *Index) anyFits(s *shape, nodes []*node) bool {
	if x.overLimit(s.ask, int64(max(s.ask.Gang, 1))) != "" {
		return false
	}
	p, ties := x.passing(s.ask), x.ties(s.ask)
	for _, e := range nodes {
		if e.open && e.fits(s.ask) && p.has(e) && (s.ask.Seated() || permits(ties, e)) {
			return s.ask.Gang < 2 || x.fitting(s.ask) > 0
		}
	}
	return x.inherits(s) || x.anyYields(s.ask, p, ties, nodes)
}

// Recheck brings the queue to what it would be if it were built from the state
// now: a shape that was refused before waits unless one of its tasks fits a node.
func (x *Index) Recheck(refused func(shape string) bool) {
	var again []string
	for _, name := range sortedKeys(x.queue.lanes) {
		for _, s := range x.queue.lanes[name].ready {
			if refused(s.ask.Shape) {
				again = append(again, s.ask.Shape)
			}
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
