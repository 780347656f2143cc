package sched

import (
	"math"
	"slices"
)

// A blocked shape that relations keep back may be admitted by what is placed or
// leaves elsewhere. It is looked at again only where a change can have admitted it:
// at the nodes of a value of which the count has changed to its favour, beside those
// that gained room. Everywhere else nothing has become possible since it was last
// looked at: relations hold as they did, and room has become less. So a placement
// costs nothing for the shapes that it cannot help, however many wait.

// wait is a relation of a blocked shape.
type wait struct {
	shape *shape
	rule  *rule
	on    *waits

	// Of a spread: by fewest, all nodes have been looked at; witness is a value that
	// has no more, unless it is lost. While it has none can be lost.
	fewest  int32
	witness string
	lost    bool
}

// waits are the relations of blocked shapes that read one tally.
type waits struct {
	list     [gangs + 1][]*wait // by place
	eased    []string           // values that may admit one of them, since they were last looked at
	many     bool               // and others
	stirring bool               // in queue.stirring
}

// A relation waits by its kind; that of a gang for any change.
const gangs = int(spread) + 1

// maxEased is how many values are kept apart; of more, all nodes are looked at.
const maxEased = 256

// place is in which list a relation waits.
func (w *wait) place() int {
	if w.shape.ask.Gang > 1 {
		return gangs
	}
	return int(w.rule.kind)
}

// bind has a blocked shape wait for what its relations read.
func (x *Index) bind(s *shape) {
	q, rules := &x.queue, s.ask.rules()
	q.unbind(s) // a planner may have had it meanwhile
	s.seen, s.all = x.ticks, !x.stepping
	s.waits = make([]wait, 0, len(rules))
	for i := range rules {
		r := &rules[i]
		if r.soft {
			continue
		}
		on := q.waits[r.key]
		if on == nil {
			on = &waits{}
			q.waits[r.key] = on
		}
		s.waits = append(s.waits, wait{shape: s, rule: r, on: on})
		s.all = s.all || x.tallies[r.key] == nil
	}
	for i := range s.waits {
		w := &s.waits[i]
		w.on.list[w.place()] = append(w.on.list[w.place()], w)
	}
	q.bound = append(q.bound, s)
	q.knotty += b2i(s.ask.intricate())
	if !s.all {
		x.count(s)
	}
}

// unbind forgets that what is placed may admit a blocked shape.
func (q *queue) unbind(s *shape) {
	if s.waits == nil {
		return
	}
	q.bound = slices.DeleteFunc(q.bound, func(o *shape) bool { return o == s })
	for i := range s.waits {
		w := &s.waits[i]
		list := &w.on.list[w.place()]
		if *list = slices.DeleteFunc(*list, func(o *wait) bool { return o == w }); w.on.empty() {
			delete(q.waits, w.rule.key)
		}
	}
	s.waits = nil
	q.knotty -= b2i(s.ask.intricate())
}

func (w *waits) empty() bool {
	for _, list := range w.list {
		if len(list) > 0 {
			return false
		}
	}
	return true
}

// count finds the fewest that each spread of a shape is measured by.
func (x *Index) count(s *shape) {
	for i := range s.waits {
		if w := &s.waits[i]; w.rule.kind == spread {
			w.fewest, w.witness = x.fewest(w)
			w.lost = false
		}
	}
}

// fewest is the least count of all values that a spread takes in, and one that has it.
func (x *Index) fewest(w *wait) (least int32, witness string) {
	at, t := x.topology(w.rule.label), x.tally(w.rule)
	by := x.dense(t, at)
	least = math.MaxInt32
	for _, v := range x.values(w.shape.ask, at) {
		if by[v] < least {
			least, witness = by[v], at.values[v]
		}
		if least == 0 {
			break
		}
	}
	return least, witness
}

// stir notes what the change of a tally at a node may admit.
func (x *Index) stir(t *tally, e *node, sign int32) {
	if len(x.queue.waits) == 0 {
		return
	}
	w := x.queue.waits[t.key]
	if w == nil {
		return
	}
	v, ok := e.value(t.label)
	if (w.change(t, v, ok, sign) || x.usual.depth > 0) && !w.stirring {
		w.stirring = true
		x.queue.stirring = append(x.queue.stirring, w)
	}
}

