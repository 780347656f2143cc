package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// ViewWorkload shows a workload.
func (e *Engine) ViewWorkload(w *state.Workload, withSpec bool) api.WorkloadView {
	v := api.WorkloadView{
		ID: w.ID, Name: w.Spec.Name, Tenant: w.Spec.Tenant, Kind: w.Spec.Kind, Reason: w.Reason,
		Priority: w.Spec.Priority, Submitted: w.Submitted, Finished: w.FinishAt, NextRun: w.NextRun, Parent: w.Parent,
		Revision: w.Revision, Replicas: w.Spec.Replicas, Counts: w.Counts,
	}
	if w.Spec.Kind != api.KindJob && len(w.Groups) > 0 {
		for _, t := range w.Groups[0].Tasks {
			if t.Healthy && t.Status == api.TaskRunning {
				v.Healthy++
			}
		}
	}
	v.Status = statusOf(w, v.Healthy).String()
	if w.Stopping && !w.Status.Final() {
		v.Status = "stopping"
	}
	if withSpec {
		v.Spec = w.Spec
	}
	return v
}

func statusOf(w *state.Workload, healthy int32) api.WorkloadStatus {
	if w.Status.Final() || w.Spec.Kind != api.KindService {
		return w.Status
	}
	switch {
	case w.Stable != w.Revision && w.Stable != 0:
		return api.WorkloadUpdating
	case healthy >= w.Spec.Replicas:
		return api.WorkloadRunning
	case w.Stable == 0 && w.Counts.Running == 0:
		return api.WorkloadPending
	}
	return api.WorkloadDegraded
}

// ViewTask shows an element; full adds its last decision.
func (e *Engine) ViewTask(w *state.Workload, t *state.Task, full bool) api.TaskView {
	v := api.TaskView{
		TaskRef: t.Ref, Name: w.NameOf(t), TaskName: w.SpecOf(t).Name, Status: t.Status.String(),
		Node: t.Node, Try: t.Try, Revision: t.Revision, Healthy: t.Healthy, Reason: t.Reason,
		Ready: t.Ready, Placed: t.Placed, Started: t.Started, Ended: t.Ended, NotBefore: t.NotBefore,
		Ports: t.Ports, PID: t.PID, Result: t.Result,
	}
	if n := e.st.Nodes[t.Node]; n != nil {
		v.Site, v.Layer = n.Site, n.Layer
	}
	if t.Stop != state.StopNothing && t.Status.Holds() {
		v.Status = "stopping"
	}
	if full {
		v.Decision = t.Decision
	}
	return v
}

// ViewNode shows a node.
func (e *Engine) ViewNode(n *state.Node) api.NodeView {
	v := api.NodeView{Node: n.Node, Status: "ready", Used: n.Used, Tasks: int32(len(n.Held)), Registered: n.Registered}
	v.Used.Accelerators = e.index.Taken(n.Name)
	switch {
	case n.Silent:
		v.Status = "silent"
	case n.Drain && len(n.Held) == 0:
		v.Status = "drained"
	case n.Drain:
		v.Status = "draining"
	}
	return v
}

// Explain says why an element is where it is, or why it is not yet anywhere.
func (e *Engine) Explain(w *state.Workload, t *state.Task) api.Explanation {
	x := api.Explanation{Task: e.ViewTask(w, t, false), Decision: t.Decision}
	if int(t.Ref.Task) < len(w.Profiles) {
		x.Profile = w.Profiles[t.Ref.Task]
	}
	switch t.Status {
	case api.TaskWaiting:
		x.WaitsFor = e.waitsFor(w, t)
	case api.TaskPending:
		ask := makeAsk(w, t)
		d := e.weigh(w, t.Ref, ask)
		if d.Chosen != nil && !e.index.FitsWhole(ask) {
			splitGang(&d)
		}
		x.Decision = &d
		if d.Chosen == nil {
			x.Suggestions = e.index.Suggest(ask)
		}
	}
	return x
}

// splitGang makes a refusal of the decision for one element of a gang that does
// not fit as a whole.
func splitGang(d *api.Decision) {
	*d = api.Decision{Strategy: d.Strategy, Nodes: d.Nodes, At: d.At, Reasons: []api.ReasonCount{
		{Reason: "not enough room for the whole gang", Nodes: d.Nodes},
	}}
}

// weigh decides without keeping anything; e may be read by others meanwhile.
func (e *Engine) weigh(w *state.Workload, ref api.TaskRef, ask *sched.Ask) api.Decision {
	ask.Profile = &w.Profiles[ref.Task]
	ask.Inputs, ask.Output = e.loadsOf(w, ref, ask.Profile), ask.Profile.BytesOut
	d, _ := e.index.Decide(ref, ask, e.st.Now)
	return d
}

func (e *Engine) waitsFor(w *state.Workload, t *state.Task) (names []string) {
	for _, before := range w.After(int(t.Ref.Task)) {
		if !w.Done(before) {
			names = append(names, w.Spec.Tasks[before].Name)
		}
	}
	return names
}
