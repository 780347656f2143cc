package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// Running work is moved together, so that nodes can sleep which hold little. Every few
// minutes the nodes are looked at that hold least. One is cleared if all that runs there
// may leave, finds room elsewhere on its site with the reserve kept, and if what sleeping
// saves is worth twice what the moves cost. It takes no new work meanwhile, unless
// something waits that would fit there.
//
// What was decided stands in the state (state.Consolidation). A look is an event, also
// when nothing follows from it, so that an engine which was rebuilt looks at the same time;
// and so is how far it has come, as one Step looks at some of the nodes only.

const (
	// clearEvery is how often nodes are looked at.
	clearEvery = 5 * api.Minute
	// clearPatience is how long a node may take to become empty.
	clearPatience = 30 * api.Minute
	// leftAwake is how long a node that was woken is left alone.
	leftAwake = 30 * api.Minute
	// littleUsed is how much of its cpu, memory or devices a node holds at most that is
	// cleared, in thousandths.
	littleUsed = 500
	// mostLeaving is how many tasks are moved off a node at most, mostTried how many nodes
	// one look tries to clear, mostMoves how many moves are remembered.
	mostLeaving = 64
	mostTried   = 16
	mostMoves   = 4096
	// seenAtOnce is how many nodes and tasks on them one Step looks at, scoredAtOnce how many
	// scores it works out for where they would go, once it has tried one node: the next goes on
	// behind the last.
	seenAtOnce   = 1024
	scoredAtOnce = 50_000
	// worthTwice is how many times its cost a clearing must save: nobody knows how long a
	// node will sleep.
	worthTwice = 2
	// clearedShare and clearedLeast bound how many nodes are cleared at a time: of those
	// that hold work and can sleep one in so many, and so many in any case.
	clearedShare, clearedLeast = 20, 3
)

// clearNodes looks at the nodes when it is time, some of them a Step.
func (e *Engine) clearNodes() {
	if !e.lookDue() || e.full() || e.err != nil {
		return
	}
	clear(e.loads)
	begins := e.st.Consolidation == nil || e.st.Consolidation.At == nil
	at := state.LookedAt{Tries: mostTried, Share: -1}
	if begins {
		e.emit(&state.NodesLooked{})
	} else {
		at = *e.st.Consolidation.At
	}
	c := e.newClearer()
	if begins {
		e.relieve(c)
	}
	if e.clearBehind(&at, c) {
		e.goesOn = true
		e.emit(&state.NodesLooked{At: &at})
	} else if !begins {
		e.emit(&state.NodesLooked{})
	}
}

// clearBehind looks at nodes behind one, those that hold least first, and has it be the
// last. It reports whether the next Step is to go on there.
func (e *Engine) clearBehind(at *state.LookedAt, c *clearer) bool {
	seen, scores := seenAtOnce, scoredAtOnce
	list := e.resting.little.behind(burden{at.Share, at.Thirst, at.Node}, seenAtOnce)
	for _, r := range list {
		switch {
		case c.left <= 0 || at.Tries <= 0:
			return false
		case seen <= 0 || scores <= 0 || e.full():
			return true
		}
		n := e.st.Nodes[r.name]
		at.Share, at.Thirst, at.Node = r.share, r.thirst, r.name
		seen -= 1 + len(n.Held)
		e.measureAll()
		if c.targets[r.name] || c.kept[r.name] || !e.clearable(n) || !e.mayEmpty(n, c) {
			continue // it costs little to see, and keeps no other node from being tried
		}
		at.Tries--
		scores -= len(n.Held) * len(e.st.Nodes)
		if ev := e.clearing(n); ev != nil {
			e.clearOff(ev, c)
		}
	}
	return len(list) == seenAtOnce && c.left > 0 && at.Tries > 0
}

// lookDue reports whether nodes are to be looked at: it reads the state alone.
func (e *Engine) lookDue() bool {
	c, r := e.st.Consolidation, &e.resting
	return r.busy > 0 && (c == nil || c.At != nil || e.st.Now >= c.Looked.Add(clearEvery)) && (r.moving > 0 || moves(e.index.Repose()))
}

func moves(r *api.Rest) bool { return r != nil && r.Move }

// clearer is what one look keeps in mind.
type clearer struct {
	left    int                  // nodes that may still be cleared
	moved   map[api.TaskRef]bool // lately
	targets map[string]bool      // nodes that others are being moved to
	kept    map[string]bool      // nodes on which room is being freed for a task, or is promised
}

func (e *Engine) newClearer() *clearer {
	c := &clearer{left: max(clearedLeast, e.resting.busy/clearedShare), moved: map[api.TaskRef]bool{}, targets: map[string]bool{}, kept: e.kept()}
	for _, m := range e.moved().Moves {
		c.moved[m.Ref] = true
	}
	for _, n := range e.moved().Nodes { // order-free: a count and a set
		if n.Over == 0 {
			c.left--
			c.aim(n.To)
		}
	}
	return c
}

