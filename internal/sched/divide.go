package sched

import (
	"slices"
	"strings"

	"drover.dev/api"
)

// Where a task may only go to nodes of some values of a label, by a relation or by its
// requirements, a search in order would pass over the others: a zone that is full takes
// a look at every node of the other zones. So classes are divided by such labels.

// division is a label by whose values the nodes of each class are kept in order, too.
type division struct {
	label string
	load  load
	ids   map[string]int32 // of its values
}

// divided is a class's nodes by the number of a value; nil where there is none.
type divided struct {
	load  load
	racks []*rack
}

// Of how many labels the values are kept apart, and of labels with how many values. They
// are caches: what is dropped is made anew.
const (
	maxDivisions = 8
	maxDivided   = 256
)

// division returns the number of a label's division, which is made on first use.
func (x *Index) division(label string, l load) int {
	for d := range x.divisions {
		if v := &x.divisions[d]; v.label == label && v.load == l {
			return d
		}
	}
	if len(x.divisions) == maxDivisions {
		x.undivide()
	}
	d := len(x.divisions)
	x.divisions = append(x.divisions, division{label: label, load: l, ids: map[string]int32{}})
	for _, s := range x.spots {
		for _, c := range s.classes {
			c.divide(&x.divisions[d])
		}
	}
	return d
}

// crowded reports whether a label has had too many values by now.
func (v *division) crowded() bool { return len(v.ids) > 4*maxDivided }

// undivide drops all divisions.
func (x *Index) undivide() {
	x.divisions = nil
	for _, s := range x.spots {
		for _, c := range s.classes {
			c.divided = nil
			for _, m := range c.moulds {
				m.values = nil
			}
		}
	}
}

// divide enters the nodes of a class.
func (c *class) divide(v *division) {
	c.rack(v.load)
	d := len(c.divided)
	c.divided = append(c.divided, divided{load: v.load})
	for _, m := range c.moulds {
		m.values = append(m.values, v.value(m.nodes[0]))
		for _, e := range m.nodes {
			if r := c.divided[d].rack(m.values[d]); r != nil && e.racked {
				r.insert(e.racks[v.load], e.stock(), e.slot())
			}
		}
	}
}

// value is the number of a node's value, that of nodes without the label is negative.
func (v *division) value(e *node) int32 {
	text, ok := e.valueOfAll(strings.Split(v.label, joint))
	if !ok {
		return -1
	}
	id, known := v.ids[text]
	if !known {
		id = int32(len(v.ids))
		v.ids[text] = id
	}
	return id
}

// rack returns the nodes of one value; nil for those without the label.
func (v *divided) rack(id int32) *rack {
	if id < 0 {
		return nil
	}
	for int(id) >= len(v.racks) {
		v.racks = append(v.racks, nil)
	}
	if v.racks[id] == nil {
		v.racks[id] = &rack{}
	}
	return v.racks[id]
}

// only is the values of a label that a shape's requirements leave.
type only struct {
	label  string
	values []string
	nodes  int
}

// only finds the requirement that leaves fewest of the nodes of the classes where some
// pass, when it leaves less than half of them.
func (x *Index) only(t *api.Task, among int) (best *only) {
	if !x.stepping {
		return nil
	}
	try := func(label string, values ...string) {
		at, o := x.topology(label), only{label: label, values: values}
		if !at.divides() {
			return
		}
		for _, v := range values {
			if id, known := at.ids[v]; known {
				o.nodes += len(at.members[id])
			}
		}
		if o.nodes < among/2 && (best == nil || o.nodes < best.nodes) {
			best = &o
		}
	}
	for _, k := range sortedKeys(t.Requires.Labels) {
		try(k, t.Requires.Labels[k])
	}
	for i := range t.Requires.Affinity {
		if e := &t.Requires.Affinity[i]; e.Op == api.OpIn && !e.Soft {
			try(e.Key, e.Values...)
		}
	}
	return best
}

// subset is the nodes of some values of a label.
type subset struct {
	division int
	ids      []int32 // nil: all nodes
}

// subset is what a search may keep to: what is left by the narrowest relation or the
// requirements, if that is less than half of what it would look at otherwise.
func (s *scorer) subset(p *passing) (q subset) {
	least, by := p.n/2, (*tie)(nil)
	if p.only != nil {
		least = min(p.only.nodes, p.n)
	}
	for i := range s.ties {
		t := &s.ties[i]
		if n, ok := t.admits(); ok && n < least && t.divides() {
			least, by = n, t
		}
	}
	if by == nil && p.only == nil {
		return q
	}
	q.ids = s.x.numbers[:0]
	if by != nil {
		q.division = s.x.division(by.label, s.view.load)
		for v := range by.values() {
			q.ids = s.x.divisions[q.division].number(q.ids, by.at.values[v])
		}
	} else {
		q.division = s.x.division(p.only.label, s.view.load)
		for _, v := range p.only.values {
			q.ids = s.x.divisions[q.division].number(q.ids, v)
		}
	}
	s.x.numbers = q.ids
	return q
}

// divides reports whether classes can be divided by a label.
func (t *topology) divides() bool { return t.kinds != nil && len(t.values) <= maxDivided }

// divides reports that for the label of a relation.
func (t *tie) divides() bool { return t.at.divides() }

// number adds the number of a value to a list, if a node has had it, once.
func (v *division) number(list []int32, text string) []int32 {
	if id, known := v.ids[text]; known && !slices.Contains(list, id) {
		return append(list, id)
	}
	return list
}

// searchPart is search for some values of a label.
func (s *scorer) searchPart(c *passingClass, q *subset, fixed int64, t *top, p *passing) {
	v := &c.divided[q.division]
	for _, id := range q.ids {
		if int(id) < len(v.racks) && v.racks[id] != nil {
			s.searchRack(v.racks[id], s.start(v.racks[id]), c, fixed, t, p)
		}
	}
}

// startIn is where in a group of equal nodes of a rack the search begins: where it would in
// the order of all nodes of the class, of which the rack may hold a part.
func (s *scorer) startIn(r *rack, c *class, from, end place, n int) place {
	all := c.rack(s.view.load)
	if r == all {
		return r.skip(from, s.begin(c, n))
	}
	key := r.blocks[from.b].keys[from.i]
	var first place
	first.b, first.i = all.find(key, 0, "")
	first, _, n = all.equals(first)
	first = all.skip(first, s.begin(c, n))
	at := &all.blocks[first.b].slots[first.i]
	from.b, from.i = r.find(key, at.hash, at.node.Name)
	return from
}
