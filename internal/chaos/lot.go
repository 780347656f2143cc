package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"drover.dev/api"
)

// lot draws what happens next in a storm. Faults are drawn by kind first, so that those
// which are seldom possible come as often as those that always are.
type lot struct {
	weather
	work  []move
	ends  []move // of tasks
	jobs  []move // that clients submit, where they come one by one
	first []move // what comes before all else: a leader in a patient storm makes sure of itself
	mends []move
	ask   []move // campaigns
	wrong [kinds][]move
	hits  []move
}

func (l *lot) draw(rng *rand.Rand, x *run) (move, bool) {
	l.sort(x)
	if len(l.first) > 0 {
		return oneOf(rng, l.first), true
	}
	if l.naps && rng.IntN(8) == 0 {
		if m, ok := l.napFault(rng, x); ok {
			return m, true
		}
	}
	led := slices.ContainsFunc(x.servers, (*server).hears)
	switch at := rng.Float64(); {
	case at < l.faults:
		if m, ok := l.fault(rng, x, mRefuse); ok {
			return m, true
		}
	case at < l.faults+l.mend && len(l.mends) > 0:
		return oneOf(rng, l.mends), true
	case at < l.faults+l.mend+l.tick && x.left.ticks > 0:
		if !l.prompt || len(l.work) == 0 || l.trickle && rng.IntN(3) == 0 {
			return move{mTick, 0, 0}, true
		}
	case len(l.ask) > 0 && (at < l.faults+l.mend+l.tick+l.lead || !led && rng.IntN(10) == 0):
		return oneOf(rng, l.ask), true
	}
	return l.usual(rng, x, led)
}

// usual draws from what happens without a fault. A cell in which nothing is left to do
// mends, and servers ask to lead there, before time goes by.
func (l *lot) usual(rng *rand.Rand, x *run, led bool) (move, bool) {
	idle, ticks := len(l.work) == 0, x.left.ticks > 0
	switch {
	case l.naps && len(l.jobs) > 0 && rng.IntN(200) == 0:
		return oneOf(rng, l.jobs), true
	case idle && len(l.ask) > 0 && rng.IntN(4) == 0:
		return oneOf(rng, l.ask), true
	case idle && len(l.jobs) > 0 && rng.IntN(2) == 0:
		return oneOf(rng, l.jobs), true
	case idle && len(l.mends) > 0 && rng.IntN(4) == 0:
		return oneOf(rng, l.mends), true
	case idle && l.prompt && ticks && (len(l.ends) == 0 || rng.Float64() >= l.exit):
		return move{mTick, 0, 0}, true
	case !idle || len(l.ends) > 0:
		return l.next(rng), true
	case len(l.ask) > 0 && !led:
		return oneOf(rng, l.ask), true
	case ticks:
		return move{mTick, 0, 0}, true
	}
	return move{}, false
}

// next draws from the work and from the tasks that may end.
func (l *lot) next(rng *rand.Rand) move {
	at := rng.IntN(len(l.work) + len(l.ends))
	switch {
	case at < len(l.work):
		return l.work[at]
	case len(l.work) == 0 || rng.Float64() < l.exit:
		return l.ends[at-len(l.work)]
	}
	return oneOf(rng, l.work)
}

// sort puts what may happen where it belongs.
func (l *lot) sort(x *run) {
	l.jobs, l.first, l.work, l.ends, l.mends, l.ask = l.jobs[:0], l.first[:0], l.work[:0], l.ends[:0], l.mends[:0], l.ask[:0]
	for k := range l.wrong {
		l.wrong[k] = l.wrong[k][:0]
	}
	x.eachMove(func(m move) {
		switch {
		case m.kind >= mRefuse:
			if l.allowed[m.kind] && !(l.patient && x.toomuch(m)) {
				l.wrong[m.kind] = append(l.wrong[m.kind], m)
			}
		case m.kind == mMend:
			l.mends = append(l.mends, m)
		case m.kind == mExit:
			l.ends = append(l.ends, m)
		case m.kind == mCampaign:
			l.ask = append(l.ask, m)
		case m.kind == mSubmit && (l.trickle || l.naps):
			l.jobs = append(l.jobs, m)
		case m.kind == mConfirm && l.patient:
			l.first = append(l.first, m)
		case m.kind != mTick:
			l.work = append(l.work, m)
		}
	})
}

// napFault draws from what may go wrong while a machine falls asleep or is woken, which is
// possible for a few moves only. A leader may crash instead of running its hook.
func (l *lot) napFault(rng *rand.Rand, x *run) (move, bool) {
	m, ok := l.fault(rng, x, mHookFails)
	if ok && m.kind == mRouseFails && l.allowed[mCrash] && rng.IntN(2) == 0 {
		m = move{mCrash, m.a, 0}
	}
	return m, ok
}

// fault draws from the kinds of faults from one on.
func (l *lot) fault(rng *rand.Rand, x *run, from moveKind) (move, bool) {
	possible := 0
	for k := range l.wrong[from:] {
		possible += int(bit(len(l.wrong[int(from)+k]) > 0))
	}
	if possible == 0 {
		return move{}, false
	}
	at := rng.IntN(possible)
	for k := int(from); k < len(l.wrong); k++ {
		if len(l.wrong[k]) == 0 {
			continue
		}
		if at--; at < 0 {
			return l.victim(rng, x, l.wrong[k]), true
		}
	}
	return move{}, false
}

