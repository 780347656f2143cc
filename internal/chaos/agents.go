package chaos

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
)

// feed lets an agent's core take things in, one after the other, and carries out
// what it says. Getting a task's inputs, adopting and stopping are done at once:
// they concern nobody else.
func (x *run) feed(j int, todo ...stimulus) {
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		a := x.agent(j)
		r := x.t.step(a.mind, x.agentTime(j), s)
		x.mustStand(j, a.mind.unsent, r.mind.unsent)
		a.mind = r.mind
		for k, ended := range r.ended {
			if ended {
				x.giveUp(j, call(k))
			}
		}
		if r.ended[reports] {
			x.giveUpUnsent(j)
		}
		todo = append(todo, x.obey(j, r.out)...)
	}
}

// obey takes what a step of the core came to. What must be durable first waits for
// the disk, and so does all that comes after it.
func (x *run) obey(j int, out core.Output) (then []stimulus) {
	a := x.agents[j] // copied by feed
	if m := out.Record.Lease; m != nil {
		a.lease, a.sure = m.Until, a.asked // a file of its own, which is not synced
	}
	for _, act := range out.Urgent {
		then = append(then, x.carryOut(j, act)...)
	}
	var p pending
	if a.wait != nil {
		p = a.wait.value.(pending)
	}
	if !out.Record.Empty() {
		p.Records = append(slices.Clip(p.Records), out.Record)
	}
	p.Sync = p.Sync || out.Sync
	if p.Sync {
		for _, act := range out.Actions {
			if r, ok := act.(core.SendReports); ok {
				act = core.SendReports{Ticket: awaited, Reports: r.Reports}
			}
			if _, start := act.(core.Start); start && x.in.Bug == StartUnsynced {
				then = append(then, x.carryOut(j, act)...)
				continue
			}
			p.Actions = append(slices.Clip(p.Actions), act)
		}
	} else {
		for _, act := range out.Actions {
			then = append(then, x.carryOut(j, act)...)
		}
	}
	a.wait = nil
	if p.Sync || len(p.Records) > 0 {
		a.wait = x.t.thing(p)
	}
	return then
}

// commit makes what waits durable, and does what waited for it.
func (x *run) commit(j int) {
	a := x.agent(j)
	p := a.wait.value.(pending)
	a.wait = nil
	a.disk = x.t.ledger(nodeNames[j], slices.Concat(a.disk.records, p.Records))
	if x.in.storm != nil && !a.ills.has(lying) && len(a.disk.records) > compactAt {
		a.disk = x.t.ledger(nodeNames[j], a.mind.live.Snapshot())
	}
	var then []stimulus
	for _, act := range p.Actions {
		then = append(then, x.carryOut(j, act)...)
	}
	x.feed(j, then...)
}

func (x *run) carryOut(j int, act core.Action) []stimulus {
	switch act := act.(type) {
	case core.SendHello:
		x.post(letter{kind: askHello, agent: uint8(j)})
	case core.SendPull:
		return x.sendPull(j, act.Pull)
	case core.SendReports:
		return x.sendReports(j, act.Reports, act.Ticket == givenUp)
	case core.SendBeat:
		x.agents[j].asked = x.agents[j].lag // copied by feed
		if x.in.Beats {
			x.post(letter{kind: askBeat, agent: uint8(j)})
		}
	case core.Prepare:
		return []stimulus{{stimPrepared, x.t.thing(act.Assignment.Attempt)}}
	case core.Start:
		return x.start(j, &act.Assignment)
	case core.Adopt:
		return x.adopt(j, act.Assignment.Attempt)
	case core.Stop:
		return x.kill(j, act.ID)
	case core.FallAsleep:
		x.agents[j].nap = told // copied by feed
	}
	return nil // Forget deletes files
}

func (x *run) sendPull(j int, p api.Pull) []stimulus {
	x.post(letter{kind: askPull, agent: uint8(j), what: x.t.thing(api.Pull{Have: p.Have})}) // the epoch is not looked at
	return nil
}

// Calls are told apart by kind, not by ticket. Only reports wait for the disk
// before they are sent, and may be given up before that.
const (
	givenUp uint64 = iota
	awaited
)

