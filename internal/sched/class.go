package sched

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
)

// class is the nodes that are alike in all that the score reads but their load:
// site, speed, capacity, taints. Within a class the better node is the one that
// comes first in the order of its load, whatever the task is, so that one order
// serves all tasks.
type class struct {
	key   string
	hash  uint64
	like  node // any of them, without load
	nodes int
	racks [loads]*rack // those in use
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

func (l load) of(e *node) int64 {
	switch l {
	case fullest:
		return e.packed
	case emptiest:
		return -e.packed
	case fewest:
		return -int64(e.tasks)
	}
	return int64(e.tasks)
}

// classKey is equal for nodes that are alike.
func classKey(n *api.Node) string {
	var b strings.Builder
	str := func(s string) {
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	num := func(v int64) { b.WriteString(strconv.FormatInt(v, 36)); b.WriteByte('|') }
	str(n.Site)
	num(int64(n.Speed))
	num(int64(n.Capacity.CPU))
	num(int64(n.Capacity.Memory))
	for _, t := range n.Taints {
		str(t.Key)
		str(t.Value)
		str(string(t.Effect))
	}
	return b.String()
}

// enroll puts a node into the class that it is of.
func (x *Index) enroll(e *node) {
	key := classKey(&e.Node)
	if e.class != nil && e.class.key == key {
		return
	}
	x.dismiss(e)
	c := x.classes[key]
	if c == nil {
		c = &class{key: key, hash: hashName(key), like: node{Node: e.Node}}
		x.classes[key] = c
		at, _ := slices.BinarySearchFunc(x.kinds, key, func(d *class, key string) int { return cmp.Compare(d.key, key) })
		x.kinds = slices.Insert(x.kinds, at, c) // by site and speed: the latency model is asked once for each
	}
	c.nodes++
	e.class = c
	x.moved(e)
}

// dismiss takes a node out of its class.
func (x *Index) dismiss(e *node) {
	c := e.class
	if c == nil {
		return
	}
	e.unrack()
	if c.nodes--; c.nodes == 0 {
		delete(x.classes, c.key)
		x.kinds = slices.DeleteFunc(x.kinds, func(d *class) bool { return c == d })
	}
	e.class = nil
}

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
			e.rack()
		}
	}
	x.shifting = x.shifting[:0]
}

// rack enters an open node into the orders of its class.
func (e *node) rack() {
	if e.racked = e.open; !e.open {
		return
	}
	for l, r := range e.class.racks {
		if r != nil {
			e.racks[l] = load(l).of(e)
			r.insert(slot{e.racks[l], e.hash, e.room(), e})
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
	e.racked = false
}

// order returns the nodes of a class in an order of load, made on first use.
func (x *Index) rackOf(c *class, l load) *rack {
	if c.racks[l] == nil {
		r := &rack{}
		for _, e := range x.nodes {
			if e.class == c && e.racked {
				e.racks[l] = l.of(e)
				r.insert(slot{e.racks[l], e.hash, e.room(), e})
			}
		}
		c.racks[l] = r
	}
	return c.racks[l]
}

func (e *node) room() room {
	return room{int64(e.free.CPU), int64(e.free.Memory), int64(e.freeDevices)}
}
