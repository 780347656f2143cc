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
			s.own = []*thing{x.t.thing(&engine.Lead{Epoch: a.Epoch, Server: "server"})}
			x.say("%s begins epoch %d from record %d", serverName(i), a.Epoch, s.at.mark.N)
		case control.Append:
			s.wire = wireSent
			x.say("append record %d of epoch %d", s.flight.record.mark.N, s.rules.Epoch)
			if x.in.Bug == AckBeforeSync {
				x.release(i, s)
			}
		case control.Release:
			s.at, s.proved = s.flight.record, max(s.proved, s.flight.sent)
			x.say("release record %d", s.at.mark.N)
			x.open(s)
			x.release(i, s)
			s.flight = nil
		case control.Fold:
			s.at = x.tail.after(s.at.mark.N)[0]
			x.say("fold record %d", s.at.mark.N)
		case control.StepDown:
			x.stepDown(s, a.By)
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
		x.settle(s, it, f.answers[n].Code == 0)
		if it.client >= 0 {
			c := &x.clients[it.client]
			c.answers[c.done] = f.answers[n]
			c.state, c.tries, c.done = clientIdle, 0, c.done+1
			x.say("answer client %d", it.client)
		}
	}
	before := f.record.parent.view
	for j, n := range f.record.view.nodes {
		was := &before.nodes[j]
		if n.registered && (!was.registered || was.silent && !n.silent) && s.ears != nil {
			s.ears = x.t.hear(s.ears, sound{kind: soundTrack, node: nodeNames[j], now: x.monotonic()}).ears
		}
		if was.registered && n.version > was.version && len(n.held) > 0 {
			x.post(letter{kind: sayHint, agent: uint8(j), what: x.t.thing(api.Hint{Epoch: f.record.view.epoch, Version: n.version})})
			x.say("hint %s: version %d", nodeNames[j], n.version)
		}
	}
}

// settle answers an agent's call.
func (x *run) settle(s *server, it item, ok bool) {
	if it.agent < 0 {
		return
	}
	l := letter{agent: uint8(it.agent), kind: sayWelcome + letterKind(it.call)}
	switch {
	case !ok:
		l.kind, l.what = sayRefused, x.t.thing(it.call)
	case it.call == hello:
		l.what = x.t.thing(api.Welcome{Epoch: s.rules.Epoch, Heartbeat: heartbeat, SilentAfter: silentAfter})
	default:
		l.what = x.t.thing(api.ReportsAck{Epoch: s.rules.Epoch}) // the sequence is for people
	}
	x.post(l)
}

// post sends a letter. One to an agent that is down is lost.
func (x *run) post(l letter) {
	if (l.request() || x.agents[l.agent].up) && !slices.Contains(x.mail, l) {
		x.mail = append(x.mail, l)
	}
}

// stepDown ends a leadership. Who waits for its batch is not answered, and asks
// again.
func (x *run) stepDown(s *server, by uint64) {
	if s.flight != nil {
		x.forsake(s.flight.items)
	}
	if by > 0 {
		x.forsake(s.queue)
		s.queue = nil
	}
	s.engine, s.opened, s.own, s.ears, s.quiet, s.back, s.flight, s.wire = nil, false, nil, nil, nil, nil, nil, wireIdle
}

// forsake lets clients whose commands are not decided, or not known to be, ask
// again. Agents find out by themselves.
func (x *run) forsake(items []item) {
	for _, it := range items {
		if it.client >= 0 {
			x.clients[it.client].state = clientIdle
		}
	}
}

// decide makes the next batch of all that waits.
func (x *run) decide(i int) {
	s := x.server(i)
	inputs, items := s.batch()
	d := x.t.decide(s.engine, x.time(), inputs)
	if d.err != nil {
		x.violate("the engine fails: %v", d.err)
		return
	}
	r := s.at.follow(i, s.rules.Epoch, d, inputs)
	s.flight = &flight{record: r, items: items, sent: x.clock}
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
	return s.opened && !x.t.decide(s.engine, x.time(), nil).idle
}

// arrive brings an append to the journal, which applies its fence.
func (x *run) arrive(r *record) bool {
	if x.tail.mark.Seq != r.mark.Seq-1 {
		return false
	}
	if x.tail != r.parent {
		x.violate("the fence let record %d of epoch %d in behind one that it does not follow", r.mark.N, r.mark.Epoch)
	}
	if r.mark.Epoch < x.tail.mark.Epoch {
		x.violate("record %d of epoch %d follows one of epoch %d", r.mark.N, r.mark.Epoch, x.tail.mark.Epoch)
	}
	x.tail = r
	if r.view.fault != "" {
		x.violate("%s", r.view.fault)
	}
	x.say("record %d stands in the journal", r.mark.N)
	// An append that comes too late for good is as good as lost.
	x.late = slices.DeleteFunc(x.late, func(l *record) bool { return l.mark.Seq <= r.mark.Seq })
	return true
}

