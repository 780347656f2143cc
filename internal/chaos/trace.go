package chaos

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// sends tells whether reports are to be sent, by a call that is awaited, when all
// is durable.
func (p pending) sends() bool {
	for _, a := range p.Actions {
		if r, ok := a.(core.SendReports); ok && r.Ticket == awaited {
			return true
		}
	}
	return false
}

// trace tells a history in words; from some move on nothing fails in it any more.
func (in *Instance) trace(t *tables, w *world, path []move, calm int) (lines []string) {
	telling := *in
	telling.tell = true
	for n, m := range path {
		if n == calm {
			lines = append(lines, "     from here on nothing fails")
		}
		lines = append(lines, fmt.Sprintf("%3d  %s", n+1, w.describe(m)))
		x := telling.step(t, w, m)
		for _, s := range x.said {
			lines = append(lines, "       "+s)
		}
		w = x.world
	}
	return lines
}

// Ordinary tells a run in which nothing fails, from an empty journal until all
// work has ended and is forgotten.
func (in Instance) Ordinary() []string {
	t := in.tables()
	w := in.begin(t)
	first := w
	var path []move
	for !w.forgotten() {
		m, ok := in.calm(t, w)
		if !ok || len(path) == maxCalm {
			break
		}
		path = append(path, m)
		w = in.step(t, w, m).world
	}
	return in.trace(t, first, path, len(path))
}

// forgotten tells whether no agent knows anything any more of work that has ended.
func (w *world) forgotten() bool {
	for _, a := range w.agents {
		if !a.up || a.mind.holds() > 0 {
			return false
		}
	}
	return w.finished()
}

// describe says what a move is.
func (w *world) describe(m move) string {
	if m.kind.stormy() {
		return w.describeStorm(m)
	}
	srv, node := "", ""
	if int(m.a) < len(w.servers) {
		srv = serverName(int(m.a))
	}
	if int(m.a) < len(w.agents) {
		node = "node " + nodeNames[m.a]
	}
	switch m.kind {
	case mServe:
		return serverName(int(m.b)) + " takes " + w.mail[m.a].describe()
	case mReceive:
		l := w.mail[m.a]
		return "node " + nodeNames[l.agent] + " takes " + l.describe()
	case mSubmit:
		if w.clients[m.a].done > 0 {
			return fmt.Sprintf("client %d cancels its workload at %s", m.a, serverName(int(m.b)))
		}
		return fmt.Sprintf("client %d submits its workload to %s", m.a, serverName(int(m.b)))
	case mImpatient:
		return fmt.Sprintf("client %d gives up waiting", m.a)
	case mGiveUp, mGiveUpEarly:
		return fmt.Sprintf("%s gives up its %s", node, call(m.b))
	case mExit:
		return fmt.Sprintf("%s: %s comes to its end", node, showAttempt(w.agents[m.a].procs[m.b].id))
	case mTick:
		return "a tick goes by"
	case mTickLate:
		return "a tick goes by, but not on the clock of " + node
	case mArriveLate:
		return "an append that nobody waits for arrives"
	case mCommit, mRestartAgent, mReconnect, mCrashAgent, mCrashAgentKept:
		return node + " " + verbs[m.kind]
	}
	return srv + " " + verbs[m.kind]
}

var verbs = map[moveKind]string{
	mCampaign: "campaigns", mCatchUp: "follows the journal", mDecide: "decides", mArrive: "reaches the journal with its append",
	mOutcome: "hears what became of its append", mReadBack: "reads the journal back", mLook: "looks who is silent",
	mConfirm: "makes sure that it leads", mRestart: "starts again", mRefuse: "is refused for want of room",
	mLoseAppend: "loses its append and hears nothing", mLoseAck: "does not hear that its append was stored",
	mDelay: "gives up waiting for an append that is still under way", mCrash: "crashes",
	mCommit: "syncs its ledger", mRestartAgent: "starts its agent again", mReconnect: "loses its connection and finds it again", mCrashAgent: "loses its agent, and what was not synced",
	mCrashAgentKept: "loses its agent just after the sync",
	mHook:           "has its machine fall asleep", mHookFails: "fails to have its machine fall asleep",
	mHookLate: "has its machine fall asleep, later than it says", mDoze: "is off to sleep",
	mRouse: "wakes", mRouseFails: "fails to wake", mWake: "arrives", mWakeLost: "is lost", mWakeTwice: "is sent twice",
}

