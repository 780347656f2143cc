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
		d, _ := e.weigh(w, t.Ref, ask)
		x.Decision = &d
		if d.Chosen == nil {
			x.Suggestions = e.index.Suggest(ask)
		}
	}
	return x
}

// weigh decides without keeping anything; e may be read by others meanwhile.
func (e *Engine) weigh(w *state.Workload, ref api.TaskRef, ask *sched.Ask) (api.Decision, []api.DeviceShare) {
	ask.Profile = &w.Profiles[ref.Task]
	ask.Inputs, ask.Output = e.loadsOf(w, ref, ask.Profile), ask.Profile.BytesOut
	return e.index.Decide(ref, ask, e.st.Now)
}

func (e *Engine) waitsFor(w *state.Workload, t *state.Task) (names []string) {
	for _, name := range w.SpecOf(t).After {
		for gi := range w.Spec.Tasks {
			if w.Spec.Tasks[gi].Name == name && int(w.Groups[gi].Good) < len(w.Groups[gi].Tasks) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Plan says for each task of a workload where it would be placed now, and how
// many of its elements. It changes nothing; tasks are taken in order, as if those
// before had been placed.
func (e *Engine) Plan(spec *api.Workload, facts []Fact) []api.Planned {
	w := &state.Workload{Spec: spec, Revision: 1, Profiles: e.analyse(spec, facts, 0), Groups: make([]state.Group, len(spec.Tasks))}
	trial := e.index.Trial()
	out := make([]api.Planned, len(spec.Tasks))
	for i := range spec.Tasks {
		task := &spec.Tasks[i]
		ask := &sched.Ask{
			Task: task, Tenant: spec.Tenant, Priority: spec.Priority, Objective: spec.Objective,
			Spread: spec.Kind == api.KindService, Profile: &w.Profiles[i], Output: w.Profiles[i].BytesOut,
		}
		if n := w.Profiles[i].BytesIn; n > 0 {
			ask.Inputs = []sched.Load{{Bytes: n}}
		}
		p := api.Planned{Task: task.Name, Count: elements(e, spec, task), Profile: w.Profiles[i]}
		for n := range p.Count {
			ref := api.TaskRef{Task: uint16(i), Index: uint32(n)}
			d, devices := trial.Decide(ref, ask, e.st.Now)
			if n == 0 {
				p.Decision = d
			}
			if d.Chosen == nil {
				break
			}
			trial.Hold(d.Chosen.Node, ref, ask, devices)
			p.Fits++
		}
		if p.Fits == 0 {
			p.Suggestions = trial.Suggest(ask)
		}
		out[i] = p
	}
	return out
}

// elements is how many elements of a task there would be.
func elements(e *Engine, spec *api.Workload, task *api.Task) int32 {
	switch spec.Kind {
	case api.KindService:
		return max(spec.Replicas, 1)
	case api.KindSystem:
		n := int32(0)
		for _, name := range e.st.SortedNodes() {
			if e.index.Suits(name, task) {
				n++
			}
		}
		return n
	}
	return max(task.Count, 1)
}
