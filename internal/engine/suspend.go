package engine

import (
	"cmp"
	"slices"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Suspending: its owner, and the operator of the cell, may have elements of a job stand
// still for a while. Which do stands in the state, with when it is over, so that whoever
// asked for it need not come back. It is part of what nodes are told, as the pauses of
// time-slicing are: an element stands still while any of the three wishes it.

// Suspend has elements of the newest job of a name, or of the one with the number ID,
// stand still, or (Off) go on. Without Elements it is about all.
type Suspend struct {
	Caller   `cbor:"1,keyasint"`
	Tenant   string         `cbor:"2,keyasint"`
	Name     string         `cbor:"3,keyasint,omitempty"`
	ID       uint64         `cbor:"4,keyasint,omitempty"`
	Elements []api.Elements `cbor:"5,keyasint,omitempty"`
	For      api.Duration   `cbor:"6,keyasint,omitempty"`
	Reason   string         `cbor:"7,keyasint,omitempty"`
	Operator bool           `cbor:"8,keyasint,omitempty"` // see api.SuspendRequest
	Off      bool           `cbor:"9,keyasint,omitempty"`
}

// InputKind implements Input.
func (*Suspend) InputKind() InputKind { return InputSuspend }

// mostStands is how often one attempt may have stood still for its owner: so many
// stretches are remembered, and paid for.
const mostStands = state.MaxStills - 4

// suspend carries the command out, on all that it names or on nothing.
func (e *Engine) suspend(in *Suspend) state.Answer {
	w, missing := e.meant(in.Tenant, in.Name, in.ID)
	if w == nil {
		return missing
	}
	if why := notSuspended(w); why != "" {
		return refuse(state.CodeConflict, "%s %s", w.Spec.Name, why)
	}
	spans, why := spansOf(w, in.Elements)
	if why != "" {
		return refuse(state.CodeNotFound, "%s", why)
	}
	if in.Off {
		return e.resume(w, spans, in.Operator)
	}
	if in.For < api.MinSuspension || in.For > api.MaxSuspension {
		return refuse(state.CodeInvalid, "a task is suspended for %s to %s, not for %s", api.MinSuspension, api.MaxSuspension, in.For)
	}
	s := &api.Suspension{Since: e.st.Now, Until: e.st.Now.Add(in.For), By: clip(in.Principal), Reason: clipTo(in.Reason, api.MaxWhy), Operator: in.Operator}
	open := 0
	for i := range spans {
		n, why := e.maySuspend(w, &spans[i], s)
		if why != "" {
			return refuse(state.CodeConflict, "%s", why)
		}
		open += n
	}
	if open == 0 {
		return refuse(state.CodeConflict, "%s cannot be suspended: what was named of it has ended", w.Spec.Name)
	}
	for _, v := range spans {
		e.emit(&state.SuspensionPut{Workload: w.ID, Task: v.task, From: v.from, To: v.to, Suspension: s})
	}
	return state.Answer{ID: w.ID, Revision: w.Revision, Action: "suspended"}
}

// resume lifts the suspensions of the operator or of the owner.
func (e *Engine) resume(w *state.Workload, spans []span, operator bool) state.Answer {
	a := state.Answer{ID: w.ID, Revision: w.Revision, Action: "unchanged"}
	for _, v := range spans {
		if slices.ContainsFunc(v.of(w), func(t *state.Task) bool { return t.Suspension.Of(operator) != nil }) {
			e.emit(&state.SuspensionPut{Workload: w.ID, Task: v.task, From: v.from, To: v.to, Operator: operator})
			a.Action = "resumed"
		}
	}
	return a
}

// notSuspended says why nothing of a workload is suspended, or goes on; "" when it may.
func notSuspended(w *state.Workload) string {
	switch {
	case w.Spec.Kind != api.KindJob:
		return "is a " + string(w.Spec.Kind) + ": only jobs are suspended"
	case w.Spec.Schedule != nil && w.Parent == 0:
		return "is a schedule: suspend its runs, each by its number"
	case w.Status.Final():
		return "has ended"
	case w.Stopping:
		return "is being stopped"
	case w.Away():
		return "was handed over to cell " + w.Handover.Cell + ": suspend it there"
	}
	return ""
}

// span is some elements of a task.
type span struct {
	task     uint16
	from, to uint32
}

// of are the elements.
func (v span) of(w *state.Workload) []*state.Task {
	tasks := w.Groups[v.task].Tasks // of a job: element i stands at i
	return tasks[min(int(v.from), len(tasks)):min(int(v.to), len(tasks))]
}

// spansOf finds the elements that a command names.
func spansOf(w *state.Workload, list []api.Elements) (out []span, why string) {
	if len(list) == 0 {
		for i := range w.Groups {
			out = append(out, span{uint16(i), 0, w.Groups[i].Next})
		}
		return out, ""
	}
	for _, l := range list[:min(len(list), api.MaxElements)] {
		i := slices.IndexFunc(w.Spec.Tasks, func(t api.Task) bool { return t.Name == l.Task })
		if i < 0 || i >= len(w.Groups) {
			return nil, "workload " + w.Spec.Name + " has no task " + strconv.Quote(clipTo(l.Task, maxName))
		}
		has := w.Groups[i].Next
		if l.Count == 0 {
			l.Count = has
		}
		if l.From >= has {
			return nil, "task " + l.Task + " of workload " + w.Spec.Name + " has no element " + strconv.FormatUint(uint64(l.From), 10) + ": it has " + strconv.FormatUint(uint64(has), 10)
		}
		out = append(out, span{uint16(i), l.From, l.From + min(l.Count, has-l.From)})
	}
	return merged(out), ""
}

// merged are spans in order, what is named twice once.
func merged(list []span) (out []span) {
	slices.SortFunc(list, func(a, b span) int { return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.from, b.from)) })
	for _, v := range list {
		if n := len(out); n > 0 && out[n-1].task == v.task && v.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, v.to)
			continue
		}
		out = append(out, v)
	}
	return out
}

