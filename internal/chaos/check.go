package chaos

import (
	"slices"

	"drover.dev/api"
)

// mustStand checks that final reports which leave an outbox are in the journal,
// unless nobody waits for them there.
func (x *run) mustStand(j int, before, after []saying) {
	for _, r := range before {
		if slices.ContainsFunc(after, r.same) || slices.ContainsFunc(x.tail.view.said, r.same) {
			continue
		}
		again := api.Report{Attempt: r.attempt, N: r.n, Kind: api.ReportEnded, Result: &api.Result{Outcome: r.outcome}}
		if x.t.concerning(x.tail.view, j, x.t.thing([]api.Report{again})) != nil {
			x.violate("the result of %s leaves its node's outbox and does not stand in the journal", showAttempt(r.attempt))
		}
	}
}

// check says which property the world violates, "" if none does.
func (w *world) check(in *Instance) string {
	for k, c := range w.clients {
		for n, command := range in.commands[k][:c.done] {
			if a, ok := w.tail.view.answers[callerOf(command)]; !ok || a != c.answers[n] {
				return "client " + string(rune('0'+k)) + " was answered, but the command does not stand in the journal"
			}
		}
	}
	for j, a := range w.agents {
		if why := w.checkAgent(j, a); why != "" {
			return why
		}
		for _, p := range a.procs {
			for o := range j {
				if p.once && p.running && slices.ContainsFunc(w.agents[o].procs, func(q proc) bool { return q.running && q.id.TaskRef == p.id.TaskRef }) {
					return "a task marked atMostOnce runs on two nodes at once: " + showAttempt(p.id)
				}
			}
		}
	}
	return ""
}

// checkAgent verifies that an agent which says that it has the journal's present
// version of its set knows every attempt in it.
func (w *world) checkAgent(j int, a *agent) string {
	n := &w.tail.view.nodes[j]
	if !a.up || a.mind.have != n.version || a.mind.epoch != w.tail.view.epoch || !a.mind.welcomed {
		return ""
	}
	for i := range n.held {
		if !a.mind.known[n.held[i].Attempt] {
			return "node " + nodeNames[j] + " takes its set for up to date, but does not know " + showAttempt(n.held[i].Attempt)
		}
	}
	return ""
}
