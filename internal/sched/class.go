package sched

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
)

// spot is the nodes for which a term that does not look at load or size has one
// value: site, speed and taints.
type spot struct {
	key     string
	like    node // any of its nodes, without load
	classes []*class
}

// class is the nodes of a spot that are also of one size. Within a class the better
// node is the one that comes first in the order of its load, whatever the task is,
// so that one order serves all tasks.
type class struct {
	key   string
	id    int          // small, of no other class at the same time
	racks [loads]*rack // those in use
	hash  uint64

	wholeCPU, wholeMemory int32 // parts, see node.parts

	spot   *spot
	moulds []*mould

	divided []divided // by number of Index.divisions
}

// mould is the nodes of a class that are also alike in all that the filters read
// and that does not change as tasks come and go.
type mould struct {
	key   string
	id    int     // small, of no other mould at the same time
	nodes []*node // by name

	values []int32 // that they have, by number of Index.divisions
}

// load says by what the nodes of a class are ordered.
type load uint8

const (
	fullest  load = iota // by packing
	emptiest             // by packing, backwards
	fewest               // by number of tasks
	most                 // by number of tasks, backwards
	loads
)

func (l load) of(e *node) int32 {
	switch l {
	case fullest:
		return int32(e.packed)
	case emptiest:
		return -int32(e.packed)
	case fewest:
		return -e.tasks
	}
	return e.tasks
}

// keyText is a text that differs when one of the values does that were written.
type keyText struct{ strings.Builder }

func (b *keyText) str(s string) {
	b.WriteString(strconv.Itoa(len(s)))
	b.WriteByte(':')
	b.WriteString(s)
}

func (b *keyText) num(v int64) {
	b.WriteString(strconv.FormatInt(v, 36))
	b.WriteByte('|')
}

func (b *keyText) taints(list []api.Taint) {
	for _, t := range list {
		b.str(t.Key)
		b.str(t.Value)
		b.str(string(t.Effect))
	}
}

func spotKey(n *api.Node) string {
	var b keyText
	b.str(n.Site)
	b.num(int64(n.Speed))
	b.taints(n.Taints)
	return b.String()
}

func classKey(n *api.Node) string {
	var b keyText
	b.str(n.Site)
	b.num(int64(n.Speed))
	b.num(int64(n.Capacity.CPU))
	b.num(int64(n.Capacity.Memory))
	b.taints(n.Taints)
	return b.String()
}

// mouldKey is of what filters read beyond the class.
func mouldKey(n *api.Node) string {
	var b keyText
	b.num(int64(n.Capacity.Storage))
	b.num(int64(n.Capacity.Bandwidth))
	b.num(int64(len(n.Capacity.Accelerators)))
	for i := range n.Capacity.Accelerators {
		a := &n.Capacity.Accelerators[i]
		b.str(a.Kind)
		b.num(int64(a.Count))
		b.num(int64(len(a.Models)))
		for _, m := range a.Models {
			b.str(m)
		}
	}
	b.str(string(n.Layer))
	b.num(int64(len(n.Drivers)))
	for _, d := range n.Drivers {
		b.str(d)
	}
	for _, k := range sortedKeys(n.Labels) {
		b.str(k)
		b.str(n.Labels[k])
	}
	return b.String()
}

// enroll puts a node into the spot, class and mould that it is of.
func (x *Index) enroll(e *node) {
	spotKey, classKey, mouldKey := spotKey(&e.Node), classKey(&e.Node), mouldKey(&e.Node)
	if c := e.class; c != nil && c.key == classKey && e.mould.key == mouldKey {
		return
	}
	x.dismiss(e)
	s := join(&x.spots, spotKey, func(s *spot) string { return s.key }, func() *spot {
		return &spot{key: spotKey, like: node{Node: e.Node}}
	})
	c := join(&s.classes, classKey, func(c *class) string { return c.key }, func() *class {
		c := &class{key: classKey, id: x.classIDs.take(), hash: hashName(classKey), spot: s}
		cpu, memory := e.parts(&e.Capacity)
		c.wholeCPU, c.wholeMemory = int32(cpu), int32(memory)
		for d := range x.divisions {
			c.rack(x.divisions[d].load)
			c.divided = append(c.divided, divided{load: x.divisions[d].load})
		}
		return c
	})
	m := join(&c.moulds, mouldKey, func(m *mould) string { return m.key }, func() *mould {
		m := &mould{key: mouldKey, id: x.mouldIDs.take()}
		for d := range x.divisions {
			m.values = append(m.values, x.divisions[d].value(e))
		}
		return m
	})
	if slices.ContainsFunc(x.divisions, func(v division) bool { return v.crowded() }) {
		x.undivide()
	}
	join(&m.nodes, e.Name, func(o *node) string { return o.Name }, func() *node { return e })
	e.Site = s.like.Site // one text for all: comparing it reads nothing
	e.class, e.mould, e.kind = c, m, m.id
	x.moved(e)
}