// victim picks one of a kind of fault, mostly one that hits an unlucky node.
func (l *lot) victim(rng *rand.Rand, x *run, list []move) move {
	if rng.IntN(4) > 0 {
		if l.patient {
			l.unlucky = x.exposed(l.unlucky)
		}
		l.hits = l.hits[:0]
		for _, m := range list {
			if slices.Contains(l.unlucky[:], x.node(m)) {
				l.hits = append(l.hits, m)
			}
		}
		if len(l.hits) > 0 {
			list = l.hits
		}
	}
	return oneOf(rng, list)
}

// node is whom a fault hits; -1 when it is no node.
func (x *run) node(m move) int {
	switch m.kind {
	case mCrashAgent, mCrashAgentKept, mTear, mGiveUpEarly, mReconnect, mTickLate, mReboot, mFail:
		return int(m.a)
	case mCut, mFillDisk, mLie:
		return int(m.a) - len(x.servers)
	case mLose, mRepeat:
		return int(x.mail[m.a].agent)
	}
	return -1
}

func oneOf[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// faultNames are the kinds of faults, as people name them.
var faultNames = [kinds]string{
	mRefuse: "append-refused", mLoseAppend: "append-lost", mLoseAck: "ack-lost", mDelay: "append-late",
	mCrash: "server-crash", mCrashAgent: "agent-crash", mCrashAgentKept: "agent-crash-synced", mImpatient: "client-impatient",
	mGiveUpEarly: "call-given-up", mReconnect: "reconnect", mTickLate: "clock-slow", mLose: "message-lost",
	mRepeat: "message-repeated", mPowerLoss: "journal-power-loss", mReboot: "node-power-loss", mFail: "task-fails",
	mSetClock: "clock-set", mCut: "cut-off", mDeafen: "server-unreachable", mPause: "server-paused",
	mFillDisk: "disk-full", mLie: "disk-lies", mFillJournal: "journal-full",
	mSplit: "split", mTear: "ledger-torn",
	mTearJournal: "journal-torn", mStoreLies: "store-lies", mFillStore: "store-full", mCutStore: "store-cut-off",
	mStorePower: "store-power-loss", mRot: "record-rots", mCutJournal: "journal-cut",
	mHookFails: "sleep-hook-fails", mHookLate: "sleep-hook-late", mRouseFails: "wake-hook-fails", mWakeLost: "wake-lost", mWakeTwice: "wake-repeated",
}

// FaultKinds lists the kinds of faults of a storm.
func FaultKinds() []string { return slices.Clone(faultNames[mRefuse:]) }

// kindOf finds a kind by its name; 0 is none.
func kindOf(name string) moveKind {
	return moveKind(max(0, slices.Index(faultNames[:], name)))
}

type counted [kinds]int

func (f *counted) named() map[string]int {
	out := map[string]int{}
	for k, n := range f {
		if n > 0 {
			out[faultNames[k]] = n
		}
	}
	return out
}

func (p *passed) named() map[string]int {
	out := map[string]int{}
	for from := range p {
		for to, n := range p[from] {
			if n > 0 {
				out[fmt.Sprintf("%s→%s", api.TaskStatus(from), api.TaskStatus(to))] = n
			}
		}
	}
	return out
}

// describeStorm says what a move of storms is.
func (w *world) describeStorm(m move) string {
	a, b := int(m.a), int(m.b)
	switch m.kind {
	case mLose:
		return w.mail[a].describe() + " is lost"
	case mRepeat:
		return w.mail[a].describe() + " is sent twice"
	case mPowerLoss:
		return "the journal loses power before its last record is safe"
	case mReboot:
		return "node " + nodeNames[a] + " loses power"
	case mFail:
		return "node " + nodeNames[a] + ": " + showAttempt(w.agents[a].procs[b].id) + " fails"
	case mSetClock:
		return fmt.Sprintf("the clock of %s is set from %v ahead to %v ahead", serverName(a), api.Duration(w.servers[a].ahead)*tick, api.Duration(b)*tick)
	case mTear:
		return fmt.Sprintf("agent %s crashes while it writes its ledger: %d of its records are there, the next one is torn", nodeNames[a], b)
	case mSplit:
		return serverName(a) + " is parted, with some of the nodes, from the journal and everybody else"
	case mMend:
		return w.party(a) + " is no longer " + ills(b).String()
	case mReplicate:
		return w.party(a) + " catches up"
	case mTearJournal:
		return "the journal loses power while it writes its last record, which is torn"
	case mStorePower:
		return w.party(a) + " loses power"
	case mHook, mHookFails, mHookLate, mDoze:
		return "node " + nodeNames[a] + " " + verbs[m.kind]
	case mByHand:
		return "an operator has node " + nodeNames[b] + " woken by " + serverName(a)
	case mRouse, mRouseFails:
		return serverName(a) + " " + verbs[m.kind] + " node " + nodeNames[b]
	case mWake, mWakeLost, mWakeTwice:
		return "the packet that is to wake node " + nodeNames[w.packets[a]] + " " + verbs[m.kind]
	case mRot:
		return fmt.Sprintf("%s flips a bit of a record, %d before its last", w.party(a), b)
	}
	return w.party(a) + " is " + illOf(m.kind).String()
}

// party names who falls ill.
func (w *world) party(who int) string {
	switch agent := who - len(w.servers); {
	case agent == len(w.agents):
		return "the journal"
	case agent > len(w.agents):
		return fmt.Sprintf("disk %d of the journal", agent-len(w.agents))
	case agent >= 0:
		return "node " + nodeNames[agent]
	}
	return serverName(who)
}

// String says which ill it is.
func (i ills) String() string {
	switch i {
	case cut:
		return "cut off"
	case deaf:
		return "out of reach"
	case asleep:
		return "paused"
	case lying:
		return "on a disk that lies"
	case apart:
		return "apart"
	case rotten:
		return "damaged"
	case short:
		return "without records that were acknowledged"
	}
	return "without room"
}
