package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// register adds a node or takes its new attributes. One that says nothing new
// costs no event.
func (e *Engine) register(node *api.Node) state.Answer {
	if fault := unsoundNode(node); fault != "" {
		return refuse(state.CodeInvalid, "node %s is refused: %s", node.Name, fault)
	}
	old := e.st.Nodes[node.Name]
	if old == nil || old.Silent || !same(old.Node, *node) {
		e.emit(&state.NodeRegistered{Node: *node})
	}
	e.awake(old)
	return state.Answer{}
}

// reconcileNode moves or gives up what may not stay on a node: that of a silent
// one by each task's onLost, that of others when a taint or a drain says so.
func (e *Engine) reconcileNode(n *state.Node) {
	if n.Silent {
		if !e.giveUp(n, false) {
			e.nodes.add(n.Name)
		}
		return
	}
	over := n.Drain && n.DrainUntil <= e.st.Now
	for _, t := range n.SortedHeld() {
		if t.Stop != state.StopNothing || t.Pin != "" {
			continue // the workload's own reconcile sees to pinned elements
		}
		if e.full() {
			e.nodes.add(n.Name)
			return
		}
		if why := e.leaves(n, t, over); why != "" {
			e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopMove, Reason: why})
		}
	}
}

// graceEnds has what is still on a draining node leave it: jobs by the node, replicas by
// their services.
func (e *Engine) graceEnds(node string) {
	e.touchNode(node)
	if n := e.st.Nodes[node]; n != nil {
		for _, t := range n.SortedHeld() {
			e.touchWorkload(t.Ref.Workload)
		}
	}
}

// leaves says why an element must leave a node, "" when it may stay. Replicas on
// a draining node are replaced by their service's reconcile.
func (e *Engine) leaves(n *state.Node, t *state.Task, drained bool) string {
	w := e.st.Workloads[t.Ref.Workload]
	switch {
	case drained && w.Spec.Kind == api.KindJob:
		return "node " + n.Name + " is being drained"
	case evicted(n.Taints, w.SpecOf(t).Requires.Tolerations):
		return "node " + n.Name + " has a taint that it does not tolerate"
	case !offered(&n.Capacity, w.SpecOf(t), t.Devices):
		return "node " + n.Name + " has lost an accelerator of it"
	}
	return ""
}

func evicted(taints []api.Taint, tolerations []api.Toleration) bool {
	for _, t := range taints {
		if t.Effect == api.NoExecute && !sched.Tolerates(tolerations, t) {
			return true
		}
	}
	return false
}

// offered reports whether a node still has the devices that an element was given.
func offered(c *api.Resources, spec *api.Task, devices []api.DeviceShare) bool {
	for _, d := range devices {
		if int(d.Group) >= len(c.Accelerators) {
			return false
		}
		have := &c.Accelerators[d.Group]
		if int64(d.Index) >= int64(have.Count/1000) || !sched.Wanted(have, spec.Resources.Accelerators) {
			return false
		}
	}
	return true
}

// giveUp decides what becomes of a silent node's tasks, by each one's onLost.
// Tasks marked atMostOnce stay until their lease is over: until then they may be
// running. all gives those up, too, that would wait for the node. It returns
// false when the batch was full before it was done.
func (e *Engine) giveUp(n *state.Node, all bool) bool {
	const kinds = 4
	var refs [kinds][]api.TaskRef // again, failed, cancelled, removed
	expired := e.leaseEnd(n) <= e.st.Now
	for _, t := range n.SortedHeld() {
		w := e.st.Workloads[t.Ref.Workload]
		task := w.SpecOf(t)
		switch {
		case t.Stop == state.StopCancel || w.Stopping:
			refs[2] = append(refs[2], t.Ref)
		case t.Stop == state.StopRemove:
			refs[3] = append(refs[3], t.Ref)
		case task.AtMostOnce && !expired:
		case t.Pin != "":
			refs[3] = append(refs[3], t.Ref)
		case task.OnLost == api.LostFail:
			refs[1] = append(refs[1], t.Ref)
		case task.OnLost != api.LostWait || all:
			refs[0] = append(refs[0], t.Ref)
		}
	}
	for i, next := range [kinds]api.TaskStatus{api.TaskPending, api.TaskFailed, api.TaskCancelled, api.TaskCancelled} {
		if !e.lose(n.Name, refs[i], next, i == 3) {
			return false
		}
	}
	return true
}

// holdsOnce tells whether a node holds a task that waits for the node's lease to
// end. When its silence is reported again, the lease runs anew: the clock by which
// it was measured was set forward.
func holdsOnce(st *state.State, n *state.Node) bool {
	for _, t := range n.Held { // order-free: whether there is one
		if st.Workloads[t.Ref.Workload].SpecOf(t).AtMostOnce {
			return true
		}
	}
	return false
}

// renewSilences has the leases of silent nodes run anew under a new leader, whose
// clock may be ahead of the one by which they were measured.
func (e *Engine) renewSilences() {
	for _, name := range e.st.SortedNodes() {
		if n := e.st.Nodes[name]; n.Silent && holdsOnce(e.st, n) {
			e.emit(&state.NodeSilent{Node: name})
		}
	}
}

// maxLost bounds one TasksLost event.
const maxLost = 2000

func (e *Engine) lose(node string, refs []api.TaskRef, next api.TaskStatus, remove bool) bool {
	for len(refs) > 0 {
		if e.full() {
			return false
		}
		n := min(len(refs), maxLost)
		e.emit(&state.TasksLost{Node: node, Refs: refs[:n:n], Next: next, Reason: "node " + node + " is silent", Remove: remove})
		refs = refs[n:]
	}
	return true
}

func (e *Engine) drain(in *Drain, key string) state.Answer {
	n := e.st.Nodes[in.Node]
	if n == nil {
		return refuse(state.CodeNotFound, "there is no node %s", in.Node)
	}
	if in.Off && !n.Drain {
		return state.Answer{Action: "unchanged"}
	}
	ev := &state.NodeDrain{Node: in.Node, On: !in.Off, Key: key}
	if ev.On {
		ev.Until = e.st.Now.Add(max(in.Grace, 0))
	}
	e.emit(ev)
	return state.Answer{Action: "updated"}
}

// removeNode forgets a node that is out of service. What still waits for a silent
// one is given up.
func (e *Engine) removeNode(in *RemoveNode, key string) state.Answer {
	n := e.st.Nodes[in.Node]
	switch {
	case n == nil:
		return refuse(state.CodeNotFound, "there is no node %s", in.Node)
	case !n.Silent && !n.Drain && n.On():
		return refuse(state.CodeConflict, "node %s is in service; drain it or stop its agent first", in.Node)
	case n.Silent:
		e.giveUp(n, true)
	}
	if held := len(n.Held); held > 0 {
		return refuse(state.CodeConflict, "node %s still holds %d tasks; drain it or wait for its lease to end, then try again", in.Node, held)
	}
	e.emit(&state.NodeRemoved{Node: in.Node, Key: key})
	return state.Answer{Action: "removed"}
}
