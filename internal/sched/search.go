package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// An ordered search finds the same nodes as scoring every one, when all terms
// depend on the class and on one load, and possibly on how replicas are spread.
// In a class the nodes are looked at in the order of that load; none behind the
// fourth that fits can be among the best four.

// view is what a score looks like for an ordered search.
type view struct {
	load   load
	weight int64 // of the load, positive
	packs  int64 // of what the task adds to it, when it is by packing
	bonus  int64 // most that other terms of the node add
}

// ordered says how the nodes can be searched in order; false when every node must
// be scored.
func (s *scorer) ordered() (view, bool) {
	q := view{load: loads}
	for i := range s.terms {
		w := &s.terms[i]
		switch {
		case w.kind == ofSpot:
		case w.kind == ofLoad && q.load == loads:
			q.weight = w.weight
			if q.load, q.packs = fullest, w.weight; w.name == "tasks" {
				q.load, q.packs = fewest, 0
			}
			if w.weight < 0 {
				q.weight = -w.weight
				q.load++
			}
		case w.name == "spread" && w.weight > 0:
			q.bonus = w.weight * unit
		default:
			return q, false
		}
	}
	return q, q.load < loads && !s.plan.first && !s.plan.pair
}

// searchAll looks through the classes, the most promising first, until none of the
// others can hold a better node. Between Steps, when others may be reading, nothing
// is arranged: every node is scored.
func (s *scorer) searchAll(t *top, p *passing) {
	x := s.x
	if !x.stepping || p.few != nil || len(p.spots)*4 > p.n {
		for e := range p.those {
			if e.open && e.fits(s.ask) && permits(s.ties, e) {
				t.offer(s, e)
			}
		}
		return
	}
	s.heed(p)
	q, list := s.subset(p), s.prospects(p)
	for list.begin(); len(list) > 0; list.next() {
		c := &list[0]
		if t.n == len(t.list) && c.most < t.list[t.n-1].score {
			break
		}
		for i := range c.spot.classes {
			if k := &c.spot.classes[i]; s.promises(k, c.fixed, t) {
				s.search(k, &q, c.fixed, t, p)
			}
		}
	}
	x.prospects, s.from = list[:0], nil
}

// promises reports whether a class may hold one of the best nodes.
func (s *scorer) promises(c *passingClass, fixed int64, t *top) bool {
	most := s.most(c)
	return most > nothing && (t.n < len(t.list) || fixed+most >= t.list[t.n-1].score)
}

// search looks through a class, or a part of it.
func (s *scorer) search(c *passingClass, q *subset, fixed int64, t *top, p *passing) {
	fixed += s.view.packs * int64(c.packs)
	s.want.of(c, s.highest(c), s.view.load == fullest)
	if q.ids != nil {
		s.searchPart(c, q, fixed, t, p)
		return
	}
	r := c.rack(s.view.load)
	if at, ok := s.enter(r, c); ok {
		s.searchRack(r, at, c, fixed, t, p)
	}
}

// enter returns where a search of a class begins: where bounds are kept, at the first node
// that has in stock what is wanted. It reports whether there may be one.
func (s *scorer) enter(r *rack, c *passingClass) (at place, ok bool) {
	at = s.start(r)
	if !s.heeds {
		return at, true
	}
	key := int16(nowhere)
	if at, ok = r.next(at, r.end(), &s.want, nothing); ok {
		key = int16(r.blocks[at.b].keys[at.i])
	}
	s.passing.bounds.tops[c.id] = key
	return at, ok
}

// start passes over the nodes of a rack that are too full.
func (s *scorer) start(r *rack) (at place) {
	if s.want.packed && len(r.marks) > fewBlocks {
		at.b = r.reach(s.want.top)
	}
	return at
}

// searchRack looks at one group of equal load after the other. Where it begins in a
// group the task's hash says: that is how equal nodes share equal tasks.
func (s *scorer) searchRack(r *rack, at place, c *passingClass, fixed int64, t *top, p *passing) {
	s.from = r
	for found := 0; found < len(t.list); {
		on, ok := r.next(at, r.end(), &s.want, s.least(t, fixed))
		if !ok {
			return
		}
		from, end, n := r.equals(on)
		if n == 1 {
			found += s.try(r, on, fixed, t, p)
		} else {
			begin := s.startIn(r, c.class, from, end, n)
			found += s.tryAll(r, begin, end, len(t.list)-found, fixed, t, p)
			found += s.tryAll(r, from, begin, len(t.list)-found, fixed, t, p)
		}
		at = end
	}
}

