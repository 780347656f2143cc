package engine

import (
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// report folds one report of an agent in. Reports are resent until they are
// acknowledged, so one that was seen before changes nothing; one about an attempt
// that the node was never given is ignored.
func (e *Engine) report(node string, r *api.Report) {
	w, t := e.st.Task(r.TaskRef)
	if t == nil {
		return
	}
	if r.Try != t.Try || t.Node != node || !t.Status.Holds() {
		e.late(node, w, t, r)
		return
	}
	if r.N <= t.Reported {
		return
	}
	switch r.Kind {
	case api.ReportStarted:
		if t.Status == api.TaskPlaced {
			e.emit(&state.TaskStarted{Attempt: r.Attempt, N: r.N, Ports: r.Ports, PID: r.PID})
		}
	case api.ReportHealthy:
		if t.Status == api.TaskRunning && !t.Healthy {
			e.emit(&state.TaskHealth{Attempt: r.Attempt, N: r.N, Healthy: true})
		}
	case api.ReportUnhealthy:
		e.unhealthy(w, t, r)
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
	if r.Kind != api.ReportEnded || r.Result == nil {
		return
	}
	known := r.Try == t.LostTry && t.LostNode == node
	switch {
	case known && !t.Status.Final() && r.Result.Outcome == api.OutcomeSucceeded && w.Spec.Kind == api.KindJob && !w.Stopping:
		e.emit(&state.TaskEnded{
			Attempt: r.Attempt, N: r.N, Result: trim(r.Result), Next: api.TaskSucceeded, Fails: t.Fails, Losses: t.Losses,
			Reason: "reported by node " + node + " after it had been given up",
		})
	case known || r.Try == t.Try && t.Node == node && r.N > t.Reported:
		e.emit(&state.ReportDuplicate{Attempt: r.Attempt, N: r.N, Outcome: r.Result.Outcome})
	}
}

func (e *Engine) unhealthy(w *state.Workload, t *state.Task, r *api.Report) {
	if t.Status != api.TaskRunning {
		return
	}
	e.emit(&state.TaskHealth{Attempt: r.Attempt, N: r.N, Detail: clip(r.Detail)})
	if t.Stop == state.StopNothing {
		e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopRestart, Reason: "check failed: " + clip(r.Detail)})
	}
	e.touchWorkload(w.ID)
}

// ended decides what follows from the end of an attempt.
func (e *Engine) ended(w *state.Workload, t *state.Task, r *api.Report) {
	ev := &state.TaskEnded{Attempt: r.Attempt, N: r.N, Result: trim(r.Result), Fails: t.Fails, Losses: t.Losses}
	ev.Reason = reasonOf(ev.Result)
	out := r.Result.Outcome
	switch {
	case out == api.OutcomeSucceeded && w.Spec.Kind == api.KindJob:
		ev.Next, ev.Reason = api.TaskSucceeded, ""
	case t.Stop == state.StopCancel || w.Stopping:
		ev.Next, ev.Reason = api.TaskCancelled, w.Reason
	case t.Stop == state.StopRemove:
		ev.Next, ev.Remove, ev.Reason = api.TaskCancelled, true, t.Reason
	case t.Stop == state.StopMove:
		ev.Next, ev.Reason = api.TaskPending, t.Reason
	case out == api.OutcomeStopped && t.Stop == state.StopNothing:
		ev.Next = api.TaskPending // the agent's own decision: its lease was over
	case out == api.OutcomeLost && t.Losses < freeLosses:
		ev.Losses++
		e.again(w, t, ev, 0)
	default:
		if t.Stop == state.StopRestart && t.Reason != "" {
			ev.Reason = t.Reason
		}
		e.failed(w, t, ev, out)
	}
	e.emit(ev)
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
		ev.Fails = 0
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
		return r.Reason + ": " + r.Detail
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

// Bounds on what an agent may make the journal keep.
const (
	maxText    = 512
	maxOutputs = 64
)

// clip bounds a text without cutting a character in two.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// trim bounds a result: agents are not trusted with the size of the journal.
func trim(r *api.Result) *api.Result {
	c := *r
	c.Reason, c.Detail, c.Signal = clip(c.Reason), clip(c.Detail), clip(c.Signal)
	c.Outputs = c.Outputs[:min(len(c.Outputs), maxOutputs)]
	return &c
}