// change reports whether one task more or less at a value, if the node has one, may
// admit a shape that waits.
func (w *waits) change(t *tally, v string, ok bool, sign int32) (stirred bool) {
	n, came := t.counts[v], sign > 0
	switch {
	case !ok:
	case came && n == 1 && len(w.list[near]) > 0,
		!came && n == 0 && len(w.list[apart]) > 0,
		!came && len(w.list[spread]) > 0:
		w.ease(v)
		stirred = true
	}
	for _, o := range w.list[spread] {
		if ok && (came && o.witness == v && n > o.fewest || !came && n < o.fewest) {
			o.lost, stirred = true, true
		}
	}
	if t.total == 0 {
		for _, o := range w.list[near] { // the first of them may be anywhere
			o.shape.all = o.shape.all || o.rule.self
			stirred = true
		}
	}
	for _, o := range w.list[gangs] {
		o.shape.all, stirred = true, true
	}
	return stirred
}

func (w *waits) ease(v string) {
	if k := len(w.eased); k > 0 && w.eased[k-1] == v || w.many {
		return
	}
	if len(w.eased) == maxEased {
		w.eased, w.many = w.eased[:0], true
		return
	}
	w.eased = append(w.eased, v)
}

// calm forgets what has changed, once all that wait were looked at.
func (q *queue) calm() {
	for i, w := range q.stirring {
		w.eased, w.many, w.stirring = w.eased[:0], false, false
		q.stirring[i] = nil
	}
	q.stirring = q.stirring[:0]
}

// stirred reports whether a blocked shape fits that relations kept back, once
// something has changed that they read.
func (x *Index) stirred(s *shape) bool {
	if s.waits == nil || x.pulse(s.ask) <= s.seen {
		return false
	}
	nodes, all := x.favoured(s)
	s.seen, s.all = x.ticks, false
	if all {
		x.count(s)
		nodes = x.nodes
	}
	return (len(nodes) > 0 || x.usual.depth > 0) && x.anyFits(s, nodes)
}

// favoured returns the nodes that may take a blocked shape which they did not when it
// was last looked at; all says that it may be any.
func (x *Index) favoured(s *shape) (nodes []*node, all bool) {
	if t := x.tenants[s.ask.Tenant]; s.all || x.restless > s.seen || s.ask.intricate() || t != nil && t.touched {
		return nil, true
	}
	nodes = append(x.looks[:0], x.dirty...)
	for i := range s.waits {
		w := &s.waits[i]
		if w.on.many || x.tallies[w.rule.key] == nil || w.lost && x.risen(w) {
			return nil, true
		}
		at := x.topology(w.rule.label)
		for _, v := range w.on.eased {
			if id, known := at.ids[v]; known {
				for _, n := range at.members[id] {
					nodes = append(nodes, x.nodes[n])
				}
			}
		}
	}
	x.looks = x.promisedNodes(nodes)
	return x.looks, false
}

// risen reports whether the fewest have become more by which a spread is measured; if
// not, another value may be the witness. When they have become less, who gains room now
// is kept off until they are as many again.
func (x *Index) risen(w *wait) bool {
	least, witness := x.fewest(w)
	if least > w.fewest {
		return true
	}
	w.fewest, w.witness, w.lost = least, witness, false
	return false
}

// promisedNodes adds the nodes with room that is promised: whether it may be taken
// depends on the time, too.
func (x *Index) promisedNodes(nodes []*node) []*node {
	if x.usual.depth == 0 {
		return nodes
	}
	for _, p := range x.promises { // order-free: whether any will do
		for _, at := range p.Places {
			if e := x.byName[at.Node]; e != nil {
				nodes = append(nodes, e)
			}
		}
	}
	return nodes
}

// Again lets blocked shapes try again that relations kept back, when what was
// placed since the last look admits them.
func (x *Index) Again() {
	if len(x.queue.bound) == 0 || x.again == x.stirs {
		return
	}
	x.again = x.stirs
	for _, s := range x.restive() {
		if s.blocked && x.stirred(s) {
			x.queue.unblock(s)
			s.blocked = false
			x.offer(s)
		}
	}
	x.queue.calm()
}

// restive are the blocked shapes that a change concerns since the last look, some of
// them twice.
func (x *Index) restive() (out []*shape) {
	q := &x.queue
	if x.restless > x.calmed || q.knotty > 0 {
		x.calmed = x.restless
		return slices.Clone(q.bound)
	}
	for _, w := range q.stirring {
		for _, list := range w.list {
			for _, o := range list {
				out = append(out, o.shape)
			}
		}
	}
	return out
}
