package engine

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// resting decides which idle nodes fall asleep. It keeps, by site, what its nodes have
// and what of that is free; all of it is derived from the state.
type resting struct {
	able  map[string]bool // nodes that can sleep; while there are none, nothing is kept
	nodes map[string]portion
	sites map[string]portion
	tired map[string]bool // nodes that have been idle for long enough, about
}

// portion is a part of what a site has.
type portion struct {
	site      string
	all, free room
}

// room is cpu and memory.
type room struct {
	cpu    api.Milli
	memory api.Bytes
}

func roomOf(r *api.Resources) room { return room{r.CPU, r.Memory} }

func (r room) plus(o room, times int64) room {
	return room{r.cpu + o.cpu*api.Milli(times), r.memory + o.memory*api.Bytes(times)}
}

// covers reports whether a part of all, in thousandths, is there.
func (r room) covers(all room, share api.Milli) bool {
	return r.cpu >= all.cpu/1000*share && r.memory >= all.memory/1000*api.Bytes(share)
}

// restOf says when a node may sleep; nil: only when it is asked to.
func (e *Engine) restOf(n *state.Node) *api.Rest {
	if n.Sleep == nil {
		return nil
	}
	if s := e.st.Sites[n.Site]; s != nil && s.Rest != nil {
		return s.Rest
	}
	return e.index.Repose()
}

// tiredAt is when a node has been idle for long enough; 0 is never.
func (e *Engine) tiredAt(n *state.Node) api.Time {
	since, r := n.IdleSince(), e.restOf(n)
	if since == 0 || r == nil || n.Silent || n.Drain {
		return 0
	}
	return since.Add(r.Idle())
}

// resettle takes in that a node has changed, or what it holds.
func (e *Engine) resettle(n *state.Node) {
	r := &e.resting
	if e.follower || n.Sleep == nil && len(r.able) == 0 {
		return
	}
	if n.Sleep != nil && len(r.able) == 0 {
		r.able, r.nodes, r.sites, r.tired = map[string]bool{n.Name: true}, map[string]portion{}, map[string]portion{}, map[string]bool{}
		for _, m := range e.st.Nodes { // order-free: sums
			r.count(m)
		}
		return
	}
	r.count(n)
}

// count makes the sums agree with a node.
func (r *resting) count(n *state.Node) {
	r.forget(n.Name)
	p := portion{site: n.Site}
	if !n.Silent {
		p.all = roomOf(&n.Capacity)
	}
	if !n.Silent && !n.Drain && n.On() {
		p.free = p.all.plus(roomOf(&n.Used), -1)
	}
	r.nodes[n.Name] = p
	r.add(p, 1)
	if n.Sleep != nil {
		r.able[n.Name] = true
	}
}

func (r *resting) forget(name string) {
	if p, known := r.nodes[name]; known {
		r.add(p, -1)
		delete(r.nodes, name)
	}
	delete(r.able, name)
}

func (r *resting) add(p portion, times int64) {
	s := r.sites[p.site]
	s.all, s.free = s.all.plus(p.all, times), s.free.plus(p.free, times)
	if r.sites[p.site] = s; s == (portion{}) {
		delete(r.sites, p.site) // nothing is there any more
	}
}

// tire notes that a node has been idle for long.
func (e *Engine) tire(v *timer) {
	if n := e.st.Nodes[v.node]; n != nil && e.tiredAt(n) == v.at {
		e.resting.tired[n.Name] = true
		e.stirred = true
	}
}

// retireNodes has nodes fall asleep that have been idle for long, the thirstiest first, as
// long as enough of their site is free and awake.
func (e *Engine) retireNodes() {
	r := &e.resting
	if !e.stirred || len(r.tired) == 0 || e.full() || e.err != nil {
		return
	}
	names := make([]string, 0, len(r.tired))
	for name := range r.tired { // order-free: sorted below
		if n := e.st.Nodes[name]; n == nil || e.tiredAt(n) == 0 || e.tiredAt(n) > e.st.Now {
			delete(r.tired, name)
		} else {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(thirst(e.st.Nodes[y]), thirst(e.st.Nodes[x])), cmp.Compare(x, y))
	})
	for _, name := range names {
		if e.full() {
			return
		}
		n := e.st.Nodes[name]
		rest, site := e.restOf(n), r.sites[n.Site]
		if e.wakeful(n) == "" && site.free.plus(r.nodes[name].free, -1).covers(site.all, rest.Share()) {
			e.emit(&state.NodePower{Node: name, State: api.PowerSleeping, Reason: "idle for " + rest.Idle().String()})
		}
	}
}

// thirst is what a node draws idle, in mW for each core.
func thirst(n *state.Node) int64 {
	idle, _, _ := sched.Draw(&n.Node)
	return idle * 1000 / max(int64(n.Capacity.CPU), 1)
}

// loaded takes in that a node holds more, or less.
func (e *Engine) loaded(name string) {
	if len(e.resting.able) == 0 {
		return
	}
	if n := e.st.Nodes[name]; n != nil {
		e.resettle(n)
		e.restTimer(n)
	}
}

// siteChanged has the nodes of a site rest as it says now.
func (e *Engine) siteChanged(site string) {
	for name := range e.resting.able { // order-free: timers are only reminders
		if n := e.st.Nodes[name]; n != nil && n.Site == site {
			e.restTimer(n)
		}
	}
}

// restChanged has all nodes rest as the strategy says now.
func (e *Engine) restChanged() {
	for name := range e.resting.able { // order-free: timers are only reminders
		e.restTimer(e.st.Nodes[name])
	}
}