// tryAll offers the nodes of a rack from one position up to another, and returns how
// many were taken in, up to most.
func (s *scorer) tryAll(r *rack, at, end place, most int, fixed int64, t *top, p *passing) (found int) {
	for ok := false; found < most; at.i++ {
		if at, ok = r.next(at, end, &s.want, nothing); !ok {
			break
		}
		found += s.try(r, at, fixed, t, p)
	}
	return found
}

// try offers one that has enough in stock.
func (s *scorer) try(r *rack, at place, fixed int64, t *top, p *passing) int {
	k := r.blocks[at.b]
	if e := &k.slots[at.i]; s.takes(e, p) && t.put(s, e.node, fixed+s.inClass(e.node, k.keys[at.i])) {
		return 1
	}
	return 0
}

// takes reports whether a node of a rack takes the task that has enough in stock.
func (s *scorer) takes(e *slot, p *passing) bool {
	return p.passes(int(e.kind)) && admit(s.ties, e) && (s.simple && e.even || e.node.fits(s.ask))
}

// simple reports whether an even node that has enough in stock takes a task: the stock
// says exactly what the task asks for, and there is nothing else to ask.
func (x *Index) simple(a *Ask) bool {
	r := &a.Task.Resources
	return len(a.Task.Ports)+len(r.Accelerators)+len(x.promises) == 0 && r.Storage == 0 && r.Bandwidth == 0 &&
		r.CPU <= mostStockCPU && r.Memory%api.MiB == 0 && r.Memory/api.MiB <= mostStockMemory
}

// fewBlocks are passed over one by one.
const fewBlocks = 8

// least is the least key with which a node can be among the best.
func (s *scorer) least(t *top, fixed int64) int64 {
	if t.n < len(t.list) {
		return nothing
	}
	missing, w := t.list[t.n-1].score-fixed-s.view.bonus, s.view.weight
	if missing > 0 {
		missing += w - 1 // rounded up
	}
	return missing / w
}

// inClass is the part of a score in which the nodes of a class differ.
func (s *scorer) inClass(e *node, key int32) int64 {
	sum := s.view.weight * int64(key)
	if s.view.bonus > 0 {
		sum += s.view.bonus / unit * spreadTerm{}.value(s, e)
	}
	return sum
}

// begin is where in a group of n equal nodes the search begins.
func (s *scorer) begin(c *class, n int) int {
	if n < 2 {
		return 0
	}
	return int(mix(s.key^c.hash) % uint64(n))
}

// turnIn is a node's turn among the equal ones of its class.
func (s *scorer) turnIn(e *node) int {
	if !s.x.stepping {
		return s.countTurn(e)
	}
	r := e.class.rack(s.view.load)
	b, i := r.find(e.racks[s.view.load], e.hash, e.Name)
	from, _, n := r.equals(place{b, i})
	return (r.between(from, place{b, i}) + n - s.begin(e.class, n)) % n
}

// countTurn is turnIn by looking at every node; groups are remembered.
func (s *scorer) countTurn(e *node) int {
	if turn, known := s.turns[e]; known {
		return turn
	}
	var equal []*node
	for _, o := range s.x.nodes {
		if o.open && o.class == e.class && s.view.load.of(o) == s.view.load.of(e) {
			equal = append(equal, o)
		}
	}
	slices.SortFunc(equal, func(a, b *node) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.Name, b.Name)) })
	if s.turns == nil {
		s.turns = map[*node]int{}
	}
	n := len(equal)
	for i, o := range equal {
		s.turns[o] = (i + n - s.begin(e.class, n)) % n
	}
	return s.turns[e]
}

// sooner orders two nodes of equal score that were searched in order.
func (s *scorer) sooner(a, b *candidate) bool {
	if c, d := a.node.class, b.node.class; c != d {
		hc, hd := mix(s.key^c.hash), mix(s.key^d.hash)
		if hc != hd {
			return hc < hd
		}
		return c.key < d.key
	}
	if a.from != nil && a.from == b.from {
		return a.tie < b.tie
	}
	if ka, kb := s.view.load.of(a.node), s.view.load.of(b.node); ka != kb {
		return ka > kb
	}
	return s.turnIn(a.node) < s.turnIn(b.node)
}

// busy counts the nodes that pass the filters but are full or closed, or kept off
// by relations. In a large cell that would cost more than the decision, and is left
// out.
func (x *Index) busy(p *passing, a *Ask, ties []tie) (n int32) {
	if p.n > countUpTo {
		return 0
	}
	for nodes := range p.lists {
		for _, e := range nodes {
			if !e.open || !e.fits(a) || !permits(ties, e) {
				n++
			}
		}
	}
	return n
}

// countUpTo is how many candidates are counted by why they were passed over.
const countUpTo = 256