// readBack gives a server what stands in the journal behind its last record.
func (x *run) readBack(i int) {
	in := control.ReadBack{End: x.tail.mark.Seq}
	for _, r := range x.tail.after(x.servers[i].at.mark.N) {
		in.Marks = append(in.Marks, r.mark)
	}
	x.handle(i, in)
}

// follow lets a server that does not lead fold in what stands in the journal.
func (x *run) follow(i int) {
	x.readBack(i)
	s := x.servers[i]
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

// look passes on which nodes have fallen silent, and which are back.
func (x *run) look(i int) {
	s := x.server(i)
	s.listened(x.clock)
	h := x.t.hear(s.ears, sound{kind: soundTick, now: x.monotonic()})
	s.ears, s.own = h.ears, slices.Clip(s.own)
	for _, c := range h.changes {
		s.own = append(s.own, x.t.thing(&engine.Silent{Node: c.Node}))
		x.say("%s is silent", c.Node)
		j := slices.Index(nodeNames[:], c.Node)
		if listened := api.Duration(s.quiet[j]) * tick; listened < silentAfter && !s.at.view.nodes[j].silent {
			x.violate("node %s is given up after this leader has listened for %v: that is no grace period", c.Node, listened)
		}
	}
	for _, j := range s.back {
		s.own = append(s.own, x.t.thing(&engine.Back{Node: nodeNames[j]}))
		x.say("%s is back", nodeNames[j])
	}
	s.back = nil
}

// listened counts the ticks since the last look, unless the server was asleep.
func (s *server) listened(now uint8) {
	s.quiet = slices.Clone(s.quiet)
	for j := range s.quiet {
		if now-s.looked == 1 {
			s.quiet[j] = min(s.quiet[j]+1, uint8(silentAfter/tick))
		}
	}
	s.looked = now
}

// confirm makes a leader sure that it still leads, by a look at the journal's end.
func (x *run) confirm(i int) {
	s := x.server(i)
	if x.tail == s.at {
		s.proved = x.clock
		x.say("it still leads")
		return
	}
	x.say("the journal has gone on without it")
}

// sure tells whether a leader may answer in its own name: it has confirmed not
// long ago that nobody else leads.
func (x *run) sure(s *server) bool {
	return x.clock-s.proved < patience || x.in.Bug == NeverConfirms
}

// serve lets a server answer a request, or queue what must be decided on.
func (x *run) serve(n, i int) {
	l := x.mail[n]
	x.mail = slices.Delete(x.mail, n, n+1)
	s := x.server(i)
	name := nodeNames[l.agent]
	if l.kind != askHello {
		h := x.t.hear(s.ears, sound{kind: soundHeard, node: name, now: x.monotonic()})
		s.quiet = slices.Clone(s.quiet)
		s.quiet[l.agent] = 0
		if s.ears = h.ears; h.back {
			s.back = append(slices.Clip(s.back), l.agent)
		}
		if !h.known {
			x.answer(l, letter{kind: sayRefused, what: x.t.thing(l.call())})
			return
		}
	}
	it := item{client: -1, agent: int8(l.agent), call: l.call()}
	if l.late {
		it.agent = -1
	}
	switch l.kind {
	case askHello:
		it.input = x.t.thing(&engine.Register{Node: node(int(l.agent))})
		s.queue = append(slices.Clip(s.queue), it)
	case askReports:
		x.takeReports(s, l, it)
	case askPull, askBeat:
		x.answerFromShadow(s, l)
	}
}

// takeReports queues the reports that may change something, as far as the server
// knows; the others are acknowledged at once.
func (x *run) takeReports(s *server, l letter, it item) {
	kept := x.t.concerning(s.at.view, int(l.agent), l.what)
	if kept == nil {
		x.answer(l, letter{kind: sayAck, what: x.t.thing(api.ReportsAck{Epoch: s.at.view.epoch})})
		return
	}
	it.input = x.t.thing(&engine.Reports{Node: nodeNames[l.agent], Reports: kept.value.([]api.Report)})
	s.queue = append(slices.Clip(s.queue), it)
}

// answerFromShadow answers what changes nothing. A node that stands as silent in
// the journal may be given up at any moment, so its lease, which the answer to a
// heartbeat renews, is not renewed until it stands there as back.
func (x *run) answerFromShadow(s *server, l letter) {
	v := s.at.view
	n := &v.nodes[l.agent]
	switch {
	case !x.sure(s) || l.kind == askBeat && n.silent && x.in.Bug != SilentServed:
		x.answer(l, letter{kind: sayRefused, what: x.t.thing(l.call())})
	case l.kind == askBeat:
		x.answer(l, letter{kind: sayBeaten, what: x.t.thing(api.Hint{Epoch: v.epoch, Version: n.version})})
	default:
		x.answer(l, letter{kind: saySet, what: x.t.thing(v.set(int(l.agent), l.what.value.(api.Pull), s.base[l.agent]))})
	}
}

func (x *run) answer(to, l letter) {
	if !to.late {
		l.agent = to.agent
		x.post(l)
	}
}

// set is the answer to a pull: what changed, or everything for an agent whose
// version is not known here any more.
func (v *view) set(j int, p api.Pull, base uint64) api.AssignmentSet {
	n := &v.nodes[j]
	known := p.Have != 0 && p.Have <= n.version && p.Have >= base
	out := api.AssignmentSet{Epoch: v.epoch, Version: n.version, Full: !known}
	from := uint64(0)
	if known {
		from, out.From = p.Have, p.Have
		for _, g := range n.gone {
			if g.version > from {
				out.Gone = append(out.Gone, g.attempt)
			}
		}
	}
	for _, a := range n.held {
		if a.Version > from {
			out.Items = append(out.Items, a)
		}
	}
	return out
}

// crash ends a server; what waited there is not known to anybody any more.
func (x *run) crash(i int) {
	s := x.server(i)
	if s.wire == wireSent {
		x.say("its append is lost with it")
	}
	if s.flight != nil {
		x.forsake(s.flight.items)
	}
	x.forsake(s.queue)
	*s = server{}
}

// restart begins a server's next life by replaying the journal.
func (x *run) restart(i int) {
	s := x.server(i)
	s.up, s.at, s.rules = true, x.tail, *control.NewLeader(x.tail.mark)
	s.base = versions(s.at.view)
	x.say("replay the journal to record %d", s.at.mark.N)
}

// submit sends a client's command to a server.
func (x *run) submit(k, i int) {
	c := &x.clients[k]
	c.state, c.tries = clientWaits, c.tries+1
	s := x.server(i)
	it := nobody(x.in.commands[k][c.done])
	it.client = int8(k)
	s.queue = append(slices.Clip(s.queue), it)
}

// impatient lets a client give up waiting, and ask again later.
func (x *run) impatient(k int) {
	x.clients[k].state = clientIdle
	for i := range x.servers {
		s := x.server(i)
		s.queue = x.orphan(s.queue, func(it item) bool { return it.client == int8(k) })
		if s.flight != nil {
			f := *s.flight
			f.items = x.orphan(f.items, func(it item) bool { return it.client == int8(k) })
			s.flight = &f
		}
	}
}

// orphan marks items for which nobody waits any more.
func (x *run) orphan(items []item, is func(item) bool) []item {
	items = slices.Clone(items)
	for n := range items {
		if is(items[n]) {
			items[n].client, items[n].agent = -1, -1
		}
	}
	return items
}

// giveUp makes an agent's call one that nobody waits for. Its request may still
// be under way, and come late.
func (x *run) giveUp(j int, k call) {
	var mail []letter
	for _, l := range x.mail {
		if int(l.agent) != j || l.call() != k || l.late {
			mail = append(mail, l)
			continue
		}
		if l.kind == askHello || l.kind == askReports {
			if l.late = true; !slices.Contains(x.mail, l) {
				mail = append(mail, l)
			}
		}
	}
	x.mail = mail
	mine := func(it item) bool { return int(it.agent) == j && it.call == k }
	for i, s := range x.servers {
		if !slices.ContainsFunc(s.queue, mine) && (s.flight == nil || !slices.ContainsFunc(s.flight.items, mine)) {
			continue
		}
		s = x.server(i)
		s.queue = x.orphan(s.queue, mine)
		if s.flight != nil {
			f := *s.flight
			f.items = x.orphan(f.items, mine)
			s.flight = &f
		}
	}
}

// underWay tells whether anything of an agent's call still exists.
func (w *world) underWay(j int, k call) bool {
	for _, l := range w.mail {
		if int(l.agent) == j && l.call() == k && !l.late {
			return true
		}
	}
	mine := func(it item) bool { return int(it.agent) == j && it.call == k }
	for _, s := range w.servers {
		if slices.ContainsFunc(s.queue, mine) || s.flight != nil && slices.ContainsFunc(s.flight.items, mine) {
			return true
		}
	}
	return false
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
