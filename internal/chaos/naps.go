package chaos

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// In a storm with naps, nodes that are idle fall asleep, and are woken by work. What the
// shells do for it is here: an agent runs a hook by which its machine falls asleep, and
// who leads one that sends it a packet by which it wakes.

// nap is how far a machine is in falling asleep.
type nap uint8

const (
	up    nap = iota
	told      // its hook is to run
	going     // it has run: the machine falls asleep within a tick
	stray     // the same, but the agent has started again meanwhile, or it takes longer
	off       // it sleeps, and does nothing
)

// Times of naps. A node sleeps after so long, and takes so long to wake.
const (
	restAfter = 2 * tick
	wakeTakes = 2 // ticks
	fallTakes = tick
	strays    = 3 // ticks, for a machine that falls asleep late
)

// canNap tells which nodes may sleep: two of three. Of these, every second one is
// switched off, and boots when it is woken; the others are suspended.
func canNap(j int) bool      { return j%3 != 2 }
func switchesOff(j int) bool { return j%2 == 1 }

// sleep is what such a node says of itself.
func sleep() *api.Sleep {
	return &api.Sleep{Draw: 5000, Down: fallTakes, Up: wakeTakes * tick}
}

// napSite is where all nodes are, which lets them sleep.
func napSite() *state.SitePut {
	return &state.SitePut{Site: api.Site{Name: "here", Layer: api.LayerEdge, Rest: &api.Rest{After: restAfter, Reserve: new(api.Milli)}}}
}

// asked is what a node is asked beside its set.
func (n *nodeView) asked() api.PowerAsk {
	switch n.power {
	case api.PowerSleeping:
		return api.AskSleep
	case api.PowerWaking:
		return api.AskHello
	}
	return api.AskNothing
}

// on tells whether the journal has a node as switched on.
func (n *nodeView) on() bool { return n.power == "" || n.power == api.PowerOn }

// misplaced says which task a batch places on a node that sleeps or is being woken.
func (v *view) misplaced(events []state.Event) string {
	power := map[string]api.PowerState{}
	for _, ev := range events {
		switch ev := ev.(type) {
		case *state.NodePower:
			power[ev.Node] = ev.State
		case *state.TaskPlaced:
			now, changed := power[ev.Node]
			if j := slices.Index(nodeNames[:], ev.Node); !changed {
				now = v.nodes[j].power
			}
			if now != "" && now != api.PowerOn {
				return showAttempt(api.Attempt{TaskRef: ev.Ref, Try: ev.Try}) + " is placed on node " + ev.Node + ", which is " + string(now)
			}
		}
	}
	return ""
}

// napMoves lists what happens to machines that fall asleep and wake.
func (x *run) napMoves(add func(moveKind, int, int)) {
	for j, a := range x.agents {
		switch a.nap {
		case told:
			add(mHook, j, 0)
			add(mHookFails, j, 0)
			add(mHookLate, j, 0)
		case going:
			add(mDoze, j, 0)
		case stray:
			if x.clock-a.napAt >= strays {
				add(mDoze, j, 0)
			}
		}
	}
	for i, s := range x.servers {
		for j := range x.agents {
			if x.rouses(s, j) {
				add(mRouse, i, j)
				add(mRouseFails, i, j)
			}
		}
	}
	for n := range x.packets {
		add(mWake, n, 0)
		add(mWakeLost, n, 0)
		add(mWakeTwice, n, 0)
	}
}

// try is when a server woke a node last, by which order.
type try struct {
	order api.Time
	at    uint8
}

// rouses tells whether a server is to wake a node now: for as long as it leads and the
// journal wants it awake, again and again, whoever has ordered it.
func (x *run) rouses(s *server, j int) bool {
	if !s.leads() || s.ills.has(asleep) {
		return false
	}
	n := &s.at.view.nodes[j]
	last := s.tried[j]
	switch {
	case n.power != api.PowerWaking:
		return false
	case x.in.Bug == WokenOnce:
		return last.order != n.powerAt && n.ordered == s.rules.Epoch
	}
	return last.order != n.powerAt || x.clock-last.at >= wakeTakes
}

// napMove makes a move of machines that fall asleep and wake.
func (x *run) napMove(m move) {
	a, b := int(m.a), int(m.b)
	switch m.kind {
	case mHook, mHookLate:
		agent := x.agent(a)
		agent.napAt = x.clock
		if agent.nap = going; m.kind == mHookLate {
			agent.nap = stray
		}
		x.feed(a, stimulus{stimSlept, x.t.thing(core.Slept{OK: true, Within: fallTakes})})
	case mHookFails:
		x.agent(a).nap = up
		x.feed(a, stimulus{stimSlept, x.t.thing(core.Slept{})})
	case mDoze:
		x.doze(a)
	case mRouse, mRouseFails:
		s := x.server(a)
		s.tried[b] = try{s.at.view.nodes[b].powerAt, x.clock}
		if m.kind == mRouse {
			x.packets = append(x.packets, uint8(b))
			x.agent(b).unwoken = 0
		}
	case mByHand:
		s := x.server(a)
		x.agent(b).byHand = true
		key := "wake " + nodeNames[b]
		s.queue = append(slices.Clip(s.queue), nobody(x.t.thing(&engine.Power{Caller: engine.Caller{Principal: "operator", Key: key}, Node: nodeNames[b]})))
	case mWakeTwice:
		x.packets = append(x.packets, x.packets[a])
	case mWake, mWakeLost:
		j := int(x.packets[a])
		x.packets = slices.Delete(x.packets, a, a+1)
		if m.kind == mWake {
			x.wake(j)
		}
	}
}

