package chaos

import (
	"slices"

	"drover.dev/api"
)

// ills are what lasts until it is mended.
type ills uint8

const (
	cut    ills = 1 << iota // a server from the journal; an agent from everybody
	deaf                    // a server, to agents and clients
	asleep                  // a server: its turn does not come
	full                    // an agent's disk has no room
	lying                   // an agent's disk loses what it calls synced when the power goes
	apart                   // an agent reaches one server only
	rotten                  // a machine of the journal has a record of which a bit has flipped
	short                   // the journal has lost records that were acknowledged
)

func (i ills) has(x ills) bool { return i&x != 0 }

// reaches tells whether an agent and a server have a connection.
func (a *agent) reaches(server int) bool { return !a.ills.has(apart) || int(a.only) == server }

// compactAt is how long a ledger gets before it is written anew.
const compactAt = 40

// illOf is what a fault leaves behind.
func illOf(k moveKind) ills {
	switch k {
	case mCut, mCutStore:
		return cut
	case mDeafen:
		return deaf
	case mPause:
		return asleep
	case mFillDisk:
		return full
	case mLie, mStoreLies:
		return lying
	case mFillJournal, mFillStore:
		return full
	case mCutJournal:
		return short
	}
	return 0
}

// stormMoves lists what happens only in storms: what lasts, and how it ends. In the
// numbers of who falls ill, agents follow servers, and the journal comes last.
func (x *run) stormMoves(add func(moveKind, int, int)) {
	for n, l := range x.mail {
		add(mLose, n, 0)
		if !l.late && (l.kind == askHello || l.kind == askReports || l.kind == sayHint) {
			add(mRepeat, n, 0)
		}
	}
	for i, s := range x.servers {
		if s.leads() && !s.ills.has(cut) && len(x.servers) > 1 {
			add(mSplit, i, 0)
		}
		if x.illness(i, s.ills, add, mCut, mDeafen, mPause); s.up {
			for _, ticks := range [...]int{-5, 5, 30} {
				if to := int(s.ahead) + ticks; to >= 0 && to <= fastest {
					add(mSetClock, i, to)
				}
			}
		}
	}
	for j, a := range x.agents {
		x.illness(len(x.servers)+j, a.ills, add, mCut, mFillDisk, mLie)
		if a.ills.has(apart) {
			add(mMend, len(x.servers)+j, int(apart))
		}
		if a.nap == off {
			continue
		}
		add(mReboot, j, 0)
		if a.wait != nil && !a.ills.has(full) {
			for n := 1; n < len(a.wait.value.(pending).Records); n++ {
				add(mTear, j, n)
			}
		}
		for n, p := range a.procs {
			if p.running {
				add(mFail, j, n)
			}
		}
	}
	switch journal := len(x.servers) + len(x.agents); {
	case x.full:
		add(mMend, journal, int(full))
	default:
		add(mFillJournal, journal, 0)
	}
	if x.tail.parent != nil && !x.tail.read {
		add(mPowerLoss, 0, 0)
	}
	if x.stores != nil {
		x.storeMoves(add)
	}
	if x.in.naps {
		x.napMoves(add)
	}
}

// fastest is by how many ticks a server's clock is ahead at most.
const fastest = 200

// illness lists the ills that somebody may fall ill with, and those that may end. A
// disk that lies goes on to lie.
func (x *run) illness(who int, now ills, add func(moveKind, int, int), kinds ...moveKind) {
	for _, k := range kinds {
		switch ill := illOf(k); {
		case !now.has(ill):
			add(k, who, 0)
		case ill != lying:
			add(mMend, who, int(ill))
		}
	}
}

