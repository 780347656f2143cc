package sched

import (
	"slices"
	"sort"
)

// rack is a list of nodes of one size that is kept in order as their load changes:
// the highest key first, then by the hash of their names. It is a list of short
// blocks, of each of which is known what its nodes have room for, so that a search
// passes over full ones.
type rack struct {
	room   []rooms // of each block
	blocks []block
}

const (
	blockSize = 32
	halfBlock = blockSize / 2
)

type block struct {
	list    []slot
	devices int32 // most that a node has
}

// slot is a node with what a search looks at first.
type slot struct {
	key  int64
	hash uint64
	free room
	kind int32 // its mould
	room rooms
	node *node
}

func (a *slot) before(key int64, hash uint64, name string) bool {
	if a.key != key {
		return a.key > key
	}
	if a.hash != hash {
		return a.hash < hash
	}
	return a.node.Name < name
}

// find returns where a node of this key stands, or would.
func (r *rack) find(key int64, hash uint64, name string) (b, i int) {
	b = sort.Search(len(r.blocks), func(b int) bool {
		l := r.blocks[b].list
		return !l[len(l)-1].before(key, hash, name)
	})
	if b == len(r.blocks) {
		return b, 0
	}
	l := r.blocks[b].list
	return b, sort.Search(len(l), func(i int) bool { return !l[i].before(key, hash, name) })
}

func (r *rack) insert(s slot) {
	b, i := r.find(s.key, s.hash, s.node.Name)
	switch {
	case len(r.blocks) == 0:
		r.blocks, r.room = append(r.blocks, block{list: make([]slot, 0, blockSize)}), append(r.room, 0)
	case b == len(r.blocks):
		b--
		i = len(r.blocks[b].list)
	}
	k := &r.blocks[b]
	k.list = slices.Insert(k.list, i, s)
	if len(k.list) == blockSize {
		half := append(make([]slot, 0, blockSize), k.list[halfBlock:]...)
		clear(k.list[halfBlock:])
		k.list = k.list[:halfBlock]
		r.blocks, r.room = slices.Insert(r.blocks, b+1, block{list: half}), slices.Insert(r.room, b+1, 0)
		r.measure(b + 1)
	}
	r.measure(b)
}

func (r *rack) remove(key int64, e *node) {
	b, i := r.find(key, e.hash, e.Name)
	k := &r.blocks[b]
	if k.list = slices.Delete(k.list, i, i+1); len(k.list) == 0 {
		r.blocks, r.room = slices.Delete(r.blocks, b, b+1), slices.Delete(r.room, b, b+1)
		return
	}
	r.measure(b)
}

// measure finds anew what the nodes of a block have room for.
func (r *rack) measure(b int) {
	k := &r.blocks[b]
	some, devices := rooms(0), int32(0)
	for i := range k.list {
		some |= k.list[i].room
		devices = max(devices, k.list[i].free.devices)
	}
	r.room[b], k.devices = some, devices
}

// place is a position in a rack.
type place struct{ b, i int }

// equals returns where the nodes with the key of the one at p begin and end, and
// how many there are. Most stand alone.
func (r *rack) equals(p place) (from, end place, n int) {
	l := r.blocks[p.b].list
	key := l[p.i].key
	if (p.i > 0 && l[p.i-1].key != key || p == place{}) && p.i+1 < len(l) && l[p.i+1].key != key {
		return p, place{p.b, p.i + 1}, 1
	}
	from.b, from.i = r.find(key, 0, "")
	end.b, end.i = r.find(key-1, 0, "")
	return from, end, r.between(from, end)
}

// first is the highest key; below all others when there is no node.
func (r *rack) first() int64 {
	if len(r.blocks) == 0 {
		return nothing
	}
	return r.blocks[0].list[0].key
}

// skip is the position n nodes on.
func (r *rack) skip(p place, n int) place {
	for p.b < len(r.blocks) && p.i+n >= len(r.blocks[p.b].list) {
		n -= len(r.blocks[p.b].list) - p.i
		p = place{p.b + 1, 0}
	}
	return place{p.b, p.i + n}
}

// between is how many nodes stand from one position up to a later one.
func (r *rack) between(p, q place) (n int) {
	for ; p.b < q.b; p = (place{p.b + 1, 0}) {
		n += len(r.blocks[p.b].list) - p.i
	}
	return n + q.i - p.i
}

// next returns the first node from a position on, and before an end, that has so
// much free and a key of at least so much; false when there is none.
func (r *rack) next(p, end place, need *room, some rooms, least int64) (place, *slot, bool) {
	for ; p.b < len(r.blocks) && p.b <= end.b; p = (place{p.b + 1, 0}) {
		if r.room[p.b]&some == 0 || r.blocks[p.b].devices < need.devices {
			continue
		}
		list := r.blocks[p.b].list
		if p.b == end.b {
			list = list[:end.i]
		}
		for i := p.i; i < len(list); i++ {
			s := &list[i]
			if s.key < least {
				return p, nil, false
			}
			if s.free.holds(need) {
				return place{p.b, i}, s, true
			}
		}
	}
	return p, nil, false
}

func (r *rack) end() place { return place{len(r.blocks), 0} }
