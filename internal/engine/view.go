package engine

import (
	"cmp"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Workload shows a workload.
func (v *Views) Workload(w *state.Workload, withSpec bool) api.WorkloadView {
	out := api.WorkloadView{
		ID: w.ID, Name: w.Spec.Name, Tenant: w.Spec.Tenant, Kind: w.Spec.Kind, Status: StatusOf(w),
		Reason: cmp.Or(v.first(w), w.Reason), Priority: w.Spec.Priority, Submitted: w.Submitted, Finished: w.FinishAt,
		NextRun: w.NextRun, Parent: w.Parent, Revision: w.Revision, Replicas: w.Replicas(), Healthy: healthyOf(w),
		Counts: w.Counts, Scale: scaleOf(w), Sizes: sizesOf(w),
	}
	if withSpec {
		out.Spec = w.Spec
	}
	abroad(w, &out)
	out.Handover, out.Origin = v.e.handoverOf(w), originOf(w)
	return out
}

// StatusOf is what people are told of how a workload stands: its status, or
// "stopping" while it is being stopped.
func StatusOf(w *state.Workload) string {
	if w.Stopping && !w.Status.Final() {
		return "stopping"
	}
	return statusOf(w).String()
}

// healthyOf counts the healthy replicas of a service or a system.
func healthyOf(w *state.Workload) (n int32) {
	if w.Away() && !w.Status.Final() {
		return w.Handover.Healthy
	}
	if w.Spec.Kind == api.KindJob || len(w.Groups) == 0 {
		return 0
	}
	for _, t := range w.Groups[0].Tasks {
		if t.Healthy && t.Status == api.TaskRunning {
			n++
		}
	}
	return n
}

func statusOf(w *state.Workload) api.WorkloadStatus {
	if w.Away() && !w.Status.Final() {
		return statusAway(w)
	}
	if w.Status.Final() || w.Spec.Kind != api.KindService {
		return w.Status
	}
	switch {
	case w.Stable != w.Revision && w.Stable != 0:
		return api.WorkloadUpdating
	case healthyOf(w) >= w.Replicas():
		return api.WorkloadRunning
	case w.Stable == 0 && w.Counts.Running == 0:
		return api.WorkloadPending
	}
	return api.WorkloadDegraded
}

// Task shows an element; full adds its last decision.
func (v *Views) Task(w *state.Workload, t *state.Task, full bool) api.TaskView {
	out := api.TaskView{
		TaskRef: t.Ref, Name: w.NameOf(t), TaskName: w.SpecOf(t).Name, Status: TaskStatusOf(t),
		Node: t.Node, Try: t.Try, Revision: t.Revision, Healthy: t.Healthy, Reason: cmp.Or(v.waits(w, t), t.Reason),
		Ready: t.Ready, Placed: t.Placed, Started: t.Started, Ended: t.Ended, NotBefore: t.NotBefore,
		Ports: t.Ports, PID: t.PID, Result: t.Result, Took: t.Took,
	}
	if n := v.e.st.Nodes[t.Node]; n != nil {
		out.Site, out.Layer = n.Site, n.Layer
	}
	if !t.Status.Final() {
		out.Suspensions = t.Suspension.All()
	}
	out.Suspendable = v.suspendable(w, t)
	if full {
		out.Decision = t.Decision
	}
	return out
}

// TaskStatusOf is what people are told of how an element stands.
func TaskStatusOf(t *state.Task) string {
	if t.Stop != state.StopNothing && t.Status.Holds() {
		return "stopping"
	}
	return t.Status.String()
}

// ViewNode shows a node.
func (e *Engine) ViewNode(n *state.Node) api.NodeView {
	v := api.NodeView{Node: n.Node, Status: "ready", Used: n.Used, Tasks: int32(len(n.Held)), Registered: n.Registered, Drained: n.Drain, Awake: e.awakeFor(n)}
	v.Used.Accelerators = e.index.Taken(n.Name)
	v.Still = e.stillOn(n)
	switch {
	case !n.On():
		v.Status, v.PowerSince = string(n.Power), n.PowerAt
	case n.Silent:
		v.Status = "silent"
	case n.Drain && len(n.Held) == 0:
		v.Status = "drained"
	case n.Drain:
		v.Status = "draining"
	case e.st.Clearing(n.Name) != nil:
		v.Status = "emptying"
	case e.st.Strains[n.Name] != nil:
		v.Status = "overloaded"
	}
	if s := e.st.Strains[n.Name]; s != nil {
		v.Strain = strainText(&s.Said, "", e.st.Now)
	}
	return v
}

// Explain says why an element is where it is, or why it is not yet anywhere.
func (e *Engine) Explain(w *state.Workload, t *state.Task) api.Explanation {
	x := e.explain(w, t)
	if !w.Away() {
		x.Options = e.optionsOf(w, t, x.Decision)
	}
	return x
}

func (e *Engine) explain(w *state.Workload, t *state.Task) api.Explanation {
	x := api.Explanation{Task: e.Views().Task(w, t, false), Decision: t.Decision}
	if int(t.Ref.Task) < len(w.Profiles) {
		x.Profile = w.Profiles[t.Ref.Task]
	}
	x.Handover, x.Scale, x.Size = e.handoverOf(w), scaleOf(w), sizeView(w, t.Ref.Task)
	if w.Away() {
		return x // the cell that owns it explains it
	}
	switch t.Status {
	case api.TaskWaiting:
		x.WaitsFor = e.waitsFor(w, t)
	case api.TaskPending:
		if t.Booking != nil {
			x.Decision = awaited(t, e.st.Now, len(e.st.Nodes))
			x.Task.Reason = x.Decision.Reasons[0].Reason
			return x
		}
		ask := e.ask(w, t)
		d := e.decideNow(w, t, ask)
		if s := t.Suspension.Last(); s != nil {
			x.Decision, x.ExpectedStart = &d, &api.ExpectedStart{At: s.Until}
			return x
		}
		if wait := e.st.Deferred(w.ID, t.Ref.Task); wait != nil {
			x.Decision, x.Deferral, x.Task.Reason = &d, wait, DeferredText(wait)
			x.ExpectedStart = &api.ExpectedStart{At: wait.Until}
			return x
		}
		if x.Decision = &d; d.Chosen == nil {
			x.Task.Reason = phrase(&d, t.Pin)
			x.Suggestions = e.index.Suggest(ask)
			x.Reservation = e.index.Promised(ask.Self)
			x.ExpectedStart = expectedStart(&x, e.st.Now)
			if n, at := e.comes(ask); n != nil {
				x.Task.Reason = comesText(n, at, e.st.Now)
				x.ExpectedStart = &api.ExpectedStart{At: max(at, e.st.Now)}
			}
		} else if planner := e.index.Planner(ask); planner != "" && e.planning() {
			x.Task.Reason = "waits for plan " + strconv.FormatUint(e.st.Planning.N, 10) + " of " + planner
		}
	}
	x.Probation = e.trialOf(x.Decision)
	return x
}

// expectedStart is the promise to a pending element, else the first expected end that
// would leave it room; nil when neither is known, or that time has come.
func expectedStart(x *api.Explanation, now api.Time) *api.ExpectedStart {
	if r := x.Reservation; r != nil {
		if r.From <= now {
			return nil
		}
		return &api.ExpectedStart{At: r.From, Promised: true}
	}
	for i := range x.Suggestions {
		if at := x.Suggestions[i].At; at > now {
			return &api.ExpectedStart{At: at}
		}
	}
	return nil
}

// decideNow decides for an element that waits, and keeps nothing. The decision has a chosen
// node when it would be placed now.
func (e *Engine) decideNow(w *state.Workload, t *state.Task, ask *sched.Ask) api.Decision {
	d := e.weigh(w, t.Ref, ask)
	if d.Chosen != nil {
		if why := e.index.WhyNotWhole(ask); why != "" {
			splitGang(&d, why)
		}
	}
	return d
}

// splitGang makes a refusal of the decision for one element of a gang that does
// not fit as a whole.
func splitGang(d *api.Decision, why string) {
	*d = api.Decision{Strategy: d.Strategy, Nodes: d.Nodes, At: d.At, Reasons: []api.ReasonCount{
		{Reason: why, Nodes: d.Nodes},
	}}
}

// weigh decides without keeping anything; e may be read by others meanwhile.
func (e *Engine) weigh(w *state.Workload, ref api.TaskRef, ask *sched.Ask) api.Decision {
	ask.Profile = &w.Profiles[ref.Task]
	ask.Self, ask.Now = selfOf(ref, ask), e.st.Now
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
