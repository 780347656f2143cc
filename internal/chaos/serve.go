package chaos

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
)

// settle answers an agent's call.
func (x *run) settle(s *server, it item, ok bool) {
	if it.agent < 0 {
		return
	}
	l := letter{agent: uint8(it.agent), kind: sayWelcome + letterKind(it.call)}
	switch {
	case !ok || it.call == hello && doubts(s.own, int(it.agent)) && x.in.Bug != SilentServed:
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
	if a := x.agents[l.agent]; (l.request() || a.up && a.nap != off) && !slices.Contains(x.mail, l) {
		x.mail = append(x.mail, l)
	}
}

// look passes on which nodes have fallen silent, and which are back.
func (x *run) look(i int) {
	s := x.server(i)
	s.listened(x.clock)
	h := x.t.hear(s.ears, sound{kind: soundTick, now: x.monotonic(), jumped: s.jumped})
	s.ears, s.own = h.ears, slices.Clip(s.own)
	for _, j := range s.back {
		s.own = append(s.own, x.t.thing(&engine.Back{Node: nodeNames[j]}))
		x.say("%s is back", nodeNames[j])
	}
	s.back = nil
	for _, c := range h.changes {
		s.own = append(s.own, x.t.thing(&engine.Silent{Node: c.Node}))
		x.say("%s is silent", c.Node)
		j := slices.Index(nodeNames[:], c.Node)
		if listened := api.Duration(s.quiet[j]) * tick; listened < silentAfter && !s.at.view.nodes[j].silent {
			x.violate("node %s is given up after this leader has listened for %v: that is no grace period", c.Node, listened)
		}
	}
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
	if x.torn > 0 && x.end() > s.rules.Acked.Seq {
		x.say("the journal seems to have gone on")
		x.handle(i, control.Overtaken{})
		return
	}
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
		it.input = x.t.thing(&engine.Register{Node: x.in.node(int(l.agent), x.agents[l.agent].boot)})
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
	kept := x.t.concerning(x.readerOf(s), s.at.view, int(l.agent), l.what)
	if kept == nil {
		x.answer(l, letter{kind: sayAck, what: x.t.thing(api.ReportsAck{Epoch: s.at.view.epoch})})
		return
	}
	if x.in.Bug == AckUnrecorded {
		x.answer(l, letter{kind: sayAck, what: x.t.thing(api.ReportsAck{Epoch: s.at.view.epoch})})
		it.agent = -1
	}
	it.input = x.t.thing(&engine.Reports{Node: nodeNames[l.agent], Reports: kept.value.([]api.Report)})
	s.queue = append(slices.Clip(s.queue), it)
}

// doubts tells whether a node's silence is among inputs that do not stand in the journal yet.
// It will count from when it does, so nothing may renew the node's lease meanwhile.
func doubts(own []*thing, j int) bool {
	return slices.ContainsFunc(own, func(in *thing) bool {
		silent, ok := in.value.(*engine.Silent)
		return ok && silent.Node == nodeNames[j]
	})
}

// answerFromShadow answers what changes nothing. A node that stands as silent in
// the journal, or soon will, may be given up at any moment, so its lease, which the
// answer to a heartbeat renews, is not renewed until it stands there as back.
func (x *run) answerFromShadow(s *server, l letter) {
	v := s.at.view
	n := &v.nodes[l.agent]
	doubted := n.silent || doubts(s.own, int(l.agent)) || s.flight != nil && doubts(s.flight.own, int(l.agent))
	switch {
	case !x.sure(s) || l.kind == askBeat && doubted && x.in.Bug != SilentServed:
		x.answer(l, letter{kind: sayRefused, what: x.t.thing(l.call())})
	case l.kind == askBeat:
		x.answer(l, letter{kind: sayBeaten, what: x.t.thing(api.Hint{Epoch: v.epoch, Version: n.version, Power: n.asked()})})
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