func (c *clearer) aim(names []string) {
	for _, name := range names {
		c.targets[name] = true
	}
}

// kept are the nodes on which room is being freed for a task, or is promised to one.
func (e *Engine) kept() map[string]bool {
	kept := map[string]bool{}
	for i := range e.bookings {
		kept[e.bookings[i].node] = true
	}
	for _, r := range e.st.Reservations { // order-free: a set
		kept[r.Node] = true
		for i := range r.Places {
			kept[r.Places[i].Node] = true
		}
	}
	return kept
}

// clearable reports whether a node that holds little is one that may be cleared, whatever it
// holds.
func (e *Engine) clearable(n *state.Node) bool {
	return e.mayRest(n) && (n.PowerAt == 0 || n.PowerAt.Add(leftAwake) <= e.st.Now) &&
		e.st.Consolidation.Nodes[n.Name] == nil
}

// mayEmpty reports whether all that a node holds may leave it, and whether the rest of its
// site has that much room in all, with the reserve kept, and nothing that is foreseen
// needs the node. Where in the site is not asked.
func (e *Engine) mayEmpty(n *state.Node, c *clearer) bool {
	if c.targets[n.Name] { // since this look began
		return false
	}
	for _, t := range n.Held { // order-free: any will do
		if c.moved[t.Ref] || !e.mayLeave(t) {
			return false
		}
	}
	return e.spared(n).plus(roomOf(&n.Used), -1).covers(e.resting.sites[n.Site].all, e.restOf(n).Share()) &&
		!e.neededAhead(n, roomOf(&n.Capacity))
}

// spared is the room that is free on a site beside one of its nodes.
func (e *Engine) spared(n *state.Node) room {
	return e.resting.sites[n.Site].free.plus(e.resting.nodes[n.Name].free, -1)
}

// mayRest reports whether a node is in service and sleeps when running work was moved off.
func (e *Engine) mayRest(n *state.Node) bool {
	return n.Sleep != nil && n.On() && !n.Silent && !n.Drain && e.st.Strains[n.Name] == nil && moves(e.restOf(n))
}

// littleOf is usedShare of a node that holds few enough tasks to be cleared; more than
// littleUsed of others.
func littleOf(n *state.Node) int64 {
	if len(n.Held) == 0 || len(n.Held) > mostLeaving {
		return littleUsed + 1
	}
	return usedShare(n)
}

// usedShare is the largest part of its cpu, memory or devices that a node holds, in
// thousandths.
func usedShare(n *state.Node) int64 {
	used, have := int64(0), devices(&n.Capacity)
	for _, t := range n.Held { // order-free: a sum
		for i := range t.Devices {
			used += int64(t.Devices[i].Share)
		}
	}
	part := func(of, all int64) int64 {
		if all <= 0 {
			return 0
		}
		return min(of, all) * 1000 / all
	}
	return max(part(int64(n.Used.CPU), int64(n.Capacity.CPU)), part(int64(n.Used.Memory>>10), int64(n.Capacity.Memory>>10)), part(used, have))
}

// clearing works out how a node would be cleared; nil when it stays as it is.
func (e *Engine) clearing(n *state.Node) *state.NodeClearing {
	if len(e.st.Consolidation.Moves)+len(n.Held) > mostMoves || e.index.Needed(n.Name) {
		return nil
	}
	s := &seating{e: e, from: n, free: e.spared(n)}
	e.index.Without(n.Name, s.seatAll)
	if !s.ok || !s.free.covers(e.resting.sites[n.Site].all, e.restOf(n).Share()) {
		return nil
	}
	return s.worth()
}

// mayLeave reports whether a running element may be moved at all: a job's like one that a
// planner moves, if nobody was promised that it stays; a replica if another one can take
// its place first.
func (e *Engine) mayLeave(t *state.Task) bool {
	w := e.st.Workloads[t.Ref.Workload]
	if !displaces(w) || t.Slice != nil || t.Suspension != nil || t.Expects != nil || e.entries[t.Ref] == nil {
		return false
	}
	if w.Spec.Kind == api.KindService {
		return t.Stop == state.StopNothing && t.Pin == "" && !w.Stopping && !w.Away() && !w.SpecOf(t).AtMostOnce &&
			w.Spec.Update.MaxSurge > 0 && w.Stable == w.Revision && t.Revision == w.Revision && e.wellFor(w, t) &&
			t.Placed.Add(state.MoveMemory) <= e.st.Now
	}
	return movable(w, t)
}

// clearOff begins to clear a node: jobs stop and begin anew elsewhere, replicas go once
// others have taken their place.
func (e *Engine) clearOff(ev *state.NodeClearing, c *clearer) {
	e.emit(ev)
	c.left--
	c.aim(ev.To)
	for _, ref := range ev.Tasks {
		c.moved[ref] = true
		if w := e.st.Workloads[ref.Workload]; w.Spec.Kind == api.KindJob {
			e.emit(&state.TaskStop{Ref: ref, For: state.StopMove, Reason: ev.Why})
		}
	}
}
