package chaos

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
)

// run is one move being made: the world that it changes, and what it violates.
type run struct {
	*world
	in    *Instance
	t     *tables
	fault string
	said  []string // what happened, for the trace
}

func (x *run) violate(format string, args ...any) {
	if x.fault == "" {
		x.fault = fmt.Sprintf(format, args...)
	}
}

// happen counts what servers and nodes of a storm go through.
func (x *run) happen(what string) {
	if x.t.line != nil {
		x.t.line.happened[what]++
	}
}

func (x *run) say(format string, args ...any) {
	if x.in.tell {
		x.said = append(x.said, fmt.Sprintf(format, args...))
	}
}

// handle tells a server's rules what happened, and does what they say.
func (x *run) handle(i int, in control.LeaderInput) {
	s := x.server(i)
	for _, a := range s.rules.Handle(in) {
		switch a := a.(type) {
		case control.Begin:
			s.engine = s.at.view
			s.time.Saw(s.engine.now)
			s.own = []*thing{x.t.thing(&engine.Lead{Epoch: a.Epoch, Server: "server"})}
			x.say("%s begins epoch %d from record %d", serverName(i), a.Epoch, s.at.mark.N)
		case control.Append:
			s.wire = wireSent
			x.say("append record %d of epoch %d", s.flight.record.mark.N, s.rules.Epoch)
			if x.in.Bug == AckBeforeSync {
				x.release(i, s)
			}
		case control.Release:
			s.flight.record.read = true
			s.at, s.proved = s.flight.record, max(s.proved, s.flight.sent)
			s.seen = s.at
			x.say("release record %d", s.at.mark.N)
			x.open(s)
			x.release(i, s)
			s.flight = nil
		case control.Fold:
			s.at = x.tail.after(s.at.mark.N)[0]
			s.seen = s.at
			x.say("fold record %d", s.at.mark.N)
		case control.StepDown:
			x.stepDown(s)
			x.say("step down")
		}
	}
}

// open begins a leadership, once its first record stands: from here on the server
// listens, and every node has a full grace period.
func (x *run) open(s *server) {
	if s.opened {
		return
	}
	s.opened, s.since, s.looked, s.ears, s.quiet = true, x.clock, x.clock, x.t.listen(x.monotonic()), make([]uint8, len(x.agents))
	from := x.monotonic()
	if x.in.Bug == NoGrace {
		s.ears = x.t.hear(s.ears, sound{kind: soundTick, now: from}).ears
		from -= silentAfter
		x.say("the nodes' silence counts from before")
	}
	for j, n := range s.at.view.nodes {
		if n.registered {
			s.ears = x.t.hear(s.ears, sound{kind: soundTrack, node: nodeNames[j], silent: n.silent, now: from}).ears
		}
	}
}

// release lets the effects of the flight out: answers, acknowledgements, hints.
func (x *run) release(i int, s *server) {
	f := s.flight
	for n, it := range f.items {
		if in, ok := it.input.value.(*engine.Register); ok && f.answers[n].Code == 0 {
			x.tracked(s, slices.Index(nodeNames[:], in.Node.Name))
		}
		x.settle(s, it, f.answers[n].Code == 0)
		if it.client >= 0 {
			c := &x.clients[it.client]
			if c.answers[c.done] = f.answers[n]; !x.stands(it.input, f.answers[n]) {
				x.violate("%s", unanswered(int(it.client)))
			}
			c.state, c.tries, c.done = clientIdle, 0, c.done+1
			x.say("answer client %d", it.client)
		}
	}
	before := f.record.parent.view
	for j, n := range f.record.view.nodes {
		was := &before.nodes[j]
		if was.registered && (n.version > was.version && len(n.held) > 0 || n.power != was.power) {
			x.post(letter{kind: sayHint, agent: uint8(j), what: x.t.thing(api.Hint{Epoch: f.record.view.epoch, Version: n.version, Power: n.asked()})})
			x.say("hint %s: version %d", nodeNames[j], n.version)
		}
	}
}

// tracked has a leader count a node that was registered: as having spoken, where it knows it.
func (x *run) tracked(s *server, j int) {
	if s.ears == nil {
		return
	}
	h := x.t.hear(s.ears, sound{kind: soundHeard, node: nodeNames[j], now: x.monotonic()})
	if !h.known {
		h = x.t.hear(h.ears, sound{kind: soundTrack, node: nodeNames[j], now: x.monotonic()})
	}
	if s.ears = h.ears; h.back {
		s.back = append(slices.Clip(s.back), uint8(j))
	}
}

// stepDown ends a leadership. Who waits for its batch, or for the next one, is not
// answered, and asks again: what waits was looked at with what this epoch knew.
func (x *run) stepDown(s *server) {
	if s.flight != nil {
		x.forsake(s.flight.items)
	}
	x.forsake(s.queue)
	s.queue, s.engine, s.opened, s.own, s.ears, s.quiet, s.back, s.flight, s.wire = nil, nil, false, nil, nil, nil, nil, nil, wireIdle
	s.tried = [len(nodeNames)]try{}
}

