package sched

import (
	"slices"
	"sort"
)

// rack is a list of nodes that is kept in order as their load changes: the highest
// key first, then by the hash of their names. It is a list of short blocks, each of
// which knows the most room of its nodes, so that a search passes over full ones.
type rack struct {
	blocks []block
}

const (
	blockSize = 32
	halfBlock = blockSize / 2
)

type block struct {
	list []slot
	most room // resource by resource
}

// room is what is free, as far as a search looks at it first.
type room struct{ cpu, memory, devices int64 }

func (r *room) holds(need *room) bool {
	return r.cpu >= need.cpu && r.memory >= need.memory && r.devices >= need.devices
}

func (r *room) grow(o *room) {
	r.cpu, r.memory, r.devices = max(r.cpu, o.cpu), max(r.memory, o.memory), max(r.devices, o.devices)
}

// slot is a node with what a search looks at first.
type slot struct {
	key  int64
	hash uint64
	free room
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
		r.blocks = append(r.blocks, block{list: make([]slot, 0, blockSize), most: room{nothing, nothing, nothing}})
	case b == len(r.blocks):
		b--
		i = len(r.blocks[b].list)
	}
	k := &r.blocks[b]
	k.list = slices.Insert(k.list, i, s)
	k.most.grow(&s.free)
	if len(k.list) < blockSize {
		return
	}
	half := block{list: append(make([]slot, 0, blockSize), k.list[halfBlock:]...)}
	clear(k.list[halfBlock:])
	k.list = k.list[:halfBlock]
	k.measure()
	half.measure()
	r.blocks = slices.Insert(r.blocks, b+1, half)
}

func (r *rack) remove(key int64, e *node) {
	b, i := r.find(key, e.hash, e.Name)
	k := &r.blocks[b]
	if k.list = slices.Delete(k.list, i, i+1); len(k.list) == 0 {
		r.blocks = slices.Delete(r.blocks, b, b+1)
		return
	}
	k.measure()
}

func (k *block) measure() {
	k.most = room{nothing, nothing, nothing}
	for i := range k.list {
		k.most.grow(&k.list[i].free)
	}
}

// place is a position in a rack.
type place struct{ b, i int }

// equals returns where the nodes with the key of the one at p begin and end, and
// how many there are. Most stand alone.
func (r *rack) equals(p place) (from, end place, n int) {
	l := r.blocks[p.b].list
	key := l[p.i].key
	if p.i > 0 && p.i+1 < len(l) && l[p.i-1].key != key && l[p.i+1].key != key {
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
// much free; false when there is none.
func (r *rack) next(p, end place, need *room) (place, *slot, bool) {
	for ; p.b < len(r.blocks) && p.b <= end.b; p = (place{p.b + 1, 0}) {
		k := &r.blocks[p.b]
		if !k.most.holds(need) {
			continue
		}
		list := k.list
		if p.b == end.b {
			list = list[:end.i]
		}
		for i := p.i; i < len(list); i++ {
			if s := &list[i]; s.free.holds(need) {
				return place{p.b, i}, s, true
			}
		}
	}
	return p, nil, false
}

func (r *rack) end() place { return place{len(r.blocks), 0} }
