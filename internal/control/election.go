package control

import (
	"hash/fnv"

	"drover.dev/api"
)

// Terms are the times by which the servers of a cell elect the next leader.
type Terms struct {
	// Patience is the silence of the leader after which another server
	// campaigns, and the longest that a leader acts without having confirmed that
	// it still leads.
	Patience api.Duration
	// First is the patience of a server that has just started, or was asleep: it
	// is longer than two signs of a leader are apart.
	First api.Duration
	// Spread keeps servers from campaigning all at once: each waits a part of it
	// longer that follows from its name.
	Spread api.Duration
}

// A Sign is what a server says of itself now and then, or when it leaves. Only
// the signs of a leader bear on an election.
type Sign struct {
	Server string // unlike that of every other server
	Epoch  uint64 // that it leads, or the highest that it knows
	Leads  bool
	Leaves bool // it will do nothing more in this epoch
}

// Election decides when a server asks to lead, and whom it believes to lead. It
// makes leading quick, not safe: that two servers campaign at once is settled by
// the journal's fence (see Leader), which only one of them passes.
//
//   - Whoever leads the highest epoch that is known to have begun is believed.
//     Signs of an older one are those of a leader that was asleep: they are ignored.
//   - Silence for as long as Patience and a part of Spread, and this server
//     campaigns; at once, Spread apart, when the leader said that it leaves.
//   - A campaign that met records of others shows that somebody leads: patience
//     begins anew. One that failed without them (no room, no quorum) is repeated
//     after a pause that doubles.
//   - A server that was asleep, or had no connection, first listens for a while:
//     it cannot know who spoke meanwhile.
//
// Times are those of a monotonic clock. A sole server has nobody to wait for.
type Election struct {
	self   string
	terms  Terms
	sole   bool
	epoch  uint64 // the highest that is known to have begun
	leader string // who leads it; "" when that is not known
	due    api.Duration
	ticked api.Duration // the last Tick
	losses uint         // campaigns and leaderships that ended without another leader, in a row
	turns  uint64
}

// Pauses between campaigns that fail for want of a journal.
const (
	firstPause = 5 * api.Millisecond
	mostPause  = api.Second
)

// NewElection starts behind a journal whose highest epoch is given.
func NewElection(self string, t Terms, epoch uint64, now api.Duration) *Election {
	e := &Election{self: self, terms: t, epoch: epoch}
	e.ticked = now
	e.Woke(now)
	return e
}

// NewSole is the election of a server whose journal nobody else can reach.
func NewSole(epoch uint64) *Election { return &Election{sole: true, epoch: epoch} }

// Due is when to campaign, unless something is heard before.
func (e *Election) Due() api.Duration { return e.due }

// Epoch is the highest epoch that is known to have begun.
func (e *Election) Epoch() uint64 { return e.epoch }

// Leader is who leads as far as is known; "" when nobody does, or it is not known
// who. It may be this server.
func (e *Election) Leader() string { return e.leader }

// Heard takes what another server says of itself. It tells whether that changed
// who is believed to lead, or what is known to have begun.
func (e *Election) Heard(s Sign, now api.Duration) (news bool) {
	if e.sole || s.Server == e.self || !s.Leads && !s.Leaves || s.Epoch < e.epoch {
		return false
	}
	news = s.Epoch > e.epoch || s.Server != e.leader
	e.epoch, e.leader, e.losses = s.Epoch, s.Server, 0
	e.wait(now, e.terms.Patience)
	if s.Leaves {
		e.leader, news = "", true
		e.wait(now, 0)
	}
	return news
}

// Began says that the journal holds the first record of an epoch that another
// server leads. Its signs will follow.
func (e *Election) Began(epoch uint64, now api.Duration) {
	if epoch <= e.epoch {
		return
	}
	e.epoch, e.leader = epoch, ""
	e.wait(now, e.terms.Patience)
}

// Won says that this server leads an epoch: its first record stands.
func (e *Election) Won(epoch uint64) { e.epoch, e.leader, e.losses = epoch, e.self, 0 }

// Lost says that a campaign, or the leadership that came of it, ended. Outrun says
// that the journal held records of others then.
func (e *Election) Lost(outrun bool, now api.Duration) {
	if e.leader == e.self {
		e.leader = ""
	}
	if outrun && !e.sole {
		e.losses = 0
		e.wait(now, e.terms.Patience)
		return
	}
	e.losses++
	e.due = now + min(mostPause, firstPause<<min(e.losses, 10))
	if !e.sole {
		e.due += e.share() / 8
	}
}

// Woke says that this server could not hear the others for some time.
func (e *Election) Woke(now api.Duration) {
	if !e.sole {
		e.due = max(e.due, now+e.terms.First+e.share())
	}
}

// Tick is to be called several times in First: a longer gap is one in which this
// server was asleep. It drops a leader that was not heard of for as long as
// Patience, and tells whether it did.
func (e *Election) Tick(now api.Duration) (news bool) {
	gap := now - e.ticked
	if e.ticked = now; gap > e.terms.First {
		e.Woke(now)
	}
	if e.leader == "" || e.leader == e.self || now < e.due {
		return false
	}
	e.leader = ""
	return true
}

func (e *Election) wait(now, patience api.Duration) {
	e.turns++
	e.due = now + patience + e.share()
}

// share is this server's part of the spread, another one at each turn.
func (e *Election) share() api.Duration {
	if e.terms.Spread <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(e.self))
	x := h.Sum64() + e.turns*0x9E3779B97F4A7C15 // Steele, Lea, Flood (2014), SplitMix64
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return api.Duration((x ^ x>>31) % uint64(e.terms.Spread))
}