// decide makes the next batch of all that waits.
func (x *run) decide(i int) {
	x.notice(i)
	s := x.server(i)
	inputs, items := s.batch()
	d := x.t.decide(s.engine, x.now(s), inputs)
	if d.err != nil {
		x.violate("the engine fails: %v", d.err)
		return
	}
	if d.idle && x.t.line != nil {
		return
	}
	r := s.at.follow(i, s.rules.Epoch, s.rules.Acked.Seq+1, d, inputs)
	s.flight = &flight{record: r, own: inputs[:len(inputs)-len(items)], items: items, sent: x.clock}
	if len(items) > 0 {
		s.flight.answers = d.answers[len(inputs)-len(items):]
	}
	s.engine, s.own = d.view, nil
	if s.opened {
		s.queue = nil
	}
	x.sayInputs(inputs, d)
	x.handle(i, control.Decided{Hash: r.mark.Hash})
}

// batch is what the next record is decided on. Until the epoch is open it is only
// what opens it.
func (s *server) batch() (inputs []*thing, items []item) {
	inputs = slices.Clone(s.own)
	if !s.opened {
		return inputs, nil
	}
	for _, it := range s.queue {
		inputs = append(inputs, it.input)
	}
	return inputs, s.queue
}

// hasWork tells whether there is something to decide.
func (x *run) hasWork(s *server) bool {
	if !s.up || s.rules.Phase != control.Leading {
		return false
	}
	if len(s.own) > 0 || s.opened && len(s.queue) > 0 {
		return true
	}
	if x.t.line != nil {
		return s.opened && (s.engine.more || s.engine.wake != 0 && s.engine.wake <= x.now(s))
	}
	return s.opened && !x.t.decide(s.engine, x.now(s), nil).idle
}

// arrive brings an append to the journal, which applies its fence.
func (x *run) arrive(r *record) bool {
	if x.end() != r.mark.Seq-1 && x.in.Bug != NoFence {
		return false
	}
	if x.gone != nil {
		x.violate("record %d is decided on a journal that has lost records that were acknowledged", r.mark.N)
	}
	if x.tail != r.parent {
		x.violate("the fence let record %d of epoch %d in behind one that it does not follow", r.mark.N, r.mark.Epoch)
	}
	if r.mark.Epoch < x.tail.mark.Epoch {
		x.violate("record %d of epoch %d follows one of epoch %d", r.mark.N, r.mark.Epoch, x.tail.mark.Epoch)
	}
	x.tail, x.torn = r, 0
	x.write()
	if r.view.fault != "" {
		x.violate("%s", r.view.fault)
	}
	if why := x.t.reread(r); why != "" {
		x.violate("%s", why)
	}
	x.say("record %d stands in the journal", r.mark.N)
	x.notePower(r)
	// An append that comes too late for good is as good as lost.
	x.late = slices.DeleteFunc(x.late, func(l *record) bool { return l.mark.Seq <= r.mark.Seq })
	return true
}

// readBack gives a server what stands in the journal behind its last record.
func (x *run) readBack(i int) {
	in := control.ReadBack{End: x.known()}
	last, ok := x.legible(i, x.servers[i].at)
	if !ok {
		return
	}
	for _, r := range last.after(x.servers[i].at.mark.N) {
		r.read = true
		in.Marks = append(in.Marks, r.mark)
	}
	x.handle(i, in)
}

// follow lets a server that does not lead fold in what stands in the journal.
func (x *run) follow(i int) {
	x.readBack(i)
	s := x.servers[i]
	if !s.up {
		return
	}
	s.base = versions(s.at.view)
}

// versions are those of the nodes' sets. It does not matter that of earlier changes
// a server knows nothing then: whoever it will lead begins with a whole set.
func versions(v *view) []uint64 {
	out := make([]uint64, len(v.nodes))
	for j := range v.nodes {
		out[j] = v.nodes[j].version
	}
	return out
}

// crash ends a server; what waited there is not known to anybody any more.
func (x *run) crash(i int) {
	x.leaves(i)
	s := x.server(i)
	if s.wire == wireSent {
		x.say("its append is lost with it")
	}
	if s.flight != nil {
		x.forsake(s.flight.items)
	}
	x.forsake(s.queue)
	*s = server{ahead: s.ahead, seen: s.seen}
}

// restart begins a server's next life by replaying the journal.
func (x *run) restart(i int) {
	last, ok := x.legible(i, nil)
	if !ok {
		return
	}
	s := x.server(i)
	s.up, s.at, s.seen, last.read = true, last, last, true
	mark := last.mark
	mark.Seq = x.known()
	s.rules = *control.NewLeader(mark)
	x.t.forget(i)
	s.base = versions(s.at.view)
	x.say("replay the journal to record %d", s.at.mark.N)
}

func serverName(i int) string { return "server " + string(rune('1'+i)) }

// sayInputs tells what a batch was decided on and what came of it.
func (x *run) sayInputs(inputs []*thing, d *decision) {
	if !x.in.tell {
		return
	}
	for _, in := range inputs {
		x.say("in:  %s", showInput(in.value.(engine.Input)))
	}
	for _, ev := range d.events {
		x.say("out: %s", showEvent(ev))
	}
}
