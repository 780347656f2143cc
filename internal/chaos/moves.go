package chaos

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/control"
)

// move is one step of somebody. The numbers say whose and which.
type move struct {
	kind moveKind
	a, b uint16
}

type moveKind uint8

const (
	mCampaign moveKind = iota
	mCatchUp
	mDecide
	mArrive
	mOutcome
	mReadBack
	mLook
	mConfirm
	mSubmit
	mServe
	mReceive
	mCommit
	mExit
	mGiveUp // a call of which nothing is left
	mTick
	mRestart
	mRestartAgent
	mArriveLate
	mMend      // an ill of somebody is over
	mReplicate // a machine of the journal catches up
	mHook      // an agent's hook has its machine fall asleep
	mDoze
	mRouse // a server's hook sends a packet that wakes a machine
	mWake  // which arrives
	mByHand

	mRefuse // from here on: faults
	mLoseAppend
	mLoseAck
	mDelay
	mCrash
	mCrashAgent
	mCrashAgentKept
	mImpatient
	mGiveUpEarly
	mReconnect
	mTickLate
	mLose // from here on: in storms only
	mRepeat
	mPowerLoss
	mReboot
	mFail
	mSetClock
	mCut
	mDeafen
	mPause
	mFillDisk
	mLie
	mFillJournal
	mSplit
	mTear
	mTearJournal // from here on: where a seed has them, see weather
	mStoreLies
	mFillStore
	mCutStore
	mStorePower
	mRot
	mCutJournal
	mHookFails
	mHookLate
	mRouseFails
	mWakeLost
	mWakeTwice
	kinds
)

// stormy are the moves of which explorations know nothing.
func (k moveKind) stormy() bool { return k >= mLose || k >= mMend && k < mRefuse }

// moves lists what may happen next.
func (x *run) moves() (out []move) {
	x.eachMove(func(m move) {
		if m.kind < mRefuse || x.left.faults > 0 {
			out = append(out, m)
		}
	})
	return out
}

// eachMove names them one after the other, faults whatever is left of their number.
func (x *run) eachMove(yield func(move)) {
	add := func(k moveKind, a, b int) { yield(move{k, uint16(a), uint16(b)}) }
	for i, s := range x.servers {
		x.movesOf(i, s, add)
	}
	for n, l := range x.mail {
		switch {
		case x.agents[l.agent].ills.has(cut) || x.agents[l.agent].nap == off && !l.request():
		case !l.request():
			add(mReceive, n, 0)
		default:
			for i, s := range x.servers {
				if s.hears() && x.agents[l.agent].reaches(i) {
					add(mServe, n, i)
				}
			}
		}
	}
	for j, a := range x.agents {
		x.movesOfAgent(j, a, add)
	}
	for k, c := range x.clients {
		x.movesOfClient(k, c, add)
	}
	for n, r := range x.late {
		if r.mark.Seq == x.end()+1 && x.takes() {
			add(mArriveLate, n, 0)
		}
	}
	if x.left.ticks > 0 {
		add(mTick, 0, 0)
		for j, a := range x.agents {
			if x.mayLag(a) {
				add(mTickLate, j, 0)
			}
		}
	}
	if x.in.storm != nil {
		x.stormMoves(add)
	}
}

// mayLag tells whether an agent's clock may lose a tick: within a lease no more than
// the settings allow for. An exploration has one lease's worth.
func (x *run) mayLag(a *agent) bool {
	lost := a.lag
	if x.in.storm != nil {
		lost -= a.sure
	}
	return api.Duration(lost)*tick < lease+drift
}

func (x *run) movesOf(i int, s *server, add func(moveKind, int, int)) {
	if !s.up {
		if !s.stopped {
			add(mRestart, i, 0)
		}
		return
	}
	if s.ills.has(asleep) {
		return
	}
	journal := !s.ills.has(cut)
	switch s.rules.Phase {
	case control.Following:
		if x.left.campaigns > 0 && journal {
			add(mCampaign, i, 0)
		}
		if s.at != x.tail && journal {
			add(mCatchUp, i, 0)
		}
	case control.Leading:
		if x.hasWork(s) {
			add(mDecide, i, 0)
		}
	case control.Appending:
		x.movesOfAppend(i, s, add)
	case control.Recovering:
		if journal {
			add(mReadBack, i, 0)
		}
	}
	if s.leads() && (s.looked < x.clock || len(s.back) > 0) {
		add(mLook, i, 0)
	}
	if s.leads() && s.rules.Phase == control.Leading && s.proved < x.clock && s.at == x.tail && journal {
		add(mConfirm, i, 0)
	}
	add(mCrash, i, 0)
}

func (x *run) movesOfAppend(i int, s *server, add func(moveKind, int, int)) {
	if s.ills.has(cut) {
		add(mLoseAck, i, 0) // nothing is heard
		return
	}
	switch s.wire {
	case wireSent:
		add(mArrive, i, 0)
		add(mRefuse, i, 0)
		add(mLoseAppend, i, 0)
		add(mDelay, i, 0)
	case wireStored:
		add(mOutcome, i, 0)
		add(mLoseAck, i, 0)
	case wireOutrun:
		add(mOutcome, i, 0)
	}
}

