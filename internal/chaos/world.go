package chaos

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"drover.dev/internal/control"
	"drover.dev/internal/state"
)

// The model's time goes by in ticks. All waits of the protocol but these are
// shorter than a tick, so a tick ends them.
const (
	tick        = 6 * api.Second
	silentAfter = 2 * tick // also the lease of tasks marked atMostOnce
	lease       = tick     // Settings.Lease
	drift       = tick     // Settings.Drift: lease and drift are what an agent's clock may lose
	patience    = 1        // ticks for which a leader need not confirm that it leads
	heartbeat   = tick * 4 / 5
	forever     = 1000 * api.Hour
	bootTime    = api.Hour // the agents' machines started so long before
	epochBegin  = api.Time(1_700_000_000_000_000_000)
)

// nodeNames are those of the agents, in order.
var nodeNames = [...]string{
	"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
	"n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z",
}

// firstBoot names an agent's machine's boot until it loses power.
const firstBoot = "boot"

// world is a state of everything: the journal, the servers, the agents, what they
// say to each other, and the time. Its parts are never changed once they are
// shared: a move copies what it changes.
type world struct {
	clock   uint8 // ticks
	left    budget
	tail    *record // the journal's last record
	servers []*server
	agents  []*agent
	clients []client
	mail    []letter
	late    []*record // appends under way that nobody waits for any more
	full    bool      // the journal has no room
	torn    uint64    // entries behind the last record that are no records
	stores  []store   // the machines that keep the journal; none: one that is not looked into
	gone    *record   // the last record of a journal that has lost some; nil: it has all
	packets []uint8   // under way to nodes that they are to wake
	lull    bool      // nothing fails any more
	idle    uint8     // ticks since all work but the last has ended then
	began   bool      // all tasks of the last workload have run at once
}

// budget is how often what need not happen may still happen.
type budget struct{ faults, campaigns, ticks uint8 }

// record is an entry of a journal, or one that is to become that.
type record struct {
	parent *record
	mark   control.Mark
	view   *view // of the cell after it
	inputs []*thing
	read   bool // somebody knows that it stands
}

// follow makes the record of a decision, to stand at a sequence.
func (r *record) follow(server int, epoch, seq uint64, d *decision, inputs []*thing) *record {
	n := &record{parent: r, view: d.view, inputs: inputs}
	b := append([]byte{byte(server)}, r.mark.Hash[:]...) // no two servers have one name
	b = binary.AppendUvarint(binary.AppendUvarint(b, epoch), uint64(d.view.id))
	for _, in := range inputs {
		b = binary.AppendUvarint(b, uint64(in.id))
	}
	n.mark = control.Mark{Seq: seq, N: r.mark.N + 1, Epoch: epoch, Hash: sha256.Sum256(b)}
	return n
}

// after lists the records behind one, oldest first.
func (r *record) after(n uint64) (out []*record) {
	for ; r.mark.N > n; r = r.parent {
		out = append(out, r)
	}
	slices.Reverse(out)
	return out
}

// end is the journal's last sequence.
func (w *world) end() uint64 { return w.tail.mark.Seq + w.torn }

// truth is the last record that stood: the journal's last, unless it has lost some.
func (w *world) truth() *record {
	if w.gone != nil {
		return w.gone
	}
	return w.tail
}

// server is a server with the real rules of leadership. Its shadow stands where
// the rules' last acknowledged record is.
type server struct {
	up     bool
	ahead  uint8 // ticks by which its clock is ahead
	ills   ills
	time   control.Clock // of its records, in a line
	jumped api.Duration  // by which its clock was set forward
	rules  control.Leader
	at     *record // the last one folded in
	engine *view   // what the deciding engine has come to: ahead of at by the flight
	opened bool    // the record that opens the epoch stands
	since  uint8   // when it did
	proved uint8   // when it was last sure to lead
	looked uint8   // when it last looked who is silent
	quiet  []uint8 // by node: ticks in which it listened and heard nothing
	base   []uint64
	ears   *ears
	back   []uint8 // nodes that spoke after a silence
	queue  []item
	own    []*thing // inputs of the server itself
	flight *flight
	wire   wire

	tried   [len(nodeNames)]try // when it woke a node last
	seen    *record             // its witness: the last record of which it was told that it stands
	stopped bool                // it found the journal damaged, and does not start before that is mended
}

// item is an input of somebody who waits.
type item struct {
	input  *thing
	client int8 // who waits; -1: an agent, or nobody
	agent  int8
	call   call
}

func nobody(in *thing) item { return item{input: in, client: -1, agent: -1} }

