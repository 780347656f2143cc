package engine

import (
	"reflect"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// register adds a node or takes its new attributes. One that says nothing new
// costs no event.
func (e *Engine) register(node api.Node) {
	old := e.st.Nodes[node.Name]
	if old != nil && !old.Silent && reflect.DeepEqual(old.Node, node) {
		return
	}
	e.emit(&state.NodeRegistered{Node: node})
	if old == nil {
		return
	}
	for _, t := range old.SortedHeld() {
		_, t := e.st.Task(t.Ref)
		w := e.st.Workloads[t.Ref.Workload]
		if t.Stop == state.StopNothing && evicted(node.Taints, w.SpecOf(t).Requires.Tolerations) {
			e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopMove, Reason: "node " + node.Name + " has a taint that it does not tolerate"})
		}
	}
}

func evicted(taints []api.Taint, tolerations []api.Toleration) bool {
	for _, t := range taints {
		if t.Effect == api.NoExecute && !sched.Tolerates(tolerations, t) {
			return true
		}
	}
	return false
}

// silent gives up what a silent node runs, by each task's onLost. Tasks marked
// atMostOnce stay until their lease is over: until then they may be running.
func (e *Engine) silent(name string) {
	n := e.st.Nodes[name]
	if n == nil || n.Silent {
		return
	}
	e.emit(&state.NodeSilent{Node: name})
	e.giveUp(n, func(task *api.Task) bool { return !task.AtMostOnce })
}

func (e *Engine) leaseOver(name string) {
	n := e.st.Nodes[name]
	if n == nil || !n.Silent || e.leaseEnd(n) > e.st.Now {
		return
	}
	e.giveUp(n, func(task *api.Task) bool { return task.AtMostOnce })
}

// giveUp decides what becomes of a silent node's tasks that which selects.
func (e *Engine) giveUp(n *state.Node, which func(*api.Task) bool) {
	var again, failed, stopped []api.TaskRef
	for _, t := range n.SortedHeld() {
		w := e.st.Workloads[t.Ref.Workload]
		task := w.SpecOf(t)
		switch {
		case !which(task):
		case t.Stop == state.StopCancel || t.Stop == state.StopRemove || t.Pin != "":
			stopped = append(stopped, t.Ref)
		case task.OnLost == api.LostFail:
			failed = append(failed, t.Ref)
		case task.OnLost != api.LostWait:
			again = append(again, t.Ref)
		}
	}
	e.lose(n.Name, again, api.TaskPending)
	e.lose(n.Name, failed, api.TaskFailed)
	e.lose(n.Name, stopped, api.TaskCancelled)
}

// maxLost bounds one TasksLost event.
const maxLost = 2000

func (e *Engine) lose(node string, refs []api.TaskRef, next api.TaskStatus) {
	for len(refs) > 0 {
		n := min(len(refs), maxLost)
		e.emit(&state.TasksLost{Node: node, Refs: refs[:n:n], Next: next, Reason: "node " + node + " is silent"})
		refs = refs[n:]
	}
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
		ev.Until = e.st.Now.Add(in.Grace)
	}
	e.emit(ev)
	e.drainOver(in.Node)
	return state.Answer{Action: "updated"}
}

// drainOver moves job tasks that are still on a draining node after its grace.
// Replicas of services are moved by their workload's reconcile.
func (e *Engine) drainOver(name string) {
	n := e.st.Nodes[name]
	if n == nil || !n.Drain || n.DrainUntil > e.st.Now {
		return
	}
	for _, t := range n.SortedHeld() {
		w := e.st.Workloads[t.Ref.Workload]
		if w.Spec.Kind == api.KindJob && t.Stop == state.StopNothing {
			e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopMove, Reason: "node " + name + " is being drained"})
		}
	}
}

func (e *Engine) removeNode(in *RemoveNode, key string) state.Answer {
	n := e.st.Nodes[in.Node]
	switch {
	case n == nil:
		return refuse(state.CodeNotFound, "there is no node %s", in.Node)
	case len(n.Held) > 0:
		return refuse(state.CodeConflict, "node %s still holds %d tasks; drain it first", in.Node, len(n.Held))
	case !n.Silent && !n.Drain:
		return refuse(state.CodeConflict, "node %s is in service; drain it or stop its agent first", in.Node)
	}
	e.emit(&state.NodeRemoved{Node: in.Node, Key: key})
	return state.Answer{Action: "removed"}
}
