package engine

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"drover.dev/api"
	"drover.dev/api/cron"
	"drover.dev/internal/profile"
	"drover.dev/internal/state"
)

// input folds one input in and returns its answer; only commands have one.
func (e *Engine) input(in Input) state.Answer {
	switch v := in.(type) {
	case *Lead:
		e.emit(&state.LeaderStarted{Epoch: v.Epoch, Server: v.Server})
	case *Register:
		e.register(v.Node)
	case *Silent:
		e.silent(v.Node)
	case *Back:
		if n := e.st.Nodes[v.Node]; n != nil && n.Silent {
			e.emit(&state.NodeBack{Node: v.Node})
		}
	case *Reports:
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
	case *RemoveNode:
		return e.once(v.Caller, func(key string) state.Answer { return e.removeNode(v, key) })
	case *PutSite:
		return e.once(v.Caller, func(key string) state.Answer { return e.putSite(v, key) })
	case *PutSettings:
		return e.once(v.Caller, func(key string) state.Answer { return e.settings(v, key) })
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
	events := len(e.out.Events)
	a := do(key)
	if key == "" {
		return a
	}
	if _, known := e.st.Keys[key]; !known && len(e.out.Events) == events {
		e.emit(&state.Answered{Key: key, Answer: a})
	}
	return a
}

func refuse(code state.Code, format string, args ...any) state.Answer {
	return state.Answer{Code: code, Message: fmt.Sprintf(format, args...)}
}

// MaxGang is how many elements a gang may have: their placements are one batch.
const MaxGang = 1000

func (e *Engine) submit(in *Submit, key string) state.Answer {
	spec := in.Workload
	if spec == nil || len(spec.Tasks) == 0 {
		return refuse(state.CodeInvalid, "the workload has no tasks")
	}
	if spec.Gang {
		for i := range spec.Tasks {
			if spec.Tasks[i].Count > MaxGang {
				return refuse(state.CodeInvalid, "task %s: a gang has at most %d elements", spec.Tasks[i].Name, MaxGang)
			}
		}
	}
	old := e.st.Named(spec.Tenant, spec.Name)
	if old == nil || old.Status.Final() {
		return e.create(in, key, 0)
	}
	switch {
	case reflect.DeepEqual(old.Spec, spec):
		return state.Answer{ID: old.ID, Revision: old.Revision, Action: "unchanged"}
	case old.Stopping:
		return refuse(state.CodeConflict, "%s %s is being stopped; wait until it has ended", old.Spec.Kind, spec.Name)
	case old.Spec.Kind != spec.Kind:
		return refuse(state.CodeConflict, "%s is a running %s; cancel it first or choose another name", spec.Name, old.Spec.Kind)
	case spec.Kind == api.KindJob && (old.Spec.Schedule == nil || spec.Schedule == nil):
		return refuse(state.CodeConflict, "job %s has not ended; cancel it first or choose another name", spec.Name)
	case scaledOnly(old.Spec, spec):
		e.emit(&state.WorkloadRescaled{ID: old.ID, Spec: spec, Key: key})
	default:
		e.revise(old, spec, in.Facts, 0, "", key)
	}
	return state.Answer{ID: old.ID, Revision: old.Revision, Action: "updated"}
}

// create accepts a new workload; parent is the scheduled job that it is a run of.
func (e *Engine) create(in *Submit, key string, parent uint64) state.Answer {
	spec, id := in.Workload, e.st.NextID
	ev := &state.WorkloadSubmitted{
		ID: id, Spec: spec, Principal: in.Principal, Key: key, Parent: parent, Profiles: e.analyse(spec, in.Facts, parent),
	}
	if spec.Schedule != nil && parent == 0 {
		next, err := nextRun(spec.Schedule, e.st.Now)
		if err != nil {
			return refuse(state.CodeInvalid, "schedule: %v", err)
		}
		ev.NextRun = next
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

func (e *Engine) revise(w *state.Workload, spec *api.Workload, facts []Fact, back uint32, reason, key string) {
	ev := &state.WorkloadRevised{
		ID: w.ID, Spec: spec, Profiles: e.analyse(spec, facts, w.Parent), Key: key, Back: back, Reason: reason,
	}
	if spec.Schedule != nil {
		ev.NextRun, _ = nextRun(spec.Schedule, e.st.Now) // validated before
	}
	e.emit(ev)
}

// nextRun returns the first time of a schedule after now; 0 when there is none.
func nextRun(s *api.Schedule, now api.Time) (api.Time, error) {
	expr, err := cron.Parse(s.Cron)
	if err != nil {
		return 0, err
	}
	zone, err := cron.Zone(s.Zone)
	if err != nil {
		return 0, err
	}
	next, ok := expr.Next(time.Unix(0, int64(now)), zone)
	if !ok {
		return 0, fmt.Errorf("%q never comes", s.Cron)
	}
	return api.Time(next.UnixNano()), nil
}

// scaledOnly reports whether two specifications differ only in what needs no new
// elements.
func scaledOnly(a, b *api.Workload) bool {
	c, d := *a, *b
	c.Replicas, c.Update, c.Priority, c.Labels, c.Schedule = d.Replicas, d.Update, d.Priority, d.Labels, d.Schedule
	return a.Schedule == nil && b.Schedule == nil && reflect.DeepEqual(&c, &d)
}

func (e *Engine) cancel(in *Cancel, key string) state.Answer {
	w := e.st.Named(in.Tenant, in.Name)
	name := in.Name
	if in.ID != 0 {
		w, name = e.st.Workloads[in.ID], "#"+strconv.FormatUint(in.ID, 10)
	}
	if w == nil || w.Spec.Tenant != in.Tenant {
		return refuse(state.CodeNotFound, "there is no workload %s of tenant %s", name, in.Tenant)
	}
	if w.Status.Final() || w.Stopping {
		return state.Answer{ID: w.ID, Revision: w.Revision, Action: "unchanged"}
	}
	reason := "cancelled"
	if in.Principal != "" {
		reason += " by " + in.Principal
	}
	e.emit(&state.WorkloadStopping{ID: w.ID, Final: api.WorkloadCancelled, Reason: reason, Key: key})
	for _, id := range w.Runs {
		if r := e.st.Workloads[id]; r != nil && !r.Status.Final() && !r.Stopping {
			e.emit(&state.WorkloadStopping{ID: id, Final: api.WorkloadCancelled, Reason: reason})
		}
	}
	return state.Answer{ID: w.ID, Revision: w.Revision, Action: "cancelled"}
}

func (e *Engine) rollback(in *Rollback, key string) state.Answer {
	w := e.st.Named(in.Tenant, in.Name)
	switch {
	case w == nil:
		return refuse(state.CodeNotFound, "there is no workload %s of tenant %s", in.Name, in.Tenant)
	case w.Status.Final() || w.Stopping:
		return refuse(state.CodeConflict, "%s has ended", in.Name)
	}
	want := in.Revision
	if want == 0 {
		if want = w.Stable; want == w.Revision || want == 0 {
			want = w.Revision - 1
		}
	}
	for i := len(w.Past) - 1; i >= 0; i-- {
		if w.Past[i].Number == want {
			e.revise(w, w.Past[i].Spec, nil, want, "rolled back to revision "+strconv.Itoa(int(want)), key)
			return state.Answer{ID: w.ID, Revision: w.Revision, Action: "updated"}
		}
	}
	return refuse(state.CodeNotFound, "%s has no earlier revision %d; revisions %s are kept", in.Name, want, keptRevisions(w))
}

func keptRevisions(w *state.Workload) string {
	if len(w.Past) == 0 {
		return "none"
	}
	return strconv.Itoa(int(w.Past[0].Number)) + " to " + strconv.Itoa(int(w.Revision))
}

func (e *Engine) putSite(in *PutSite, key string) state.Answer {
	if old := e.st.Sites[in.Site.Name]; old != nil && reflect.DeepEqual(*old, in.Site) {
		return state.Answer{Action: "unchanged"}
	}
	e.emit(&state.SitePut{Site: in.Site, Key: key})
	return state.Answer{Action: "updated"}
}

func (e *Engine) settings(in *PutSettings, key string) state.Answer {
	s := e.st.Settings
	if in.RetainFor > 0 {
		s.RetainFor = in.RetainFor
	}
	if in.RetainMax > 0 {
		s.RetainMax = in.RetainMax
	}
	if in.Lease > 0 {
		s.Lease = in.Lease
	}
	if in.Home != "" {
		s.Home = in.Home
	}
	if s == e.st.Settings {
		return state.Answer{Action: "unchanged"}
	}
	e.emit(&state.SettingsChanged{Settings: s, Key: key})
	return state.Answer{Action: "updated"}
}
