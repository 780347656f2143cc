package engine

import (
	"fmt"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/profile"
	"drover.dev/internal/state"
)

// input folds one input in and returns its answer; only commands have one.
func (e *Engine) input(in Input) state.Answer {
	switch v := in.(type) {
	case *Lead:
		e.emit(&state.LeaderStarted{Epoch: v.Epoch, Server: v.Server})
		e.renewSilences()
	case *Loss:
		e.emit(&state.LossAccepted{From: v.From, Entries: v.Entries})
	case *Register:
		return e.register(&v.Node)
	case *Silent:
		if n := e.st.Nodes[v.Node]; n != nil && n.On() && (!n.Silent || holdsOnce(e.st, n)) {
			e.emit(&state.NodeSilent{Node: v.Node})
		}
	case *Back:
		if n := e.st.Nodes[v.Node]; n != nil && n.Silent {
			e.emit(&state.NodeBack{Node: v.Node})
		}
	case *Reports:
		if e.st.Nodes[v.Node] == nil {
			break
		}
		for i := range v.Reports {
			e.report(v.Node, &v.Reports[i])
		}
	case *Submit:
		return e.once(v.Caller, func(key string) state.Answer { return e.submit(v, key) })
	case *Cancel:
		return e.once(v.Caller, func(key string) state.Answer { return e.cancel(v, key) })
	case *Rollback:
		return e.once(v.Caller, func(key string) state.Answer { return e.rollback(v, key) })
	case *Drain:
		return e.once(v.Caller, func(key string) state.Answer { return e.drain(v, key) })
	case *Suspend:
		return e.once(v.Caller, func(string) state.Answer { return e.suspend(v) })
	case *Power:
		return e.once(v.Caller, func(key string) state.Answer { return e.power(v, key) })
	case *RemoveNode:
		return e.once(v.Caller, func(key string) state.Answer { return e.removeNode(v, key) })
	case *PutSite:
		return e.once(v.Caller, func(key string) state.Answer { return e.putSite(v, key) })
	case *PutStrategy:
		return e.once(v.Caller, func(key string) state.Answer { return e.putStrategy(v, key) })
	case *PutTenant:
		return e.once(v.Caller, func(key string) state.Answer { return e.putTenant(v, key) })
	case *PutSignal:
		return e.once(v.Caller, func(key string) state.Answer { return e.putSignal(v, key) })
	case *BuyOffset:
		return e.once(v.Caller, func(key string) state.Answer { return e.buyOffset(v, key) })
	case *EndOffset:
		return e.once(v.Caller, func(key string) state.Answer { return e.endOffset(v, key) })
	case *PutSettings:
		return e.once(v.Caller, func(key string) state.Answer { return e.settings(v, key) })
	case *RemoveCell:
		return e.once(v.Caller, func(key string) state.Answer { return e.removeCell(v, key) })
	case *CellHello:
		return e.registerCell(&v.Cell)
	case *Planned:
		e.planned(v)
	case *Shadowed:
		e.shadowed(v)
	case *Resized:
		e.resized(v)
	case *Scaled:
		e.scaled(v)
	case *Foreseen:
		return e.foresee(v)
	case *Battery:
		e.heardBattery(v)
	case *Strained:
		return e.strainSaid(v)
	default:
		e.cellInput(in)
	}
	return state.Answer{}
}

// once answers a command from memory when its key was answered before, and else
// remembers the answer, also of a refusal.
func (e *Engine) once(c Caller, do func(key string) state.Answer) state.Answer {
	key := ""
	if c.Key != "" {
		key = c.Principal + "\x00" + c.Key
		if a, known := e.st.Keys[key]; known {
			return a
		}
	}
	a := do(key)
	if key == "" || a.Code == state.CodeBusy {
		return a
	}
	if _, known := e.st.Keys[key]; !known {
		e.emit(&state.Answered{Key: key, Answer: a})
	}
	return a
}

func refuse(code state.Code, format string, args ...any) state.Answer {
	return state.Answer{Code: code, Message: clip(fmt.Sprintf(format, args...))}
}

