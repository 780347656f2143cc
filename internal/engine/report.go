package engine

import (
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Concerns tells whether a report of a node can change anything here. It cannot
// when it is about an attempt that the node was never given, or is no longer
// waited for, or when it was seen before: reports are resent until they are
// acknowledged.
func (e *Engine) Concerns(node string, r *api.Report) bool {
	_, t := e.st.Task(r.TaskRef)
	switch {
	case t == nil || r.Try == 0 || r.N == 0:
		return false
	case r.Try == t.Try && t.Node == node && t.Status.Holds():
		return r.N > t.Reported || r.Kind == api.ReportEnded
	case r.Kind != api.ReportEnded || r.Result == nil:
		return false
	}
	return r.Try == t.LostTry && t.LostNode == node || r.Try == t.Try && t.Node == node && r.N > t.Reported
}

// report folds one report of an agent in.
func (e *Engine) report(node string, r *api.Report) {
	if !e.Concerns(node, r) {
		return
	}
	w, t := e.st.Task(r.TaskRef)
	if r.Try != t.Try || t.Node != node || !t.Status.Holds() {
		e.late(node, w, t, r)
		return
	}
	switch r.Kind {
	case api.ReportStarted:
		if t.Status == api.TaskPlaced {
			e.emit(&state.TaskStarted{Attempt: r.Attempt, N: r.N, Ports: ports(w.SpecOf(t), r.Ports), PID: r.PID})
			e.turn(w, t)
		}
	case api.ReportHealthy:
		if t.Status == api.TaskRunning && !t.Healthy {
			e.emit(&state.TaskHealth{Attempt: r.Attempt, N: r.N, Healthy: true})
		}
	case api.ReportUnhealthy:
		e.unhealthy(w, t, r)
	case api.ReportSuspended:
		if t.Status == api.TaskRunning {
			e.emit(&state.TaskSuspended{Attempt: r.Attempt, N: r.N})
		}
	case api.ReportResumed:
		if t.Status == api.TaskSuspended {
			e.emit(&state.TaskSuspended{Attempt: r.Attempt, N: r.N, Resumed: true})
		}
	case api.ReportEnded:
		if r.Result != nil {
			e.ended(w, t, r)
		}
	}
}

// late handles a report about an attempt that the cell no longer waits for. A
// success of an attempt that was given up with its node still counts, unless the
// task has ended: the first final report wins.
func (e *Engine) late(node string, w *state.Workload, t *state.Task, r *api.Report) {
	known := r.Try == t.LostTry && t.LostNode == node
	mine := !known && r.Try == t.Try && t.Node == node && r.N > t.Reported
	switch {
	case known && !t.Status.Final() && r.Result.Outcome == api.OutcomeSucceeded && w.Spec.Kind == api.KindJob:
		ev := &state.TaskEnded{
			Attempt: r.Attempt, N: r.N, Result: trim(w.SpecOf(t), r.Result), Next: api.TaskSucceeded, Fails: t.Fails, Losses: t.Losses,
			Reason: "reported by node " + node + " after it had been given up", Machine: e.machineAt(node, w.SpecOf(t)),
		}
		ev.Took, ev.Generated = e.took(&sched.Ended{Node: node, Task: w.SpecOf(t), Result: r.Result}, w.Submitted)
		if n, now := e.st.Nodes[node], e.st.Nodes[t.Node]; n != nil && (now == nil || now.Site != n.Site) {
			ev.Site = n.Site
		}
		e.emit(ev)
	case known && t.Status.Final() || mine:
		e.emit(&state.ReportDuplicate{Attempt: r.Attempt, N: r.N, Outcome: r.Result.Outcome})
	}
}

func (e *Engine) unhealthy(w *state.Workload, t *state.Task, r *api.Report) {
	if t.Status != api.TaskRunning {
		return
	}
	e.emit(&state.TaskHealth{Attempt: r.Attempt, N: r.N, Detail: clip(r.Detail)})
	if t.Stop == state.StopNothing {
		e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopRestart, Reason: clip("check failed: " + r.Detail)})
	}
}

