package engine

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// relieve moves work off nodes that hold more than they have, as when a node comes back
// with less memory: so much that the rest fits.
func (e *Engine) relieve(c *clearer) {
	var list []*state.Node
	for name := range e.resting.full { // order-free: sorted below
		n := e.st.Nodes[name]
		if n != nil && !n.Silent && !n.Drain && n.On() && moves(e.restOrUsual(n)) && e.st.Consolidation.Nodes[name] == nil {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *state.Node) int { return cmp.Compare(a.Name, b.Name) })
	if len(list) > mostTried { // the others' turn comes with a later look
		from := int(e.st.Now/api.Time(clearEvery)%api.Time(len(list))) * mostTried % len(list)
		list = slices.Concat(list[from:], list[:from])[:mostTried]
	}
	for _, n := range list {
		if c.left <= 0 || e.full() {
			return
		}
		if ev := e.relief(n, c); ev != nil {
			e.clearOff(ev, c)
		}
	}
}

// restOrUsual is what holds for a node whether it can sleep or not.
func (e *Engine) restOrUsual(n *state.Node) *api.Rest {
	if s := e.st.Sites[n.Site]; s != nil && s.Rest != nil {
		return s.Rest
	}
	return e.index.Repose()
}

// overfull says of what a node has less than it holds; "" when it has enough.
func overfull(n *state.Node, held room) string {
	switch {
	case held.memory > n.Capacity.Memory:
		return "memory " + held.memory.String() + " of " + n.Capacity.Memory.String()
	case held.cpu > n.Capacity.CPU:
		return "cpu " + held.cpu.String() + " of " + n.Capacity.CPU.String()
	}
	return ""
}

// relief chooses who leaves: those that began last, which lose least, until the rest fits.
// nil when nobody may leave who finds room.
func (e *Engine) relief(n *state.Node, c *clearer) *state.NodeClearing {
	held := roomOf(&n.Used)
	why := overfull(n, held)
	s := &seating{e: e, from: n, must: true}
	list := n.SortedHeld()
	slices.SortFunc(list, func(a, b *state.Task) int {
		return cmp.Or(cmp.Compare(b.Started, a.Started), state.CompareRefs(b.Ref, a.Ref))
	})
	e.index.Without(n.Name, func() {
		for _, t := range list {
			if overfull(n, held) == "" || len(s.tasks) == mostLeaving {
				break
			}
			if w := e.st.Workloads[t.Ref.Workload]; !c.moved[t.Ref] && e.mayLeave(t) && e.mayWait(w, t) && s.seat(t) {
				held = held.plus(roomOf(&w.SpecOf(t).Resources), -1)
			}
		}
		s.takeBack()
	})
	if len(s.tasks) == 0 || len(e.st.Consolidation.Moves)+len(s.tasks) > mostMoves {
		return nil
	}
	slices.SortFunc(s.tasks, state.CompareRefs)
	return &state.NodeClearing{
		Node: n.Name, For: state.ClearLoad, Tasks: s.tasks, To: s.to, Cost: s.cost,
		Why: "moved from " + n.Name + ", which holds more than it has: " + why,
	}
}

// mayWait reports whether a task can begin anew without a risk for its job's deadline.
func (e *Engine) mayWait(w *state.Workload, t *state.Task) bool {
	p := &w.Profiles[t.Ref.Task]
	return e.inTime(w, t, max(p.Run, p.RunHigh), p.Samples > 0 || w.SpecOf(t).Duration > 0)
}
