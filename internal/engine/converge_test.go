package engine_test

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// converge lets the world become a good one: large nodes, all back, agents that do
// what they are told, tasks that succeed. Then everything must come to its end.
func (h *chance) converge() {
	w := h.world
	in := []engine.Input{
		&engine.PutSettings{RetainMax: 10_000, RetainFor: api.Day, Lease: api.Second, Home: "s2"},
		&engine.PutTenant{Tenant: api.Tenant{Name: "default", Weight: 1}}, // without limits everything can end
		&engine.PutTenant{Tenant: api.Tenant{Name: "other", Weight: 1}},
	}
	for _, name := range nodeNames {
		if w.engine.State().Nodes[name] != nil {
			in = append(in, &engine.Drain{Node: name, Off: true}, &engine.Back{Node: name})
		}
	}
	for i := range 4 {
		n := nodeOf(fmt.Sprint("big", i), 64_000)
		n.Drivers = []string{api.DriverNoop, api.DriverProcess}
		n.Site, n.Labels = "s2", map[string]string{"disk": "ssd"}
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"a"}, Count: 8000}}
		in = append(in, &engine.Register{Node: n})
	}
	w.step(h.t, in...)
	quiet := 0
	for round := 0; quiet < 3; round++ {
		if round > 300 {
			h.t.Fatalf("the world does not come to rest: %s", show(w.events))
		}
		w.settle(h.t)
		reports := append(h.obey(), h.rise()...)
		w.now = w.now.Add(70 * api.Second)
		w.step(h.t, append(reports, h.stopSchedules()...)...)
		quiet++
		if len(reports) > 0 || len(w.events) > 0 {
			quiet = 0
		}
	}
	h.atRest()
}

// rise has nodes say that they are on which were woken, also those that were given up
// before: in a good world they come.
func (h *chance) rise() (in []engine.Input) {
	st := h.world.engine.State()
	for _, name := range st.SortedNodes() {
		if n := st.Nodes[name]; n.Power == api.PowerWaking || n.Silent {
			in = append(in, &engine.Register{Node: n.Node})
		}
	}
	return in
}

// stopSchedules cancels scheduled jobs, which would go on for ever, and what is tied
// to tasks that may never come.
func (h *chance) stopSchedules() (in []engine.Input) {
	st := h.world.engine.State()
	for _, id := range st.SortedWorkloads() {
		if v := st.Workloads[id]; (v.Spec.Schedule != nil || related(v.Spec)) && !v.Status.Final() && !v.Stopping {
			in = append(in, &engine.Cancel{Tenant: v.Spec.Tenant, ID: id})
		}
	}
	return in
}

func related(spec *api.Workload) bool {
	return slices.ContainsFunc(spec.Tasks, func(t api.Task) bool {
		q := &t.Requires
		return len(q.Near)+len(q.Apart)+len(q.Spread) > 0
	})
}

// obey reports what honest agents would report of what their nodes hold.
func (h *chance) obey() (in []engine.Input) {
	st := h.world.engine.State()
	for _, name := range st.SortedNodes() {
		n := st.Nodes[name]
		var list []api.Report
		for _, t := range n.SortedHeld() {
			w := st.Workloads[t.Ref.Workload]
			r := api.Report{Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, N: t.Reported + 1}
			switch {
			case n.Silent:
				continue
			case t.Stop != state.StopNothing:
				r.Kind, r.Result = api.ReportEnded, &api.Result{Outcome: api.OutcomeStopped}
			case t.Status == api.TaskPlaced:
				r.Kind = api.ReportStarted
			case t.Stands() != (t.Status == api.TaskSuspended):
				r.Kind = api.ReportResumed
				if t.Stands() {
					r.Kind = api.ReportSuspended
				}
			case t.Stands():
				continue
			case w.Spec.Kind == api.KindJob:
				r.Kind, r.Result = api.ReportEnded, &api.Result{Outputs: []api.Value{{Name: "out", Size: 1, Inline: []byte("x")}}}
			case !t.Healthy:
				r.Kind = api.ReportHealthy
			default:
				continue
			}
			list = append(list, r)
		}
		if len(list) > 0 {
			in = append(in, &engine.Reports{Node: name, Reports: list})
		}
	}
	return in
}

