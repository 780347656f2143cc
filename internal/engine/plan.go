package engine

import (
	"errors"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Plan says for each task of a workload where it would be placed now, and how
// many of its elements. It changes nothing; tasks are taken in order, as if those
// before had been placed. The error says why the workload would be refused.
func (e *Engine) Plan(spec *api.Workload, facts []Fact) ([]api.Planned, error) {
	if fault := unsound(spec); fault != "" {
		return nil, errors.New(fault)
	}
	spec, why := e.heldData().settle(spec)
	if why != "" {
		return nil, errors.New(why)
	}
	w := &state.Workload{Spec: spec, Revision: 1, Profiles: e.analyse(spec, facts, 0)}
	trial, due, known := e.index.Trial(), api.Time(0), rooms{}
	out := make([]api.Planned, len(spec.Tasks))
	for i := range spec.Tasks {
		ask := e.planAsk(w, i)
		p := api.Planned{Task: spec.Tasks[i].Name, Profile: w.Profiles[i]}
		switch spec.Kind {
		case api.KindSystem:
			e.planSystem(trial, ask, &p)
		case api.KindService:
			e.plan(trial, uint16(i), ask, &p, max(spec.Replicas, 1))
		default:
			e.plan(trial, uint16(i), ask, &p, max(ask.Task.Count, 1))
		}
		if spec.Deadline > 0 && spec.Schedule == nil {
			due = e.st.Now.Add(spec.Deadline)
		}
		p.Deferral = e.deferral(w, uint16(i), ask, &p.Decision, due, known)
		p.Options = e.options(ask, &p.Decision, due)
		out[i] = p
	}
	return out, nil
}

// heldData is where artifacts may be, for readers: others may be reading, so nothing
// is kept.
func (e *Engine) heldData() residences {
	if e.housed && e.housing == nil {
		return e.residences()
	}
	return e.housing
}

func (e *Engine) planAsk(w *state.Workload, i int) *sched.Ask {
	spec, task, profile := w.Spec, &w.Spec.Tasks[i], &w.Profiles[i]
	ask := &sched.Ask{
		Shape: "task " + task.Name, Task: task, Tenant: spec.Tenant, Priority: spec.Priority, Objective: spec.Objective,
		Spread: spec.Kind == api.KindService, Profile: profile, Output: profile.BytesOut,
		Now: e.st.Now, Hold: occupies(w, uint16(i)),
		Strategy: spec.Strategy, Workload: spec.Name, Labels: spec.Labels,
	}
	if profile.BytesIn > 0 {
		ask.Inputs = []sched.Load{{Site: e.st.Settings.Home, Bytes: profile.BytesIn}}
	}
	if spec.Gang && task.Count > 1 {
		ask.Gang, ask.Within = int(task.Count), spec.GangWithin
	}
	return ask
}

// maxPlanned is for how many elements of a task a plan decides one by one; the
// rest is counted as room.
const maxPlanned = 1000

func (e *Engine) plan(trial *sched.Index, task uint16, ask *sched.Ask, p *api.Planned, count int32) {
	p.Count = count
	whole := trial.WhyNotWhole(ask)
	for n := range min(count, maxPlanned) {
		ref := api.TaskRef{Task: task, Index: uint32(n)}
		d, devices := trial.Decide(ref, ask, e.st.Now)
		if d.Chosen != nil && whole != "" {
			splitGang(&d, whole)
		}
		if n == 0 {
			p.Decision = d
		}
		if d.Chosen == nil {
			break
		}
		trial.Hold(d.Chosen.Node, ref, ask, devices)
		p.Fits++
	}
	if p.Fits == maxPlanned {
		p.Fits += trial.Fill(ask, count-p.Fits)
	}
	if p.Fits == 0 {
		p.Suggestions = trial.Suggest(ask)
	}
}

// planSystem counts one element on each node that passes the requirements.
func (e *Engine) planSystem(trial *sched.Index, ask *sched.Ask, p *api.Planned) {
	p.Decision, _ = trial.Decide(api.TaskRef{}, ask, e.st.Now)
	if p.Count, p.Fits = trial.OneEach(ask); p.Fits == 0 {
		p.Suggestions = trial.Suggest(ask)
	}
}