// join returns the member of a list in the order of keys that has this key, made
// and put in when there is none.
func join[T any](list *[]*T, key string, keyOf func(*T) string, with func() *T) *T {
	at, known := slices.BinarySearchFunc(*list, key, func(m *T, key string) int { return cmp.Compare(keyOf(m), key) })
	if !known {
		*list = slices.Insert(*list, at, with())
	}
	return (*list)[at]
}

// dismiss takes a node out of its spot, class and mould, and those that are empty
// then.
func (x *Index) dismiss(e *node) {
	c, m := e.class, e.mould
	if c == nil {
		return
	}
	e.unrack()
	e.class, e.mould = nil, nil
	if part(&m.nodes, e) {
		return
	}
	if x.mouldIDs.give(m.id); part(&c.moulds, m) {
		return
	}
	if x.classIDs.give(c.id); !part(&c.spot.classes, c) {
		part(&x.spots, c.spot)
	}
}

// part takes a member out of a list and reports whether others are left.
func part[T any](list *[]*T, member *T) bool {
	*list = slices.DeleteFunc(*list, func(o *T) bool { return o == member })
	return len(*list) > 0
}

// ids are small numbers.
type ids struct {
	n    int // that were ever taken
	free []int
}

// take returns one that nobody has, one that is free again before others.
func (l *ids) take() (id int) {
	if n := len(l.free); n > 0 {
		id, l.free = l.free[n-1], l.free[:n-1]
		return id
	}
	l.n++
	return l.n - 1
}

func (l *ids) give(id int) { l.free = append(l.free, id) }

// moved remembers that a node's place in its class may be another one.
func (x *Index) moved(e *node) {
	if !e.shifting {
		e.shifting = true
		x.shifting = append(x.shifting, e)
	}
}

// arrange puts the nodes that have changed where they belong.
func (x *Index) arrange() {
	for i, e := range x.shifting {
		x.shifting[i], e.shifting = nil, false
		if e.class != nil {
			e.unrack()
			x.rack(e)
		}
	}
	x.shifting = x.shifting[:0]
}

// rack enters an open node into the orders of its class.
func (x *Index) rack(e *node) {
	if e.racked = e.open; !e.open {
		return
	}
	stock, slot := e.stock(), e.slot()
	x.changes.note(e, stock)
	for l, r := range e.class.racks {
		if r != nil {
			e.racks[l] = load(l).of(e)
			r.insert(e.racks[l], stock, slot)
		}
	}
	for d, value := range e.mould.values {
		v := &e.class.divided[d]
		if r := v.rack(value); r != nil {
			r.insert(e.racks[v.load], stock, slot)
		}
	}
}

func (e *node) unrack() {
	if !e.racked {
		return
	}
	for l, r := range e.class.racks {
		if r != nil {
			r.remove(e.racks[l], e)
		}
	}
	for d, value := range e.mould.values {
		v := &e.class.divided[d]
		if r := v.rack(value); r != nil {
			r.remove(e.racks[v.load], e)
		}
	}
	e.racked = false
}

// rack returns the nodes of a class in an order of load, made on first use.
func (c *class) rack(l load) *rack {
	if c.racks[l] == nil {
		c.makeRack(l)
	}
	return c.racks[l]
}

func (c *class) makeRack(l load) {
	r := &rack{}
	for _, m := range c.moulds {
		for _, e := range m.nodes {
			if e.racked {
				e.racks[l] = l.of(e)
				r.insert(e.racks[l], e.stock(), e.slot())
			}
		}
	}
	c.racks[l] = r
}

// left are the levels that are left where so many parts of cpu and memory are taken.
func (c *class) left(cpu, memory int32) [2]uint8 {
	return [2]uint8{uint8(level(c.wholeCPU - cpu)), uint8(level(c.wholeMemory - memory))}
}

func (e *node) slot() slot {
	f := &e.free
	even := min(int64(f.CPU), int64(f.Memory), int64(f.Storage), int64(f.Bandwidth)) >= 0
	return slot{e.hash, e, int32(e.kind), e.class.left(e.taken[0], e.taken[1]), even}
}

// stock is what is free on a node.
func (e *node) stock() stock {
	return roomOf(e.free.CPU, e.free.Memory, e.mostDevices()).stock() | stockGuards
}