func (e *Engine) submit(in *Submit, key string) state.Answer {
	spec := in.Workload
	if fault := unsound(spec); fault != "" {
		return refuse(state.CodeInvalid, "the workload is refused: %s", fault)
	}
	spec, why := e.settle(spec)
	if why != "" {
		return refuse(state.CodeInvalid, "the workload is refused: %s", why)
	}
	if e.size > 0 && e.size+submitSize(spec) > e.limits.direct {
		return refuse(state.CodeBusy, "too much was submitted at once; try again")
	}
	if spec.Strategy != "" && !e.index.Knows(spec.Strategy) {
		return e.unknownStrategy(spec.Strategy)
	}
	if spec.Schedule != nil {
		if _, err := nextRun(spec.Schedule, e.st.Now); err != nil {
			return refuse(state.CodeInvalid, "schedule: %v", err)
		}
	}
	old := e.st.Named(spec.Tenant, spec.Name)
	if old == nil || old.Status.Final() {
		if why := e.hopeless(spec, in.Facts); why != "" {
			return refuse(state.CodeInvalid, "job %s is refused: %s", spec.Name, why)
		}
		if why := e.unaffordable(spec, in.Facts); why != "" {
			return refuse(state.CodeConflict, "%s %s is refused: %s", spec.Kind, spec.Name, why)
		}
		if spec != in.Workload {
			in = &Submit{Caller: in.Caller, Workload: spec, Facts: in.Facts}
		}
		return e.create(in, key, 0)
	}
	switch {
	case same(*old.Spec, *spec) && !old.Stopping:
		return state.Answer{ID: old.ID, Revision: old.Revision, Action: "unchanged"}
	case old.Stopping:
		return refuse(state.CodeConflict, "%s %s is being stopped; wait until it has ended", old.Spec.Kind, spec.Name)
	case old.Spec.Kind != spec.Kind:
		return refuse(state.CodeConflict, "%s is a running %s; cancel it first or choose another name", spec.Name, old.Spec.Kind)
	case resent(old, spec):
		e.resend(old, spec, key)
	case spec.Kind == api.KindJob && (old.Spec.Schedule == nil || spec.Schedule == nil):
		return refuse(state.CodeConflict, "job %s has not ended, and only where it may go, its priority, preemption and labels can be changed; cancel it first or choose another name", spec.Name)
	case scaledOnly(old.Spec, spec):
		e.emit(&state.WorkloadRescaled{ID: old.ID, Spec: spec, Key: key})
	default:
		e.revise(old, &state.WorkloadRevised{Spec: spec, Profiles: e.analyse(spec, in.Facts, old.Parent), Key: key})
	}
	return state.Answer{ID: old.ID, Revision: old.Revision, Action: "updated"}
}

// create accepts a new workload; parent is the scheduled job that it is a run of.
func (e *Engine) create(in *Submit, key string, parent uint64) state.Answer {
	spec, id := in.Workload, e.st.NextID
	ev := &state.WorkloadSubmitted{
		ID: id, Spec: spec, Principal: in.Principal, Key: key, Parent: parent, Profiles: e.analyse(spec, in.Facts, parent),
	}
	if spec.Schedule != nil {
		ev.NextRun, _ = nextRun(spec.Schedule, e.st.Now) // it was tried before
	}
	e.emit(ev)
	return state.Answer{ID: id, Revision: 1, Action: "created"}
}

func (e *Engine) analyse(spec *api.Workload, facts []Fact, parent uint64) []api.Profile {
	out := make([]api.Profile, len(spec.Tasks))
	for i := range out {
		var f Fact
		if i < len(facts) {
			f = facts[i]
		}
		out[i] = profile.Analyse(spec, i, e.st.Past(spec, parent, i), profile.Facts{
			Artifact: f.Program, Inputs: f.Inputs, Imports: f.Imports, MemoryPages: uint32(f.Memory >> 16),
		})
	}
	return out
}

// revise gives a workload the revision that is in ev.
func (e *Engine) revise(w *state.Workload, ev *state.WorkloadRevised) {
	ev.ID = w.ID
	if ev.Spec.Schedule != nil {
		ev.NextRun, _ = nextRun(ev.Spec.Schedule, e.st.Now) // it was tried before
	}
	e.emit(ev)
}

// scaledOnly reports whether two specifications differ only in what needs no new
// elements.
func scaledOnly(a, b *api.Workload) bool {
	return a.Schedule == nil && b.Schedule == nil && sameWork(a, b)
}

// sameWork compares specifications but for what needs no new elements.
func sameWork(a, b *api.Workload) bool {
	c := *a
	keepScale(&c, b)
	return same(c, *b)
}

// keepScale gives a specification what another says that needs no revision.
func keepScale(to, from *api.Workload) {
	to.Replicas, to.Update, to.Priority, to.Labels = from.Replicas, from.Update, from.Priority, from.Labels
	to.Scale, to.Resize = from.Scale, from.Resize
}

// meant is the workload that a command is about: the one of a number, or else of a name.
// nil goes with what to answer.
func (e *Engine) meant(tenant, name string, id uint64) (*state.Workload, state.Answer) {
	w := e.st.Named(tenant, name)
	if id != 0 {
		w, name = e.st.Workloads[id], "#"+strconv.FormatUint(id, 10)
	}
	if w == nil || w.Spec.Tenant != tenant {
		return nil, refuse(state.CodeNotFound, "there is no workload %s of tenant %s", name, tenant)
	}
	return w, state.Answer{}
}

