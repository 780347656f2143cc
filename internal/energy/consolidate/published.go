package consolidate

import (
	"math"
	"slices"
)

// published moves VMs as the paper has it: off overloaded hosts until they are not
// overloaded any more, each to where it adds the least power (power-aware best fit
// decreasing), then off one host after the other, the least used first, if all of
// its VMs find a place.
type published struct {
	over   detector
	choose selector
	live   []int  // hosts that are on, or were decided to be
	next   []int  // by kind: the first host that is off
	out    []bool // hosts that nothing may move to
	done   []bool // hosts that are not to be emptied
	kept   [][]int
	past   [past]float64
}

func (p *published) first(s *sim, v int) int {
	best, least := -1, math.Inf(1)
	m := &s.vms[v]
	for i := range s.hosts {
		h := &s.hosts[i]
		if !s.roomAtFirst(i, v) || h.load > 0 && m.asks/h.kind.Total() > unsure {
			continue
		}
		// At the start CloudSim takes all hosts for idle, so that VMs are spread.
		if more := h.kind.Power((h.load+m.asks)/h.kind.Total()) - h.kind.Watts[0]; more < least {
			best, least = i, more
		}
	}
	return best
}

func (p *published) moves(s *sim) []move {
	p.prepare(s)
	var list []move
	var full []int
	for _, i := range p.live {
		if len(s.hosts[i].vms) > 0 && p.overloaded(s, &s.hosts[i]) {
			full = append(full, i)
		}
	}
	for _, i := range full {
		p.out[i] = true
	}
	list = p.place(s, p.relieve(s, full), list, false)
	for _, i := range p.live {
		if s.hosts[i].mips == 0 || p.out[i] {
			p.out[i], p.done[i] = true, true
		}
	}
	for k := range p.next {
		p.next[k] = len(s.hosts) // what is off stays off
	}
	for {
		i := p.leastUsed(s)
		if i < 0 {
			break
		}
		p.out[i], p.done[i] = true, true
		before := len(list)
		list = p.place(s, slices.Clone(s.hosts[i].vms), list, true)
		for _, m := range list[before:] {
			p.done[m.to] = true
		}
	}
	p.restore(s)
	return list
}

// prepare takes stock of the hosts.
func (p *published) prepare(s *sim) {
	p.live = p.live[:0]
	p.out = append(p.out[:0], make([]bool, len(s.hosts))...)
	p.done = append(p.done[:0], make([]bool, len(s.hosts))...)
	if p.kept == nil {
		p.kept = make([][]int, len(s.hosts))
	}
	p.next = p.next[:0]
	for k := range s.setup.HostKinds {
		p.next = append(p.next, p.off(s, k))
	}
	for i := range s.hosts {
		if h := &s.hosts[i]; len(h.vms) > 0 || h.mips != 0 {
			p.take(s, i)
		}
	}
}

// off is the first host of a kind from one on that is off.
func (p *published) off(s *sim, from int) int {
	for i := from; i < len(s.hosts); i += len(s.setup.HostKinds) {
		if h := &s.hosts[i]; len(h.vms) == 0 && h.mips == 0 {
			return i
		}
	}
	return len(s.hosts)
}

// take enters a host into the list of those that are on.
func (p *published) take(s *sim, i int) {
	h := &s.hosts[i]
	p.live = append(p.live, i)
	p.kept[i] = append(p.kept[i][:0], h.vms...)
	h.base = h.power()
	clear(h.sums[:])
	for _, v := range h.vms {
		s.addPast(&h.sums, v, h.kind)
	}
	p.weigh(s, h)
}

func (p *published) weigh(s *sim, h *host) {
	h.load = 0
	for _, v := range h.vms {
		h.load += s.gets(h, v)
	}
}

// addPast adds a VM's history to a host's.
func (s *sim) addPast(sums *[past]float64, v int, k *HostKind) {
	m := &s.vms[v]
	part := m.kind.MIPS / k.Total()
	for i, u := range m.history {
		sums[i] += u * part
	}
}

