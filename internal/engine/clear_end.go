package engine

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// tendClearings gives up nodes that can no longer be cleared, or not soon enough.
func (e *Engine) tendClearings() {
	for _, name := range e.clearedNow() {
		if e.full() {
			return
		}
		n, c := e.st.Nodes[name], e.st.Clearing(name)
		switch {
		case n == nil:
		case c.For == state.ClearLoad && e.relieved(n, c):
			e.takesAgain(name, "it has left what it could not carry")
		case c.For == state.ClearSleep && !e.mayRest(n):
			e.takesAgain(name, "it may not sleep now")
		case c.Since.Add(clearPatience) <= e.st.Now:
			e.takesAgain(name, "not all has left within "+clearPatience.String())
		}
	}
}

// takesAgain has a node take work again. What was asked to stop there still moves.
func (e *Engine) takesAgain(name, why string) {
	e.emit(&state.NodeClearing{Node: name, Why: why})
}

// clearedNow are the nodes that are being cleared, in order.
func (e *Engine) clearedNow() []string {
	if e.st.Consolidation == nil {
		return nil
	}
	var names []string
	for name, c := range e.st.Consolidation.Nodes { // order-free: sorted below
		if c.Over == 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// takeBack has nodes take work again where something waits that would fit there. It
// reports whether there were any.
func (e *Engine) takeBack() bool {
	names := slices.DeleteFunc(e.clearedNow(), func(name string) bool { return !e.toSleep(name) })
	if len(names) == 0 {
		return false
	}
	back := e.index.Rouse(nil, names)
	for _, name := range back {
		e.takesAgain(name, "work waits for it")
	}
	return len(back) > 0
}

// toSleep reports whether a node is being emptied so that it can sleep.
func (e *Engine) toSleep(node string) bool {
	c := e.st.Clearing(node)
	return c != nil && c.For == state.ClearSleep
}

// relieved reports whether all have left a node that were to, or nothing more can be said
// of it.
func (e *Engine) relieved(n *state.Node, c *state.Clearing) bool {
	return n.Silent || n.Drain || !slices.ContainsFunc(c.Tasks, func(ref api.TaskRef) bool { return n.Held[ref] != nil })
}

// movedOff is what is under way where an element is that is to leave its node for
// another; nil when it may stay.
func (e *Engine) movedOff(t *state.Task) *state.Clearing {
	if c := e.st.Clearing(t.Node); c != nil && t.Status.Holds() && slices.Contains(c.Tasks, t.Ref) {
		return c
	}
	return nil
}

// lookTimer reminds of the next look at the nodes.
func (e *Engine) lookTimer() {
	if c := e.st.Consolidation; c != nil && !e.follower {
		e.timers.add(timer{at: c.Looked.Add(clearEvery), kind: timerLook})
	}
}

// clearTimer reminds of when clearing a node has taken too long.
func (e *Engine) clearTimer(n *state.Node) {
	if c := e.st.Clearing(n.Name); c != nil {
		e.timers.add(timer{at: c.Since.Add(clearPatience), kind: timerLook, node: n.Name})
	}
}

// movedWhy says for what a task of a decision left the node that it ran on before.
func (e *Engine) movedWhy(w *state.Workload, t *state.Task) string {
	if e.st.Consolidation == nil {
		return ""
	}
	if w.Spec.Kind == api.KindJob {
		return e.lastMove(t)
	}
	for _, name := range e.clearedNow() {
		c := e.st.Clearing(name)
		if slices.ContainsFunc(c.Tasks, func(ref api.TaskRef) bool { return ref.Workload == w.ID && ref.Task == t.Ref.Task }) {
			return c.Why
		}
	}
	return ""
}

// lastMove is why a job's task was moved that waits now, if it was.
func (e *Engine) lastMove(t *state.Task) string {
	c := e.st.Consolidation.Nodes[t.Node]
	if c == nil || !slices.Contains(c.Tasks, t.Ref) || t.Ended < c.Since {
		return ""
	}
	return t.Reason
}