// atRest checks that nothing is stuck.
func (h *chance) atRest() {
	st := h.world.engine.State()
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		switch {
		case w.Status.Final():
		case w.Stopping:
			h.t.Fatalf("workload %s is still being stopped", w.Spec.Name)
		case w.Spec.Kind == api.KindJob:
			h.t.Fatalf("job %s never ended: %+v", w.Spec.Name, w.Counts)
		case w.Spec.Kind == api.KindService:
			h.atRestService(w)
		case w.Spec.Kind == api.KindSystem:
			h.atRestSystem(w)
		}
	}
	if len(st.Refusals) > 0 && waiting(st) == 0 {
		h.t.Fatalf("nothing waits, but %d refusals stand", len(st.Refusals))
	}
}

func waiting(st *state.State) (n int32) {
	for _, id := range st.SortedWorkloads() {
		n += st.Workloads[id].Counts.Pending
	}
	return n
}

func (h *chance) atRestService(w *state.Workload) {
	fit := 0
	for _, t := range w.Groups[0].Tasks {
		if t.Status == api.TaskRunning && t.Healthy && t.Revision == w.Revision {
			fit++
		}
	}
	done := 0 // ended for good by their restart policy
	for _, t := range w.Groups[0].Tasks {
		if t.Status == api.TaskSucceeded || t.Status == api.TaskFailed {
			done++
		}
	}
	if fit+done < int(w.Replicas()) || w.Stable != w.Revision && fit == int(w.Replicas()) {
		h.t.Fatalf("service %s runs %d of %d replicas; stable %d of revision %d: %s", w.Spec.Name, fit, w.Replicas(), w.Stable, w.Revision, elements(w))
	}
	if len(w.Groups[0].Tasks) != int(w.Replicas()) {
		h.t.Fatalf("service %s has %d elements for %d replicas", w.Spec.Name, len(w.Groups[0].Tasks), w.Replicas())
	}
}

// updating reports whether an element of the present revision does not run yet;
// the next one is only replaced once it does.
func updating(w *state.Workload) bool {
	for _, t := range w.Groups[0].Tasks {
		if t.Revision == w.Revision && !t.Status.Final() && !t.Healthy {
			return true
		}
	}
	return false
}

func elements(w *state.Workload) string {
	out := fmt.Sprintf("%+v", w.Counts)
	for _, t := range w.Groups[0].Tasks {
		out += fmt.Sprintf("\n%v: %v on %s, healthy %v, revision %d, stop %d, fails %d, reason %q",
			t.Ref, t.Status, t.Node, t.Healthy, t.Revision, t.Stop, t.Fails, t.Reason)
	}
	return out
}

func (h *chance) atRestSystem(w *state.Workload) {
	e := h.world.engine
	for _, name := range e.State().SortedNodes() {
		n := e.State().Nodes[name]
		there, done := 0, false
		for _, t := range w.Groups[0].Tasks {
			done = done || t.Pin == name && (t.Status == api.TaskFailed || t.Status == api.TaskSucceeded)
			if t.Pin == name && !t.Status.Final() {
				there++
				if t.Revision != w.Revision && t.Healthy && !updating(w) {
					h.t.Fatalf("system %s on %s is still of revision %d", w.Spec.Name, name, t.Revision)
				}
			}
		}
		if want := e.Index().Suits(name, &w.Spec.Tasks[0]) && !n.Silent && !done; want != (there == 1) || there > 1 {
			h.t.Fatalf("system %s has %d elements on %s; wanted there: %v", w.Spec.Name, there, name, want)
		}
	}
}