func (k call) String() string { return callFields[k] }

func (l letter) describe() string {
	names := [...]string{"hello", "pull", "reports", "beat", "a welcome", "its set", "an acknowledgement", "the answer to its beat", "a refusal", "a hint"}
	s := names[l.kind]
	if l.request() {
		s = "the " + s + " of node " + nodeNames[l.agent]
	}
	if l.late {
		s += ", late"
	}
	switch v := l.thingValue().(type) {
	case api.Welcome:
		s += fmt.Sprintf(" (epoch %d)", v.Epoch)
	case api.AssignmentSet:
		s += " (" + showSet(v) + ")"
	case api.ReportsAck:
		s += fmt.Sprintf(" (epoch %d)", v.Epoch)
	case api.Hint:
		s += fmt.Sprintf(" (epoch %d, version %d)", v.Epoch, v.Version)
	case api.Pull:
		s += fmt.Sprintf(" (has version %d)", v.Have)
	case []api.Report:
		s += " (" + showReports(v) + ")"
	case call:
		s += " of its " + v.String()
	}
	return s
}

func (l letter) thingValue() any {
	if l.what == nil {
		return nil
	}
	return l.what.value
}

func showSet(s api.AssignmentSet) string {
	out := fmt.Sprintf("epoch %d, version %d", s.Epoch, s.Version)
	if s.Full {
		out += ", everything"
	}
	for i := range s.Items {
		verb := "run"
		if s.Items[i].Desire == api.DesireStop {
			verb = "stop"
		}
		out += "; " + verb + " " + showAttempt(s.Items[i].Attempt)
	}
	for _, g := range s.Gone {
		out += "; gone: " + showAttempt(g)
	}
	return out
}

func showAttempt(a api.Attempt) string {
	return fmt.Sprintf("job %d task %d try %d", a.Workload, a.Index, a.Try)
}

func showReports(list []api.Report) string {
	var out []string
	for _, r := range list {
		what := "started"
		if r.Kind == api.ReportEnded {
			what = r.Result.Outcome.String()
		}
		out = append(out, showAttempt(r.Attempt)+" "+what)
	}
	return strings.Join(out, ", ")
}

func showInput(in engine.Input) string {
	switch in := in.(type) {
	case *engine.Lead:
		return fmt.Sprintf("lead epoch %d", in.Epoch)
	case *engine.Register:
		return "register node " + in.Node.Name
	case *engine.Silent:
		return "node " + in.Node + " is silent"
	case *engine.Back:
		return "node " + in.Node + " is back"
	case *engine.Reports:
		return "node " + in.Node + " reports " + showReports(in.Reports)
	case *engine.Submit:
		return "submit " + in.Workload.Name
	case *engine.Cancel:
		return "cancel " + in.Name
	}
	return fmt.Sprintf("%T", in)
}

func showEvent(ev state.Event) string {
	switch ev := ev.(type) {
	case *state.TaskPlaced:
		return fmt.Sprintf("TaskPlaced %s on node %s", showAttempt(api.Attempt{TaskRef: ev.Ref, Try: ev.Try}), ev.Node)
	case *state.TaskStarted:
		return "TaskStarted " + showAttempt(ev.Attempt)
	case *state.TaskEnded:
		return fmt.Sprintf("TaskEnded %s, now %s", showAttempt(ev.Attempt), ev.Next)
	case *state.TasksLost:
		return fmt.Sprintf("TasksLost %d on node %s, now %s", len(ev.Refs), ev.Node, ev.Next)
	case *state.ReportDuplicate:
		return "ReportDuplicate " + showAttempt(ev.Attempt)
	case *state.LeaderStarted:
		return fmt.Sprintf("LeaderStarted epoch %d", ev.Epoch)
	case *state.NodeRegistered:
		return "NodeRegistered " + ev.Node.Name
	case *state.NodeSilent:
		return "NodeSilent " + ev.Node
	case *state.NodeBack:
		return "NodeBack " + ev.Node
	case *state.NodePower:
		return "NodePower " + ev.Node + " " + string(ev.State) + ", " + ev.Reason
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", ev), "*state.")
}

func showEvents(list []state.Event) (out []string) {
	for _, ev := range list {
		out = append(out, showEvent(ev))
	}
	return out
}
