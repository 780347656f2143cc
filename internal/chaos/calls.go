package chaos

import "slices"

// forsake lets clients whose commands are not decided, or not known to be, ask
// again. Agents find out by themselves.
func (x *run) forsake(items []item) {
	for _, it := range items {
		if it.client >= 0 {
			x.clients[it.client].state = clientIdle
		}
	}
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