// flight is the batch on its way into the journal.
type flight struct {
	record  *record
	own     []*thing // inputs of the server itself
	items   []item
	answers []state.Answer // of the items
	sent    uint8
}

// wire is where an append stands.
type wire uint8

const (
	wireIdle   wire = iota
	wireSent        // on its way to the journal
	wireStored      // the acknowledgement is on its way back
	wireOutrun      // the refusal is on its way back
)

// hears tells whether a server takes what agents and clients send to a leader.
func (s *server) hears() bool { return s.leads() && !s.ills.has(asleep) && !s.ills.has(deaf) }

// leads tells whether the server believes that it leads.
func (s *server) leads() bool { return s.up && s.opened && s.rules.Phase != control.Following }

// agent is a node: the real core, its disk, and the processes, which outlive it.
type agent struct {
	up    bool
	lag   uint8 // ticks by which its clock is late
	asked uint8 // lag when it sent its last heartbeat
	sure  uint8 // lag when it sent the one that its lease is from
	ills  ills
	boot  string // of its machine
	safe  int    // records that are on its disk, when that lies about the others
	only  uint16 // the server that it reaches, when it is apart
	mind  *mind
	disk  *ledger
	wait  *thing // pending: what waits for the disk
	lease api.Duration
	acted uint64 // the highest epoch in which it started work
	procs []proc

	nap     nap
	napAt   uint8 // the tick in which its hook ran
	byHand  bool  // an operator has had it woken
	unwoken uint8 // ticks for which it was to be woken, and nobody did
}

// proc is a process of a task. Ended ones stay: they left files.
type proc struct {
	id      api.Attempt
	once    bool
	running bool
	outcome api.Outcome
}

// pending is what an agent has decided and not yet written.
type pending struct {
	Records []core.Record
	Actions []core.Action
	Sync    bool
}

// client is somebody who has commands, one after the other, each repeated until
// it is answered.
type client struct {
	state   clientState
	tries   uint8 // of the present command
	done    uint8 // commands that were answered
	answers [2]state.Answer
}

type clientState uint8

const (
	clientIdle clientState = iota
	clientWaits
)

// letter is a message under way between an agent and whoever leads. Those of a
// call that its agent has given up are late: nobody takes an answer to them.
type letter struct {
	kind  letterKind
	agent uint8
	late  bool
	what  *thing
}

type letterKind uint8

const (
	askHello letterKind = iota
	askPull
	askReports
	askBeat
	sayWelcome // answers, in the order of the calls
	saySet
	sayAck
	sayBeaten
	sayRefused
	sayHint
)

// call is the kind of call that a letter belongs to.
func (l letter) call() call {
	switch {
	case l.kind < sayWelcome:
		return call(l.kind)
	case l.kind < sayRefused:
		return call(l.kind - sayWelcome)
	case l.kind == sayRefused:
		return l.what.value.(call)
	}
	return calls
}

func (l letter) request() bool { return l.kind < sayWelcome }

// epoch is that of the leader who wrote it.
func (l letter) epoch() uint64 {
	switch v := l.what.value.(type) {
	case api.Welcome:
		return v.Epoch
	case api.AssignmentSet:
		return v.Epoch
	case api.ReportsAck:
		return v.Epoch
	case api.Hint:
		return v.Epoch
	}
	return ^uint64(0)
}

// Times of the three clocks.

func (w *world) monotonic() api.Duration { return bootTime + api.Duration(w.clock)*tick }

func (w *world) agentTime(j int) api.Duration {
	return w.monotonic() - api.Duration(w.agents[j].lag)*tick
}

// now is the time of a server's next record: never before that of the last one.
func (x *run) now(s *server) api.Time {
	if x.t.line != nil {
		c := s.time
		now, _ := c.Now(x.wall(s), x.monotonic())
		return now
	}
	return max(s.engine.now, x.wall(s))
}

// wall is what a server's clock shows.
func (w *world) wall(s *server) api.Time {
	return epochBegin.Add((api.Duration(w.clock) + api.Duration(s.ahead)) * tick)
}

// clone makes a world that may be changed at the top; see server and agent.
func (w *world) clone() *world {
	c := *w
	c.servers, c.agents, c.clients = slices.Clone(w.servers), slices.Clone(w.agents), slices.Clone(w.clients)
	c.mail, c.late = slices.Clone(w.mail), slices.Clone(w.late)
	return &c
}

// server and agent give a copy that may be changed; lists in it are replaced, not
// changed in place.
func (w *world) server(i int) *server {
	c := *w.servers[i]
	w.servers[i] = &c
	return &c
}

func (w *world) agent(j int) *agent {
	c := *w.agents[j]
	w.agents[j] = &c
	return &c
}
