package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// accept takes an offer of the parent up, once, or refuses it, once. The answer
// that the parent gets is made from what stands here.
func (e *Engine) accept(in *Accept) {
	if w := e.st.Taken(in.ID); w != nil {
		e.takeUp(w, in)
		return
	}
	if e.st.Declined[in.ID.Key()] != nil {
		return
	}
	if why := e.whyNot(in.Workload); why != "" {
		e.decline(in.ID, why)
		return
	}
	if e.size > 0 && e.size+submitSize(in.Workload) > e.limits.direct {
		return // the parent's set still has it: next time
	}
	e.emit(&state.WorkloadSubmitted{
		ID: e.st.NextID, Spec: in.Workload, Principal: clipTo("cell "+in.ID.Cell, maxName), Profiles: e.analyse(in.Workload, in.Facts, 0),
		Origin: &state.Origin{ID: in.ID, Asked: in.Asked},
	})
}

// takeUp gives an accepted workload the specification that its parent wishes now.
func (e *Engine) takeUp(w *state.Workload, in *Accept) {
	spec := in.Workload
	if in.Asked <= w.Origin.Asked || w.Stopping || w.Status.Final() || e.size > 0 && e.size+submitSize(spec) > e.limits.direct {
		return
	}
	switch {
	case unsound(spec) != "" || spec.Kind != w.Spec.Kind || spec.Kind == api.KindJob:
		e.emit(&state.WorkloadRescaled{ID: w.ID, Spec: w.Spec, Asked: in.Asked}) // cannot be had: it stays as it is
	case scaledOnly(w.Spec, spec):
		e.emit(&state.WorkloadRescaled{ID: w.ID, Spec: spec, Asked: in.Asked})
	default:
		e.revise(w, &state.WorkloadRevised{Spec: spec, Profiles: e.analyse(spec, in.Facts, w.Parent), Asked: in.Asked})
	}
}

// whyNot says why a parent's workload cannot be taken, "" when it can. One that
// does not fit now is taken: it waits here.
func (e *Engine) whyNot(spec *api.Workload) string {
	if fault := unsound(spec); fault != "" {
		return "it is not sound: " + fault
	}
	if spec.Schedule != nil || spec.Kind == api.KindSystem {
		return "schedules and system workloads stay with their cell"
	}
	if old := e.st.Named(spec.Tenant, spec.Name); old != nil && !old.Status.Final() {
		return "another " + string(old.Spec.Kind) + " of the name " + spec.Name + " has not ended there"
	}
	for i := range spec.Tasks {
		if !e.suited(&spec.Tasks[i]) {
			return "no node there meets what task " + spec.Tasks[i].Name + " requires, or is large enough"
		}
	}
	return ""
}

func (e *Engine) suited(t *api.Task) bool {
	for name := range e.st.Nodes { // order-free: whether there is any
		if e.index.Suits(name, t) {
			return true
		}
	}
	return false
}

// decline refuses an offer for ever, unless it was answered before. When there
// are too many refusals that no parent has recorded, it is not answered yet.
func (e *Engine) decline(id api.HandoverID, reason string) {
	if e.st.Taken(id) != nil || e.st.Declined[id.Key()] != nil || len(e.st.Declined) >= state.MaxDeclined {
		return
	}
	e.emit(&state.HandoverDeclined{ID: id, Reason: clip(reason)})
}

// settleOrigins lets go of what the parent has recorded the end of.
func (e *Engine) settleOrigins(ids []api.HandoverID) {
	ev := &state.HandoverSettled{}
	for _, id := range ids {
		w := e.st.Taken(id)
		if w != nil && !w.Origin.Settled || e.st.Declined[id.Key()] != nil {
			ev.IDs = append(ev.IDs, id)
		}
	}
	if len(ev.IDs) > 0 {
		e.emit(ev)
	}
}

// kept reports whether a finished workload must stay until the parent that it
// came from has recorded its end.
func kept(w *state.Workload) bool { return w != nil && w.Origin != nil && !w.Origin.Settled }

// Standing is what a child reports about a workload of its parent's, read at
// record n of the child's journal, without the ends of elements.
func Standing(w *state.Workload, n uint64) api.HandoverReport {
	v := api.WorkloadView{Counts: w.Counts, Reason: w.Reason}
	abroad(w, &v)
	return api.HandoverReport{
		ID: w.Origin.ID, N: n, Status: statusOf(w), Reason: clip(v.Reason), Revision: w.Revision,
		Asked: w.Origin.Asked, Healthy: healthyOf(w), Counts: v.Counts,
	}
}

// Endings lists the ends of a job's elements but for those that skip names, until
// they take about room bytes, which are taken off it; equal ones without a result
// are one range. more says that some were left out.
func Endings(w *state.Workload, skip func(api.TaskRef) bool, room *int) (out []api.HandoverElement, more bool) {
	if w.Spec.Kind != api.KindJob {
		return nil, false
	}
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if !t.Status.Final() || skip(t.Ref) {
				continue
			}
			el := ending(t)
			if n := len(out); n > 0 && joins(&out[n-1], &el) {
				out[n-1].To++
				continue
			}
			if *room -= elementSize(&el); *room < 0 && len(out) > 0 {
				return out, true
			}
			out = append(out, el)
		}
	}
	return out, false
}

func ending(t *state.Task) api.HandoverElement {
	return api.HandoverElement{
		Task: t.Ref.Task, From: t.Ref.Index, To: t.Ref.Index + 1, Status: t.Status,
		Node: t.Node, Try: t.Try, Result: t.Result, Reason: t.Reason,
	}
}

func joins(a, b *api.HandoverElement) bool {
	return a.Result == nil && b.Result == nil && a.To == b.From && a.Task == b.Task && a.Status == b.Status &&
		a.Node == b.Node && a.Try == b.Try && a.Reason == b.Reason
}

func elementSize(el *api.HandoverElement) int {
	return smallSize + len(el.Node) + len(el.Reason) + resultSize(el.Result)
}