// known cuts off the end of a history in which nothing ran.
func known(sums *[past]float64) []float64 {
	n := past
	for n > 1 && sums[n-1] == 0 {
		n--
	}
	return sums[:n]
}

// asked is the share of a host that its VMs ask for.
func (s *sim) asked(h *host) float64 {
	sum := 0.0
	for _, v := range h.vms {
		sum += s.vms[v].asks
	}
	return sum / h.kind.Total()
}

func (p *published) overloaded(s *sim, h *host) bool { return p.over(known(&h.sums), s.asked(h)) }

// relieve takes VMs off overloaded hosts.
func (p *published) relieve(s *sim, full []int) []int {
	var leave []int
	for _, i := range full {
		h := &s.hosts[i]
		for len(h.vms) > 0 {
			v := p.choose(s, h)
			leave = append(leave, v)
			h.drop(v)
			clear(h.sums[:])
			for _, other := range h.vms {
				s.addPast(&h.sums, other, h.kind)
			}
			if !p.overloaded(s, h) {
				break
			}
		}
		s.divide(h)
		p.weigh(s, h)
	}
	return leave
}

// place finds hosts for VMs, the largest first, and adds the moves to list. With all
// set it is all of them or none.
func (p *published) place(s *sim, vms []int, list []move, all bool) []move {
	slices.SortStableFunc(vms, func(a, b int) int {
		switch x, y := s.vms[a].asks, s.vms[b].asks; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	before := len(list)
	for _, v := range vms {
		to := p.find(s, v)
		if to >= 0 {
			p.put(s, v, to)
			list = append(list, move{v, to})
			continue
		}
		if !all {
			continue
		}
		for _, m := range list[before:] {
			p.takeBack(s, m)
		}
		return list[:before]
	}
	return list
}

func (p *published) put(s *sim, v, to int) {
	h := &s.hosts[to]
	if kind := to % len(s.setup.HostKinds); to == p.next[kind] {
		p.take(s, to)
		h.vms = append(h.vms, v)
		p.next[kind] = p.off(s, to)
	} else {
		h.vms = append(h.vms, v)
	}
	h.free -= s.vms[v].asks
	h.load += s.vms[v].asks
	s.addPast(&h.sums, v, h.kind)
}

func (p *published) takeBack(s *sim, m move) {
	h := &s.hosts[m.to]
	h.drop(m.vm)
	clear(h.sums[:])
	for _, v := range h.vms {
		s.addPast(&h.sums, v, h.kind)
	}
	s.divide(h)
	p.weigh(s, h)
}

// find is the host on which a VM adds the least power.
func (p *published) find(s *sim, v int) int {
	best, least := -1, math.Inf(1)
	try := func(i int) {
		h := &s.hosts[i]
		asks := s.vms[v].asks
		if p.out[i] || h.kind.MIPS < asks || h.free < asks {
			return
		}
		more := h.kind.Power((h.load+asks)/h.kind.Total()) - h.base
		if more > least || more == least && i > best {
			return
		}
		if h.load != 0 {
			p.past = h.sums
			s.addPast(&p.past, v, h.kind)
			if p.over(known(&p.past), s.asked(h)+asks/h.kind.Total()) {
				return
			}
		}
		best, least = i, more
	}
	for _, i := range p.live {
		try(i)
	}
	for _, i := range p.next {
		if i < len(s.hosts) {
			s.hosts[i].load, s.hosts[i].base = 0, s.hosts[i].kind.Watts[0]
			try(i)
		}
	}
	return best
}

// leastUsed is the host to empty next; -1 is none.
func (p *published) leastUsed(s *sim) int {
	best, least := -1, 1.0
	for _, i := range p.live {
		h := &s.hosts[i]
		if u := h.use(); !p.done[i] && u > 0 && len(h.vms) > 0 && (u < least || u == least && i < best) {
			best, least = i, u
		}
	}
	return best
}

// restore undoes what was tried.
func (p *published) restore(s *sim) {
	for _, i := range p.live {
		h := &s.hosts[i]
		h.vms = append(h.vms[:0], p.kept[i]...)
		s.divide(h)
	}
}