// maySuspend counts the elements of a span that have not ended, or says why one of them
// cannot stand still for so long.
func (e *Engine) maySuspend(w *state.Workload, v *span, s *api.Suspension) (open int, why string) {
	var after api.Duration
	for _, t := range v.of(w) {
		if t.Status.Final() {
			continue
		}
		if open++; open == 1 {
			if why := cannotHold(w, v.task); why != "" {
				return 0, w.Spec.Name + " cannot be suspended: task " + w.Spec.Tasks[v.task].Name + " " + why
			}
			after = behind(w)[v.task]
		}
		switch until := e.standsUntil(w, t, after); {
		case until < e.st.Now:
			return 0, w.NameOf(t) + " cannot be suspended: its deadline leaves no time for that, as far as it is known how long it runs"
		case until < s.Until:
			return 0, w.NameOf(t) + " cannot be suspended for " + s.Until.Sub(s.Since).String() + ": its deadline leaves " + (until.Sub(e.st.Now) / api.Second * api.Second).String()
		}
		if !s.Operator && ownStands(t) >= mostStands {
			return 0, w.NameOf(t) + " was suspended " + strconv.Itoa(mostStands) + " times already, and is not again"
		}
	}
	return open, ""
}

func ownStands(t *state.Task) (n int) {
	for _, s := range t.Stills.All() {
		if s.Owner {
			n++
		}
	}
	return n
}

// standsUntil is until when an element may stand still and end within its deadline, by the
// upper quantiles of what is left of it and of what comes after, a twentieth of the time
// being spared. Without a deadline it is as long as one suspension may be; where it is not
// known how long it runs, never.
func (e *Engine) standsUntil(w *state.Workload, t *state.Task, after api.Duration) api.Time {
	due := e.dueOf(w)
	if due == 0 {
		return e.st.Now.Add(api.MaxSuspension)
	}
	p := &w.Profiles[t.Ref.Task]
	if p.Samples == 0 && w.SpecOf(t).Duration == 0 {
		return 0
	}
	takes, ran := p.Run, api.Duration(0)
	if t.Status.Holds() {
		takes = e.index.RunOn(t.Node, &sched.Ask{Task: w.SpecOf(t), Profile: p})
	}
	if t.Status.Holds() && t.Started != 0 {
		ran = max(e.st.Now.Sub(t.Started)-t.StoodBy(e.st.Now), 0)
	}
	_, left := goesOn(takes, ran, p)
	return due.Add(-left - after - due.Sub(e.st.Now)/20)
}