// ended decides what follows from the end of an attempt.
func (e *Engine) ended(w *state.Workload, t *state.Task, r *api.Report) {
	ev := &state.TaskEnded{Attempt: r.Attempt, N: r.N, Result: trim(w.SpecOf(t), r.Result), Fails: t.Fails, Losses: t.Losses}
	ev.Reason = reasonOf(ev.Result)
	ev.Took, ev.Generated = e.took(&sched.Ended{
		Node: t.Node, Task: w.SpecOf(t), Result: ev.Result, Kept: t.StoodFor(e.st.Now), Still: e.stillOf(t),
	}, t.Placed)
	out := r.Result.Outcome
	switch {
	case out == api.OutcomeSucceeded && w.Spec.Kind == api.KindJob:
		ev.Next, ev.Reason, ev.Machine = api.TaskSucceeded, "", e.machineOf(w, t)
	case t.Stop == state.StopCancel || w.Stopping:
		ev.Next, ev.Reason = api.TaskCancelled, w.Reason
	case t.Stop == state.StopRemove:
		ev.Next, ev.Remove, ev.Reason = api.TaskCancelled, true, t.Reason
	case t.Stop == state.StopMove:
		ev.Next, ev.Reason = api.TaskPending, t.Reason
	case leaseEnded(w, t, r.Result):
		e.again(w, t, ev, 0) // that the cell was away is not held against it, however often
	case (out == api.OutcomeLost || out == api.OutcomeStopped && t.Stop == state.StopNothing) && t.Losses < freeLosses:
		ev.Losses++ // its worker vanished, or its agent stopped it for its own reasons
		e.again(w, t, ev, 0)
	default:
		if t.Stop == state.StopRestart && t.Reason != "" {
			ev.Reason = t.Reason
		}
		e.failed(w, t, ev, out)
	}
	if out == api.OutcomeFailed && t.Stop == state.StopNothing {
		e.killed(w, t, r.Result)
	}
	e.emit(ev)
}

// leaseEnded tells whether a task marked atMostOnce was stopped by its agent, or by
// its worker when that was away, because the lease had ended.
func leaseEnded(w *state.Workload, t *state.Task, r *api.Result) bool {
	return w.SpecOf(t).AtMostOnce && (r.Outcome == api.OutcomeLost && r.Reason == api.ReasonLease ||
		r.Outcome == api.OutcomeStopped && t.Stop == state.StopNothing)
}

// freeLosses is how often a worker may vanish while its node is up before that
// counts as a failure of the task: what kills it may be the task itself.
const freeLosses = 5

// healthyRun is how long an attempt must have run so that failures before it are
// forgotten.
const healthyRun = 10 * api.Minute

// failed applies the restart policy. Replicas that end, even well, are started
// again when the policy is always.
func (e *Engine) failed(w *state.Workload, t *state.Task, ev *state.TaskEnded, out api.Outcome) {
	policy := w.SpecOf(t).Restart
	if policy == nil {
		policy = &api.Restart{Policy: api.RestartNever}
	}
	if t.Started != 0 && e.st.Now.Sub(t.Started) > healthyRun && w.Spec.Kind != api.KindJob {
		ev.Fails, ev.Losses = 0, 0
	}
	succeeded := out == api.OutcomeSucceeded
	switch {
	case policy.Policy == api.RestartNever || succeeded && policy.Policy != api.RestartAlways:
		ev.Next = api.TaskFailed
		if succeeded {
			ev.Next = api.TaskSucceeded
		}
	case policy.Attempts >= 0 && ev.Fails >= uint32(policy.Attempts):
		ev.Next = api.TaskFailed
		if policy.Attempts > 0 {
			ev.Reason += " (attempt " + strconv.Itoa(int(t.Try)) + ", the last)"
		}
	default:
		ev.Fails++
		e.again(w, t, ev, ev.Fails-1)
	}
}

