package sched

import (
	"math/bits"

	"drover.dev/api"
)

// mark is what is known of the nodes of a block together.
type mark struct {
	cpu, memory levels // which are free
	first, last int32  // keys
	devices     stock  // most that one request can get, see mostDevices
	nodes       int32
}

// levels is a set of levels of room.
type levels uint64

// level is on which of 64 steps an amount of room is, in parts of which a whole node
// has up to 1000. Steps are of one part first, then of an eighth: nodes that are almost
// full are many.
func level(parts int32) int {
	if parts < 16 {
		return int(max(parts, 0))
	}
	n := bits.Len32(uint32(parts))
	return 8*(n-3) + int(parts>>(n-4))&7
}

// upTo is a level and those below it.
func upTo(level int) levels { return levels(2)<<(level&63) - 1 }

// measure finds anew what the nodes of a block have room for.
func (m *mark) measure(k *block) {
	*m = mark{nodes: m.nodes, first: k.keys[0], last: k.keys[m.nodes-1]}
	for i := range k.slots[:m.nodes] {
		m.reach(k, i)
	}
}

// add takes in a node that was put into its block.
func (m *mark) add(k *block, i int) {
	m.first, m.last = k.keys[0], k.keys[m.nodes-1]
	m.reach(k, i)
}

func (m *mark) reach(k *block, i int) {
	s := &k.slots[i]
	m.cpu |= 1 << (s.left[0] & 63)
	m.memory |= 1 << (s.left[1] & 63)
	m.devices = max(m.devices, k.free[i].devices())
}

// sought is what a search looks for in a rack.
type sought struct {
	need        stock
	devices     stock  // the part of need
	cpu, memory levels // enough of them
	packed      bool   // keys are by packing, and:
	top         int32  // no node with a higher one has room
	mostCPU     int32  // parts that are free at key 0 where just enough memory is
	mostMemory  int32  // and where just enough cpu is
}

// of makes it what the task wants of a class, in which no node has room that has a higher
// key; packed says whether keys are used.
func (w *sought) of(c *passingClass, top int32, packed bool) {
	w.cpu, w.memory = ^levels(0)<<(c.left[0]&63), ^levels(0)<<(c.left[1]&63)
	if w.packed = packed; !packed {
		return
	}
	w.top, w.mostCPU, w.mostMemory = top, c.wholeCPU+int32(c.memory), c.wholeMemory+int32(c.cpu)
}

// in reports whether a node of a block may have room. How packed a node is adds up the
// parts of its cpu and memory that are taken: in a block, where all are about equally
// packed, who has much of the one free has little of the other, so that what is wanted
// bounds both from both sides.
func (w *sought) in(m *mark) bool {
	cpu, memory := m.cpu&w.cpu, m.memory&w.memory
	if cpu == 0 || memory == 0 || m.devices < w.devices {
		return false
	}
	return !w.packed || m.last <= w.top && cpu&upTo(level(w.mostCPU-m.last)) != 0 && memory&upTo(level(w.mostMemory-m.last)) != 0
}

// mostDevices is the most of accelerators that one request can get on a node now: whole
// devices, or where none is left the largest share.
func (e *node) mostDevices() (most api.Milli) {
	wholes := api.Milli(0)
	for _, g := range e.devices {
		for _, free := range g {
			if most = max(most, free); free >= 1000 {
				wholes += 1000
			}
		}
	}
	return max(most, wholes)
}

// leastDevices is how much of them a node must have left for one request of a task: the
// most that any asks for.
func leastDevices(r *api.Resources) (least api.Milli) {
	for i := range r.Accelerators {
		n := r.Accelerators[i].Count
		if n >= 1000 {
			n -= n % 1000
		}
		least = max(least, n)
	}
	return least
}