// remindOfSuspension sets the timer of a task to a moment, if none is set to an earlier one.
// There is one at a time, so that whoever suspends and resumes for days leaves no heap of them.
func (e *Engine) remindOfSuspension(ref api.TaskRef, at api.Time) {
	if set, known := e.resumes[ref]; e.follower || known && set <= at {
		return
	}
	if e.resumes == nil {
		e.resumes = map[api.TaskRef]api.Time{}
	}
	e.resumes[ref] = at
	e.timers.add(timer{at: at, kind: timerSuspension, ref: ref})
}

// suspensionTimer reminds of when the next suspension of a task ends.
func (e *Engine) suspensionTimer(w *state.Workload, task int) {
	next := api.Time(0)
	for _, t := range w.Groups[task].Tasks {
		for _, operator := range [...]bool{false, true} {
			if s := t.Suspension.Of(operator); s != nil && (next == 0 || s.Until < next) {
				next = s.Until
			}
		}
	}
	if next != 0 {
		e.remindOfSuspension(api.TaskRef{Workload: w.ID, Task: uint16(task)}, next)
	}
}

// suspensionEnds lets the elements of a task go on whose time has come.
func (e *Engine) suspensionEnds(v *timer) {
	if e.resumes[v.ref] != v.at {
		return // another was set meanwhile
	}
	delete(e.resumes, v.ref)
	w := e.st.Workloads[v.ref.Workload]
	if w == nil || w.Status.Final() || int(v.ref.Task) >= len(w.Groups) {
		return
	}
	ends := func(t *state.Task) bool {
		return slices.ContainsFunc(t.Suspension.All(), func(s api.Suspension) bool { return s.Until <= v.at })
	}
	tasks := w.Groups[v.ref.Task].Tasks
	if first := slices.IndexFunc(tasks, ends); first >= 0 {
		last := len(tasks) - 1
		for !ends(tasks[last]) {
			last--
		}
		e.emit(&state.SuspensionPut{Workload: w.ID, Task: v.ref.Task, From: tasks[first].Ref.Index, To: tasks[last].Ref.Index + 1, Due: v.at})
	}
	e.suspensionTimer(w, int(v.ref.Task))
}

// suspended brings indexes in step with which elements are suspended.
func (e *Engine) suspended(ev *state.SuspensionPut) {
	w := e.st.Workloads[ev.Workload]
	if w == nil || int(ev.Task) >= len(w.Groups) {
		return
	}
	for _, t := range (span{ev.Task, ev.From, ev.To}).of(w) {
		if t.Status == api.TaskPending {
			e.sync(w, t)
		}
		if t.Status.Holds() {
			e.heldAnew(t.Ref)
		}
	}
	e.touchWorkload(w.ID) // what goes on may be for another cell
	if ev.Suspension != nil {
		e.remindOfSuspension(api.TaskRef{Workload: ev.Workload, Task: ev.Task}, ev.Suspension.Until)
	}
}

// SuspensionText says in a phrase what became of some elements.
func SuspensionText(ev *state.SuspensionPut, now api.Time) string {
	switch {
	case ev.Suspension != nil:
		return ev.Suspension.Text(now)
	case ev.Due != 0:
		return "suspended no longer: its time is over"
	}
	return "suspended no longer"
}

// suspendable is until when an element that holds a place may be suspended; 0: it cannot.
func (v *Views) suspendable(w *state.Workload, t *state.Task) api.Time {
	if !t.Status.Holds() || t.Stop != state.StopNothing || notSuspended(w) != "" || !canHold(w, t.Ref.Task) {
		return 0
	}
	var after api.Duration
	if w.Spec.Deadline > 0 {
		if v.behind[w.ID] == nil {
			v.behind = map[uint64][]api.Duration{w.ID: behind(w)} // readers mostly look at one
		}
		after = v.behind[w.ID][t.Ref.Task]
	}
	return max(v.e.standsUntil(w, t, after), 0)
}

// stillOn is the CPU that a node has promised to tasks that stand still.
func (e *Engine) stillOn(n *state.Node) (sum api.Resources) {
	for _, t := range n.SortedHeld() {
		if t.Status == api.TaskSuspended {
			r := &e.st.Workloads[t.Ref.Workload].SpecOf(t).Resources
			sum.CPU += r.CPU
			sum.Accelerators = append(sum.Accelerators, r.Accelerators...)
		}
	}
	return sum
}