// again lets an element wait before its next attempt, twice as long each time.
func (e *Engine) again(w *state.Workload, t *state.Task, ev *state.TaskEnded, doublings uint32) {
	wait, most := api.Second, api.Minute
	if p := w.SpecOf(t).Restart; p != nil && p.Backoff > 0 {
		wait, most = p.Backoff, max(p.MaxBackoff, p.Backoff)
	}
	for ; doublings > 0 && wait < most; doublings-- {
		wait *= 2
	}
	ev.Next, ev.NotBefore = api.TaskBackoff, e.st.Now.Add(min(wait, most))
}

func reasonOf(r *api.Result) string {
	switch {
	case r.Outcome == api.OutcomeSucceeded:
		return ""
	case r.Reason != "" && r.Detail != "":
		return clip(r.Reason + ": " + r.Detail)
	case r.Reason != "":
		return r.Reason
	case r.Detail != "":
		return r.Detail
	case r.Signal != "":
		return "killed by " + r.Signal
	case r.ExitCode != 0:
		return "exit code " + strconv.Itoa(int(r.ExitCode))
	}
	return r.Outcome.String()
}

// Bounds on what an agent may make the journal keep, in bytes.
const (
	maxText = 512
	maxName = 128
	maxSize = api.Bytes(1) << 50 // of one output
)

// clip bounds a text without cutting a character in two, and makes it UTF-8.
func clip(s string) string { return clipTo(s, maxText) }

func clipTo(s string, most int) string {
	s = plain(s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// plain makes a text UTF-8, and no longer than it was.
func plain(s string) string { return strings.ToValidUTF8(s, "?") }

// Clean makes all text of the reports valid UTF-8, as it must be before they are
// encoded: the journal would not give back what is not. Agents are not trusted.
func (in *Reports) Clean() {
	for i := range in.Reports {
		r := &in.Reports[i]
		r.Detail = plain(r.Detail)
		for j := range r.Ports {
			r.Ports[j].Name = plain(r.Ports[j].Name)
		}
		if r.Result == nil {
			continue
		}
		cleanResult(r.Result)
	}
}

func cleanResult(r *api.Result) {
	r.Reason, r.Detail, r.Signal = plain(r.Reason), plain(r.Detail), plain(r.Signal)
	for i := range r.Outputs {
		v := &r.Outputs[i]
		v.Name, v.File, v.Digest = plain(v.Name), plain(v.File), api.Digest(plain(string(v.Digest)))
	}
}

// trim bounds a result: agents are not trusted with the size of the journal, nor
// with outputs that the task does not have.
func trim(task *api.Task, r *api.Result) *api.Result {
	c := *r
	c.Reason, c.Detail, c.Signal = clip(c.Reason), clip(c.Detail), clipTo(c.Signal, maxName)
	for _, d := range [...]*api.Duration{&c.Wall, &c.CPU, &c.Fetch, &c.Start} {
		*d = min(max(*d, 0), api.MaxDuration)
	}
	for _, n := range [...]*api.Bytes{&c.MaxRSS, &c.BytesIn, &c.BytesOut} {
		*n = min(max(*n, 0), maxSize)
	}
	c.Outputs = nil
	for i := range task.Outputs {
		at := slices.IndexFunc(r.Outputs, func(v api.Value) bool { return v.Name == task.Outputs[i].Name })
		if at >= 0 {
			c.Outputs = append(c.Outputs, trimValue(r.Outputs[at]))
		}
	}
	return &c
}

func trimValue(v api.Value) api.Value {
	if len(v.File) > api.MaxPath || v.File == ".." || v.File == "." || strings.ContainsAny(v.File, "/\\\x00") {
		v.File = "" // it becomes a part of paths on other nodes
	}
	v.Name, v.File = plain(v.Name), plain(v.File)
	v.Digest = api.Digest(clipTo(string(v.Digest), maxName))
	v.Size = min(max(v.Size, 0), maxSize)
	if len(v.Inline) > api.MaxInline {
		v.Inline = nil
	}
	return v
}

// ports keeps of the reported ports those that the task has.
func ports(task *api.Task, list []api.Port) (out []api.Port) {
	for i := range task.Ports {
		at := slices.IndexFunc(list, func(p api.Port) bool { return p.Name == task.Ports[i].Name })
		if at >= 0 {
			out = append(out, list[at])
		}
	}
	return out
}