// doze has a machine fall asleep. It must have nothing to do and nothing to say then, if
// it does so in time. What is sent to it from here on is lost.
func (x *run) doze(j int) {
	a := x.agent(j)
	if a.nap == going {
		if why := x.busy(j); why != "" {
			x.violate("node %s falls asleep %s", nodeNames[j], why)
		}
		x.happen("machine falls asleep")
	} else {
		x.happen("machine falls asleep when nobody thinks so any more")
	}
	x.say("%s sleeps", nodeNames[j])
	if a.nap = off; switchesOff(j) && a.up {
		x.crashAgent(j, false)
	}
	x.mail = slices.DeleteFunc(x.mail, func(l letter) bool { return int(l.agent) == j && !l.request() })
}

// busy says what a machine that falls asleep leaves undone.
func (x *run) busy(j int) string {
	a := x.agents[j]
	switch {
	case slices.ContainsFunc(a.procs, func(p proc) bool { return p.running }):
		return "while a task runs there"
	case a.up && len(a.mind.unsent) > 0:
		return "with a result that it has not delivered"
	}
	return ""
}

// wake brings a packet to a machine, which does nothing unless the machine sleeps.
func (x *run) wake(j int) {
	a := x.agent(j)
	if a.nap != off {
		x.happen("packet to a machine that does not sleep")
		return
	}
	x.happen("machine wakes")
	x.say("%s wakes", nodeNames[j])
	if a.nap = up; a.up {
		x.feed(j, stimulus{kind: stimTime})
	} else {
		x.boot(j)
	}
	x.watch(j)
}

// boot starts a machine whose power was off. Its agent is down.
func (x *run) boot(j int) {
	a := x.agent(j)
	a.nap, a.lease, a.boot = up, 0, a.boot+"'"
	a.procs = slices.Clone(a.procs)
	for n := range a.procs {
		if p := &a.procs[n]; p.running {
			p.running, p.outcome = false, api.OutcomeLost
		}
	}
}

// napTick lets machines fall asleep whose time to do so is over, and looks whether nodes
// are woken that the journal wants awake, where nothing fails any more.
func (x *run) napTick() {
	for j, a := range x.agents {
		if a.nap == going {
			x.doze(j)
		}
		if x.lull && x.truth().view.nodes[j].power == api.PowerWaking {
			if x.agent(j).unwoken++; x.agents[j].unwoken > unwokenMost {
				x.violate("node %s is to be woken, and nobody wakes it", nodeNames[j])
			}
		}
	}
	if x.lull && x.tail.view.done && x.answered() == x.in.Workloads {
		x.idle++
	}
}

// unwokenMost is for how many ticks a node may be left asleep that is to be woken.
const unwokenMost = 2 * wakeTakes

// notePower counts what a record makes of nodes, and of what leaders had ordered.
func (x *run) notePower(r *record) {
	for j := range r.view.nodes {
		was, is := &r.parent.view.nodes[j], &r.view.nodes[j]
		if was.registered && was.power != is.power {
			x.happen("node " + string(powerOf(was)) + "→" + string(powerOf(is)))
		}
	}
}

func powerOf(n *nodeView) api.PowerState {
	if n.on() {
		return api.PowerOn
	}
	return n.power
}

// noteOrder counts what becomes of a letter that asks a node to sleep.
func (x *run) noteOrder(l letter, becomes string) {
	if h, ok := l.thingValue().(api.Hint); ok && h.Power == api.AskSleep {
		x.happen("order to sleep " + becomes)
	}
}

// leaves counts a server that crashes and has not woken whom it was to wake.
func (x *run) leaves(i int) {
	for j := range x.agents {
		if x.in.naps && x.rouses(x.servers[i], j) {
			x.happen("leader crashes between an order to wake and its hook")
			return
		}
	}
}

// muster is the last workload of a storm with naps: it needs every node at once.
func (in *Instance) muster() *engine.Submit {
	node := in.node(0, firstBoot)
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "all", Tenant: "t",
		Tasks: []api.Task{{
			Name: "t", Driver: "process", Count: int32(in.Agents),
			Resources: api.Resources{CPU: node.Capacity.CPU * 3 / 5, Memory: 1 << 20},
		}},
	}
	w.Normalize()
	return &engine.Submit{Caller: engine.Caller{Principal: "client", Key: w.Name}, Workload: w}
}

// musters tells whether it is time for a client to submit its workload. The last one
// comes when all others have ended, and nodes that may sleep had the time to.
func (x *run) musters(k int) bool {
	if !x.in.naps || k < x.in.Workloads {
		return true
	}
	return x.idle >= musterAfter
}

// musterAfter is how many ticks after all other work has ended that is: as many as nodes
// take to fall asleep that may.
const musterAfter = 8

// given tells whether a machine sleeps that was given up: it was woken once, and did not
// come. An operator has it woken again, when the last workload needs it.
func (x *run) given(j int) bool {
	a, n := x.agents[j], &x.tail.view.nodes[j]
	return x.in.naps && x.clients[x.in.Workloads].done > 0 && a.nap == off && !a.byHand && n.silent && n.on() && n.powerAt >= n.lostAt
}

// mustered tells whether a task may end: those of the last workload only when all run.
func (x *run) mustered(id api.Attempt) bool {
	if !x.in.naps || x.clients[x.in.Workloads].done == 0 {
		return true
	}
	tasks, n := x.tail.view.tasks, 0
	last := tasks[len(tasks)-1].ref.Workload
	if x.began || id.Workload != last {
		return true
	}
	for _, a := range x.agents {
		for _, p := range a.procs {
			n += int(bit(p.running && p.id.Workload == last))
		}
	}
	x.began = n == x.in.Agents
	return x.began
}