// storm makes a move of storms.
func (x *run) storm(m move) {
	a, b := int(m.a), int(m.b)
	switch m.kind {
	case mCut, mDeafen, mPause, mFillDisk, mLie, mFillJournal, mMend:
		x.fallIll(a, m)
	case mHook, mHookFails, mHookLate, mDoze, mRouse, mRouseFails, mWake, mWakeLost, mWakeTwice, mByHand:
		x.napMove(m)
	case mReplicate, mTearJournal, mStoreLies, mFillStore, mCutStore, mStorePower, mRot, mCutJournal:
		x.storeMove(m)
	case mSplit:
		x.split(a)
	case mLose:
		x.noteOrder(x.mail[a], "is lost")
		x.mail = slices.Delete(x.mail, a, a+1)
	case mRepeat:
		l := x.mail[a]
		x.noteOrder(l, "comes twice")
		l.late = l.request() // nobody takes a second answer
		x.mail = append(x.mail, l)
	case mSetClock:
		s := x.server(a)
		s.jumped += api.Duration(b-int(s.ahead)) * tick
		s.ahead = uint8(b)
	case mPowerLoss:
		x.powerLoss()
	case mReboot:
		x.reboot(a)
	case mTear:
		x.tear(a, b)
	case mFail:
		agent := x.agent(a)
		if then := x.endProcess(a, agent.procs[b].id, api.OutcomeFailed); agent.up {
			x.feed(a, then...)
		}
	}
}

func (x *run) fallIll(who int, m move) {
	switch agent := who - len(x.servers); {
	case agent > len(x.agents) || m.b == uint16(short):
		x.mendStore(who, ills(m.b))
	case agent == len(x.agents):
		x.full = m.kind == mFillJournal
	case agent >= 0:
		a := x.agent(agent)
		if m.kind == mLie {
			a.safe = len(a.disk.records)
		}
		a.ills = a.ills&^ills(m.b) | illOf(m.kind)
	default:
		s := x.server(who)
		s.ills = s.ills&^ills(m.b) | illOf(m.kind)
	}
}

// split parts a leader, together with some of the nodes, from the journal and from
// everybody else.
func (x *run) split(i int) {
	x.server(i).ills |= cut
	for j := range x.agents {
		if j%len(x.servers) == i {
			a := x.agent(j)
			a.ills, a.only = a.ills|apart, uint16(i)
		}
	}
}

// mendAll ends everything that lasts.
func (x *run) mendAll() {
	x.full = false
	for i := range x.servers {
		s := x.server(i)
		s.ills, s.stopped = 0, false
	}
	if x.gone != nil {
		x.mendStore(0, short)
	}
	for k := range x.stores {
		x.stores[k].ills, x.stores[k].rotten = x.stores[k].ills&lying, nil
	}
	for j := range x.agents {
		x.agent(j).ills &= lying
	}
}

// powerLoss ends the journal's process. Its last record is lost, since it was
// neither acknowledged nor read, and so is every append on its way.
func (x *run) powerLoss() {
	last := x.tail
	x.tail, x.late, x.torn = last.parent, nil, last.mark.Seq-1-last.parent.mark.Seq
	x.dropped(last)
	for i, s := range x.servers {
		if s.wire != wireIdle {
			x.outcome(mLoseAck, i)
		}
	}
}

// tear ends an agent while it writes: the first of its records have got to the disk,
// the next one is torn, and is cut off when the agent starts again.
func (x *run) tear(j, n int) {
	p := x.agents[j].wait.value.(pending)
	p.Records = p.Records[:n]
	x.agent(j).wait = x.t.thing(p)
	x.crashAgent(j, true)
}

// reboot ends a machine with its processes. A disk that lied has lost what it called
// synced, and the files of the tasks that it said so of.
func (x *run) reboot(j int) {
	x.crashAgent(j, false)
	a := x.agent(j)
	if a.ills.has(lying) {
		a.disk = x.t.ledger(nodeNames[j], a.disk.records[:a.safe])
		a.procs, a.acted, a.ills = a.started(), 0, a.ills&^lying
	}
	x.boot(j)
}

// started are the processes whose start the ledger has.
func (a *agent) started() (out []proc) {
	for _, p := range a.procs {
		for i := range a.disk.records {
			for k := range a.disk.records[i].Starts {
				if a.disk.records[i].Starts[k].Assignment.Attempt == p.id {
					out = append(out, p)
				}
			}
		}
	}
	return out
}
