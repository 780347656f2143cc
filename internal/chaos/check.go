package chaos

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// mustStand checks that final reports which leave an outbox are in the journal,
// unless nobody waits for them there.
func (x *run) mustStand(j int, before, after []saying) {
	for _, r := range before {
		if slices.ContainsFunc(after, r.same) || slices.ContainsFunc(x.truth().view.said, r.same) {
			continue
		}
		again := api.Report{Attempt: r.attempt, N: r.n, Kind: api.ReportEnded, Result: &api.Result{Outcome: r.outcome}}
		if x.t.concerning(len(x.servers), x.truth().view, j, x.t.thing([]api.Report{again})) != nil {
			x.violate("the result of %s leaves its node's outbox and does not stand in the journal", showAttempt(r.attempt))
		}
	}
}

// check says which property the world violates, "" if none does.
func (w *world) check(in *Instance) string {
	if in.storm == nil { // a line's journal only grows: that is checked once an answer, by release
		for k, c := range w.clients {
			for n, command := range in.commands[k][:c.done] {
				if !w.stands(command, c.answers[n]) {
					return unanswered(k)
				}
			}
		}
	}
	for j, a := range w.agents {
		if why := w.checkAgent(j, a); why != "" {
			return why
		}
	}
	return ""
}

// stands tells whether a command's answer is in the journal.
func (w *world) stands(command *thing, a state.Answer) bool {
	stood, ok := w.truth().view.answer(callerOf(command))
	return ok && stood == a
}

func unanswered(k int) string {
	return fmt.Sprintf("client %d was answered, but the command does not stand in the journal", k)
}

// mustBeAlone checks that an attempt which starts is the only one of a task marked
// atMostOnce that runs.
func (x *run) mustBeAlone(j int, id api.Attempt) {
	for o, a := range x.agents {
		if o != j && slices.ContainsFunc(a.procs, func(q proc) bool { return q.once && q.running && q.id.TaskRef == id.TaskRef }) {
			x.violate("a task marked atMostOnce runs on two nodes at once: %s", showAttempt(id))
		}
	}
}

// checkAgent verifies that an agent which says that it has the journal's present
// version of its set knows every attempt in it.
func (w *world) checkAgent(j int, a *agent) string {
	v := w.truth().view
	n := &v.nodes[j]
	if !a.up || a.mind.have != n.version || a.mind.epoch != v.epoch || !a.mind.welcomed {
		return ""
	}
	for i := range n.held {
		if !a.mind.knows(n.held[i].Attempt) {
			return "node " + nodeNames[j] + " takes its set for up to date, but does not know " + showAttempt(n.held[i].Attempt)
		}
	}
	return ""
}