func (e *Engine) cancel(in *Cancel, key string) state.Answer {
	w, missing := e.meant(in.Tenant, in.Name, in.ID)
	if w == nil {
		return missing
	}
	if w.Status.Final() || w.Stopping {
		return state.Answer{ID: w.ID, Revision: w.Revision, Action: "unchanged"}
	}
	reason := "cancelled"
	if in.Principal != "" {
		reason += " by " + in.Principal
	}
	e.emit(&state.WorkloadStopping{ID: w.ID, Final: api.WorkloadCancelled, Reason: clip(reason), Key: key})
	return state.Answer{ID: w.ID, Revision: w.Revision, Action: "cancelled"}
}

func (e *Engine) rollback(in *Rollback, key string) state.Answer {
	w, missing := e.meant(in.Tenant, in.Name, 0)
	switch {
	case w == nil:
		return missing
	case w.Status.Final() || w.Stopping:
		return refuse(state.CodeConflict, "%s has ended", in.Name)
	}
	past := pastRevision(w, in.Revision)
	if past == nil {
		return refuse(state.CodeNotFound, "%s has no earlier revision to go back to; revisions %s are kept", in.Name, keptRevisions(w))
	}
	if e.size > 0 && e.size+submitSize(past.Spec) > e.limits.direct {
		return refuse(state.CodeBusy, "too much was changed at once; try again")
	}
	e.rollBack(w, past, "rolled back to revision "+revision(past.Number), key)
	return state.Answer{ID: w.ID, Revision: w.Revision, Action: "updated"}
}

// pastRevision finds the revision to go back to: the one with a number, or for 0
// the last one that became healthy, and else the last one that differs.
func pastRevision(w *state.Workload, number uint32) *state.Revision {
	var differs *state.Revision
	for i := len(w.Past) - 1; i >= 0; i-- {
		r := &w.Past[i]
		switch {
		case number != 0 && r.Number == number:
			return r
		case number != 0 || sameWork(r.Spec, w.Spec):
		case r.Number == w.Stable || r.Stable:
			return r
		case differs == nil && !r.Bad:
			differs = r
		}
	}
	return differs
}

// rollBack makes an earlier revision's work the present one's again. What needs
// no revision (replicas and their scale, priority, bounds of updates) stays as it is.
func (e *Engine) rollBack(w *state.Workload, to *state.Revision, reason, key string) {
	spec := *to.Spec
	keepScale(&spec, w.Spec)
	e.revise(w, &state.WorkloadRevised{Spec: &spec, Profiles: to.Profiles, Key: key, Back: to.Number, Reason: clip(reason)})
}

func keptRevisions(w *state.Workload) string {
	if len(w.Past) == 0 {
		return "none"
	}
	return strconv.Itoa(int(w.Past[0].Number)) + " to " + strconv.Itoa(int(w.Revision))
}

func (e *Engine) putSite(in *PutSite, key string) state.Answer {
	if old := e.st.Sites[in.Site.Name]; old != nil && same(*old, in.Site) {
		return state.Answer{Action: "unchanged"}
	}
	e.emit(&state.SitePut{Site: in.Site, Key: key})
	return state.Answer{Action: "updated"}
}

func (e *Engine) settings(in *PutSettings, key string) state.Answer {
	s := e.st.Settings
	if in.RetainFor > 0 {
		s.RetainFor = min(in.RetainFor, api.MaxDuration)
	}
	if in.RetainMax > 0 {
		s.RetainMax = in.RetainMax
	}
	if in.Lease > 0 {
		s.Lease = min(in.Lease, api.MaxDuration)
	}
	if in.Home != "" {
		s.Home = in.Home
	}
	if in.Strategy != "" {
		if !e.index.Knows(in.Strategy) {
			return e.unknownStrategy(in.Strategy)
		}
		if in.Stages == nil {
			s.Strategy = in.Strategy
		}
	}
	if in.Probation != nil {
		if a := e.mayTry(in); a.Code != state.CodeOK {
			return a
		}
	}
	if in.Stages != nil {
		if a := e.mayRollOut(in); a.Code != state.CodeOK {
			return a
		}
	}
	ends := in.Strategy != "" && e.st.InRollout() != nil
	if s == e.st.Settings && in.Stages == nil && !ends {
		return state.Answer{Action: "unchanged"}
	}
	if ends {
		e.replaceRollout(in.Strategy)
	}
	e.strategySet(s.Strategy)
	e.emit(&state.SettingsChanged{Settings: s, Key: key})
	switch {
	case in.Stages != nil:
		e.emit(&state.RolloutBegun{To: in.Strategy, Asked: *in.Probation, Stages: *in.Stages})
	case in.Probation != nil:
		e.emit(&state.ProbationBegun{To: s.Strategy, Asked: *in.Probation})
	}
	return state.Answer{Action: "updated"}
}