// giveUpUnsent marks reports that wait for the disk as of a call that is over.
func (x *run) giveUpUnsent(j int) {
	a := x.agent(j)
	if a.wait == nil || !a.wait.value.(pending).sends() {
		return
	}
	p := a.wait.value.(pending)
	p.Actions = slices.Clone(p.Actions)
	for n, act := range p.Actions {
		if r, ok := act.(core.SendReports); ok {
			p.Actions[n] = core.SendReports{Ticket: givenUp, Reports: r.Reports}
		}
	}
	a.wait = x.t.thing(p)
}

func (x *run) sendReports(j int, list []api.Report, late bool) []stimulus {
	what := x.t.thing(list)
	x.say("%s reports %s", nodeNames[j], showReports(list))
	if x.in.Bug == ReportDropped {
		x.say("%s forgets them", nodeNames[j])
		x.post(letter{kind: askReports, agent: uint8(j), late: true, what: what})
		return []stimulus{{stimAcked, x.t.thing(api.ReportsAck{Epoch: x.agents[j].mind.epoch})}}
	}
	x.post(letter{kind: askReports, agent: uint8(j), late: late, what: what})
	return nil
}

func (x *run) start(j int, as *api.Assignment) []stimulus {
	a := x.agents[j]
	if slices.ContainsFunc(a.procs, func(p proc) bool { return p.id == as.Attempt }) {
		x.violate("%s is started twice on node %s", showAttempt(as.Attempt), nodeNames[j])
	}
	if as.Task.AtMostOnce {
		x.mustBeAlone(j, as.Attempt)
	}
	a.acted = max(a.acted, a.mind.epoch)
	a.procs = append(slices.Clip(a.procs), proc{id: as.Attempt, once: as.Task.AtMostOnce, running: true})
	slices.SortFunc(a.procs, func(p, q proc) int {
		return int(p.id.Workload<<16|uint64(p.id.Index)<<8|uint64(p.id.Try)) - int(q.id.Workload<<16|uint64(q.id.Index)<<8|uint64(q.id.Try))
	})
	x.say("%s starts %s", nodeNames[j], showAttempt(as.Attempt))
	return []stimulus{{stimStarted, x.t.thing(as.Attempt)}}
}

func (x *run) adopt(j int, id api.Attempt) []stimulus {
	at := slices.IndexFunc(x.agents[j].procs, func(p proc) bool { return p.id == id })
	switch {
	case at < 0:
		return []stimulus{x.ended(id, api.OutcomeLost)}
	case x.agents[j].procs[at].running:
		return []stimulus{{stimAdopted, x.t.thing(id)}}
	}
	return []stimulus{{stimAdopted, x.t.thing(id)}, x.ended(id, x.agents[j].procs[at].outcome)}
}

func (x *run) ended(id api.Attempt, o api.Outcome) stimulus {
	return stimulus{stimEnded, x.t.thing(core.Ended{About: core.About{ID: id}, Result: api.Result{Outcome: o}})}
}

// kill ends a process.
func (x *run) kill(j int, id api.Attempt) []stimulus { return x.endProcess(j, id, api.OutcomeStopped) }

func (x *run) endProcess(j int, id api.Attempt, o api.Outcome) []stimulus {
	a := x.agents[j]
	at := slices.IndexFunc(a.procs, func(p proc) bool { return p.id == id })
	if at < 0 || !a.procs[at].running {
		return nil
	}
	a.procs = slices.Clone(a.procs)
	a.procs[at].running, a.procs[at].outcome = false, o
	x.say("%s: %s ends, %s", nodeNames[j], showAttempt(id), o)
	return []stimulus{x.ended(id, o)}
}

// exit lets a task come to its own good end.
func (x *run) exit(j, n int) {
	a := x.agent(j)
	then := x.endProcess(j, a.procs[n].id, api.OutcomeSucceeded)
	if a.up {
		x.feed(j, then...)
	}
}

// crashAgent ends an agent, but not its processes. What waited for the disk has
// got there or not.
func (x *run) crashAgent(j int, kept bool) {
	a := x.agent(j)
	if kept && a.wait != nil {
		a.disk = x.t.ledger(nodeNames[j], slices.Concat(a.disk.records, a.wait.value.(pending).Records))
	}
	switch a.up, a.mind, a.wait = false, nil, nil; a.nap {
	case told:
		a.nap = up
	case going:
		a.nap = stray
	}
	for k := range calls {
		x.giveUp(j, k)
	}
	x.mail = slices.DeleteFunc(x.mail, func(l letter) bool { return l.kind == sayHint && int(l.agent) == j })
}