func (x *run) movesOfAgent(j int, a *agent, add func(moveKind, int, int)) {
	if a.nap == off {
		return
	}
	for n, p := range a.procs {
		if p.running {
			add(mExit, j, n)
		}
	}
	if !a.up {
		add(mRestartAgent, j, 0)
		return
	}
	if a.wait != nil && !a.ills.has(full) {
		add(mCommit, j, 0)
		add(mCrashAgentKept, j, 0)
	}
	add(mCrashAgent, j, 0)
	add(mReconnect, j, 0)
	for k := range calls {
		if a.mind.tickets[k] == 0 || k == beat && !x.in.Beats || a.waitsToSend(k) {
			continue
		}
		if x.underWay(j, k) {
			add(mGiveUpEarly, j, int(k))
		} else {
			add(mGiveUp, j, int(k))
		}
	}
}

// waitsToSend tells whether a call is not under way yet, but waits for the disk.
func (a *agent) waitsToSend(k call) bool {
	return k == reports && a.wait != nil && a.wait.value.(pending).sends()
}

func (x *run) movesOfClient(k int, c client, add func(moveKind, int, int)) {
	switch c.state {
	case clientIdle:
		for i, s := range x.servers {
			if s.hears() && x.musters(k) && (c.tries < maxTries || x.in.storm != nil) && int(c.done) < len(x.in.commands[k]) {
				add(mSubmit, k, i)
			}
		}
	case clientWaits:
		add(mImpatient, k, 0)
	}
}

// maxTries is how often a client asks.
const maxTries = 3

// step makes a move in a copy of a world; a line has no use for the world before.
func (in *Instance) step(t *tables, w *world, m move) *run {
	if t.line == nil {
		w = w.clone()
	}
	x := &run{world: w, in: in, t: t}
	x.make(m)
	if m.kind >= mRefuse && in.storm == nil {
		x.left.faults--
	}
	for in.Prompt && x.fault == "" {
		next, ok := x.prompt()
		if !ok {
			break
		}
		x.say("%s", x.describe(next))
		x.make(next)
	}
	if x.fault == "" {
		x.fault = cmp.Or(t.fault, x.check(in))
	}
	return x
}

// prompt is the next move of those that do not wait.
func (x *run) prompt() (move, bool) {
	for j, a := range x.agents {
		if a.wait != nil && a.wait.value.(pending).Sync {
			return move{mCommit, uint16(j), 0}, true
		}
	}
	for i, s := range x.servers {
		switch {
		case !s.up:
		case s.rules.Phase == control.Recovering:
			return move{mReadBack, uint16(i), 0}, true
		case s.rules.Phase == control.Appending && s.wire == wireSent:
			return move{mArrive, uint16(i), 0}, true
		case s.rules.Phase == control.Appending:
			return move{mOutcome, uint16(i), 0}, true
		case i != x.chosen():
		case x.hasWork(s):
			return move{mDecide, uint16(i), 0}, true
		case x.confident(i) != nil:
			return move{mConfirm, uint16(i), 0}, true
		case s.leads() && s.looked < x.clock:
			return move{mLook, uint16(i), 0}, true
		}
	}
	return move{}, false
}

func (x *run) make(m move) {
	a, b := int(m.a), int(m.b)
	switch m.kind {
	case mCampaign:
		x.left.campaigns--
		x.handle(a, control.Campaign{})
		x.decide(a)
	case mCatchUp:
		x.follow(a)
	case mDecide:
		x.decide(a)
	case mArrive:
		if !x.takes() {
			x.outcome(mRefuse, a)
			return
		}
		s := x.server(a)
		s.wire = wireOutrun
		if x.arrive(s.flight.record) {
			s.wire = wireStored
		}
	case mOutcome, mRefuse, mLoseAppend, mLoseAck, mDelay:
		x.outcome(m.kind, a)
	case mReadBack:
		x.readBack(a)
	case mLook:
		x.look(a)
	case mConfirm:
		x.confirm(a)
	case mCrash:
		x.crash(a)
	case mRestart:
		x.restart(a)
	case mSubmit:
		x.submit(a, b)
	case mImpatient:
		x.impatient(a)
	case mServe:
		x.serve(a, b)
	case mReceive:
		x.receive(a)
	case mArriveLate:
		r := x.late[a]
		x.late = slices.Delete(x.late, a, a+1)
		x.arrive(r)
	default:
		if m.kind.stormy() {
			x.storm(m)
			return
		}
		x.makeAgents(m)
	}
}

func (x *run) makeAgents(m move) {
	a, b := int(m.a), int(m.b)
	switch m.kind {
	case mCommit:
		x.commit(a)
	case mExit:
		x.exit(a, b)
	case mGiveUp, mGiveUpEarly:
		x.feed(a, stimulus{stimRefused, x.t.thing(call(b))})
	case mReconnect:
		x.feed(a, stimulus{kind: stimLinkUp})
	case mCrashAgent, mCrashAgentKept:
		x.crashAgent(a, m.kind == mCrashAgentKept)
	case mRestartAgent:
		x.restartAgent(a)
	case mTick:
		x.left.ticks--
		x.pass(-1)
	case mTickLate:
		x.left.ticks--
		x.pass(a)
	}
}

// outcome tells a server what became of its append.
func (x *run) outcome(k moveKind, i int) {
	s := x.server(i)
	out := control.Appended{Outcome: control.Unknown}
	switch {
	case k == mRefuse:
		out.Outcome = control.Refused
	case x.in.Bug == UnknownTrusted && k == mLoseAppend:
		out.Outcome, out.Seq = control.Stored, s.flight.record.mark.Seq
	case k == mDelay:
		x.late = append(x.late, s.flight.record)
	case k == mOutcome && s.wire == wireStored:
		out.Outcome, out.Seq = control.Stored, s.flight.record.mark.Seq
	case k == mOutcome:
		out.Outcome = control.Outrun
	}
	s.wire = wireIdle
	x.handle(i, out)
}
