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
	full  map[string]bool // nodes that hold more than they have

	little burdens   // nodes that can sleep, and hold little work
	sum    *summed   // of all sites; nil: not known
	busy   int       // nodes that can sleep, and hold work
	moving int       // sites that have running work moved
	ahead  api.Milli // highest quantile of a forecast of demand that a site provides for
}

// portion is a part of what a site has.
type portion struct {
	site         string
	all, free    room
	held, coming room // what tasks hold, and what is being woken
	busy         int  // 1: it can sleep, and holds work
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
	return e.restAt(n.Site)
}

// restAt says when the nodes of a site may sleep; nil: never by themselves.
func (e *Engine) restAt(site string) *api.Rest {
	if s := e.st.Sites[site]; s != nil && s.Rest != nil {
		return s.Rest
	}
	return e.index.Repose()
}

// tiredAt is when a node has been idle for long enough; 0 is never.
func (e *Engine) tiredAt(n *state.Node) api.Time {
	since, idle := n.IdleSince()
	r := e.restOf(n)
	if !idle || r == nil || n.Silent || n.Drain {
		return 0
	}
	if e.toSleep(n.Name) {
		return since // it was emptied for that
	}
	return since.Add(r.Idle())
}

// resettle takes in that a node has changed, or what it holds.
func (e *Engine) resettle(n *state.Node) {
	r := &e.resting
	if n.Sleep == nil && len(r.able) == 0 {
		return
	}
	if n.Sleep != nil && len(r.able) == 0 {
		r.able, r.nodes, r.sites, r.tired = map[string]bool{n.Name: true}, map[string]portion{}, map[string]portion{}, map[string]bool{}
		r.full, r.little = map[string]bool{}, burdens{}
		for _, m := range e.st.Nodes { // order-free: sums
			e.count(m)
		}
		return
	}
	e.count(n)
}

// count makes the sums agree with a node. One that is being emptied, or strained, takes no
// work: nothing of it is free.
func (e *Engine) count(n *state.Node) {
	r := &e.resting
	r.leave(n.Name)
	p := portion{site: n.Site}
	if !n.Silent {
		p.all, p.held = roomOf(&n.Capacity), roomOf(&n.Used)
	}
	if n.Power == api.PowerWaking && !n.Drain {
		p.coming = p.all
	}
	if !n.Silent && !n.Drain && n.On() {
		if e.st.Clearing(n.Name) == nil && e.st.Strains[n.Name] == nil {
			p.free = p.all.plus(roomOf(&n.Used), -1)
		}
		if n.Sleep != nil && len(n.Held) > 0 {
			p.busy = 1
		}
	}
	if n.Sleep != nil {
		r.able[n.Name] = true
	}
	if r.nodes[n.Name] = p; overfull(n, p.held) != "" {
		r.full[n.Name] = true
	}
	r.add(p, 1)
	if share := littleOf(n); p.busy > 0 && share <= littleUsed {
		r.little.put(burden{share, thirst(n), n.Name})
	} else {
		r.little.drop(n.Name)
	}
}

func (r *resting) forget(name string) {
	r.leave(name)
	r.little.drop(name)
}

// leave takes a node out of all but its burden, which mostly stays as it is.
func (r *resting) leave(name string) {
	if p, known := r.nodes[name]; known {
		r.add(p, -1)
		delete(r.nodes, name)
	}
	delete(r.able, name)
	delete(r.full, name)
}

func (r *resting) add(p portion, times int64) {
	r.busy += p.busy * int(times)
	s := r.sites[p.site]
	s.all, s.free = s.all.plus(p.all, times), s.free.plus(p.free, times)
	s.held, s.coming = s.held.plus(p.held, times), s.coming.plus(p.coming, times)
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
		e.measureAll()
		e.retireNode(e.st.Nodes[name])
	}
}

func (e *Engine) retireNode(n *state.Node) {
	r, rest, cleared := &e.resting, e.restOf(n), e.toSleep(n.Name)
	site, keeps, why := r.sites[n.Site], e.wakeful(n), "idle for "+rest.Idle().String()
	if cleared {
		why = "what ran there was moved"
	}
	if keeps == "" && !site.free.plus(r.nodes[n.Name].free, -1).covers(site.all, rest.Share()) {
		keeps = "the rest of its site has too little to spare"
	}
	if keeps == "" && e.st.Strains[n.Name] != nil {
		keeps = "other programs use it"
	}
	if keeps == "" && e.neededAhead(n, r.nodes[n.Name].free) {
		keeps = foreseenText
	}
	switch {
	case keeps == "":
		e.emit(&state.NodePower{Node: n.Name, State: api.PowerSleeping, Reason: why})
		// What waits was looked at before: with those that slept already it may be enough for a gang.
		e.goesOn = e.goesOn || len(e.st.Refusals) > 0
	case cleared:
		e.takesAgain(n.Name, keeps)
	}
}

// thirst is what a node draws idle, in mW for each core.
func thirst(n *state.Node) int64 {
	idle, _, _ := sched.Draw(&n.Node)
	return idle * 1000 / max(int64(n.Capacity.CPU), 1)
}

// loaded takes in that a node holds more, or less.
func (e *Engine) loaded(name string) {
	e.drawsNow(e.st.Nodes[name])
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
	e.countMoving()
	for name := range e.resting.able { // order-free: timers are only reminders
		if n := e.st.Nodes[name]; n != nil && n.Site == site {
			e.restTimer(n)
		}
	}
}

// countMoving counts the sites that have running work moved, and finds the highest
// quantile of demand that one provides for.
func (e *Engine) countMoving() {
	r := &e.resting
	r.moving, r.ahead = 0, 0
	for _, s := range e.st.Sites { // order-free: a count, and the highest
		if moves(s.Rest) {
			r.moving++
		}
		if looksAhead(s.Rest) {
			r.ahead = max(r.ahead, s.Rest.Ahead)
		}
	}
}

// restChanged has all nodes rest as the strategy says now.
func (e *Engine) restChanged() {
	for name := range e.resting.able { // order-free: timers are only reminders
		e.restTimer(e.st.Nodes[name])
	}
}