// restartAgent begins an agent's next life with its ledger.
func (x *run) restartAgent(j int) {
	a := x.agent(j)
	if x.in.Bug == LedgerIgnored {
		a.disk = x.t.ledger(nodeNames[j], nil)
	}
	a.up, a.mind = true, x.t.boot(nodeNames[j], a.boot, a.disk)
	x.feed(j, stimulus{kind: stimResume}, stimulus{kind: stimLinkUp})
}

// receive brings an answer or a hint to its agent.
func (x *run) receive(n int) {
	l := x.mail[n]
	x.mail = slices.Delete(x.mail, n, n+1)
	j := int(l.agent)
	before := x.agents[j].mind
	seen := max(before.epoch, x.agents[j].acted)
	grip := ""
	if l.epoch() < seen {
		grip = x.t.grip(before)
	}
	told := l
	if x.in.Bug == StaleObeyed && l.epoch() < before.epoch {
		told.what = x.t.thing(withEpoch(l.what.value, before.epoch))
	}
	s := stimulus{kind: map[letterKind]stimulusKind{
		sayWelcome: stimWelcomed, saySet: stimSet, sayAck: stimAcked, sayBeaten: stimBeaten, sayRefused: stimRefused, sayHint: stimHinted,
	}[l.kind], what: told.what}
	x.feed(j, s)
	if l.epoch() < seen && x.t.grip(x.agents[j].mind) != grip {
		x.violate("node %s obeys a leader of epoch %d, although it has seen epoch %d", nodeNames[j], l.epoch(), seen)
	}
	if x.in.Bug == SleepTaken && l.kind == sayHint && x.agents[j].nap == up && l.what.value.(api.Hint).Power == api.AskSleep {
		x.agent(j).nap = going
	}
	if l.kind == sayHint && x.in.Bug == HintTrusted {
		x.trust(j, l.what.value.(api.Hint))
	}
}

// trust answers the pull that a hint led to in place of the server: the agent
// believes the hint and takes itself to be where the hint says.
func (x *run) trust(j int, h api.Hint) {
	for n, l := range x.mail {
		if l.kind == askPull && int(l.agent) == j && !l.late {
			have := l.what.value.(api.Pull).Have
			x.mail = slices.Delete(x.mail, n, n+1)
			x.say("%s believes that it has version %d", nodeNames[j], h.Version)
			x.feed(j, stimulus{stimSet, x.t.thing(api.AssignmentSet{Epoch: h.Epoch, From: have, Version: h.Version, Full: have == 0})})
			return
		}
	}
}

func withEpoch(v any, epoch uint64) any {
	switch v := v.(type) {
	case api.Welcome:
		v.Epoch = epoch
		return v
	case api.AssignmentSet:
		v.Epoch = epoch
		return v
	case api.ReportsAck:
		v.Epoch = epoch
		return v
	case api.Hint:
		v.Epoch = epoch
		return v
	}
	return v
}

// pass lets a tick go by, longer than any call is waited for. The clock of one
// agent may lose it.
func (x *run) pass(late int) {
	if x.in.Prompt { // what is late is left out, too
		x.mail = slices.DeleteFunc(x.mail, func(l letter) bool { return l.late || l.kind == sayHint })
	}
	x.napTick()
	for j, a := range x.agents {
		for k := range calls {
			if a.up && a.nap != off && a.mind.tickets[k] != 0 && !x.agents[j].waitsToSend(k) && (k != beat || x.in.Beats) {
				x.feed(j, stimulus{stimRefused, x.t.thing(k)})
			}
		}
	}
	x.clock++
	if late >= 0 {
		x.agent(late).lag++
	}
	for j := range x.agents {
		if x.agents[j].nap == off {
			continue
		}
		if x.agents[j].up {
			x.feed(j, stimulus{kind: stimTime})
		}
		x.watch(j)
	}
}

// watch is what the workers of tasks marked atMostOnce do, agent or not: they end
// when the lease is over.
func (x *run) watch(j int) {
	a := x.agent(j)
	for _, p := range slices.Clone(a.procs) {
		if p.once && p.running && x.agentTime(j) >= x.agents[j].lease {
			then := x.endProcess(j, p.id, api.OutcomeStopped)
			if a.up {
				x.feed(j, then...)
			}
		}
	}
}
