package sched

import (
	"slices"
	"sort"
)

// rack is a list of nodes of one size that is kept in order as their load changes:
// the highest key first, then by the hash of their names. It is a list of short
// blocks. What a search reads of all of them stands side by side, and says of most
// that they can be passed over; the nodes themselves are looked at last.
type rack struct {
	room     []rooms  // of each block: what its nodes have room for
	last     []mark   // of each block: its last node
	sketches []sketch // of each block
	blocks   [][]slot
}

const (
	blockSize = 32
	halfBlock = blockSize / 2
)

// mark is where a node stands in the order.
type mark struct {
	key  int64
	hash uint64
}

// slot is a node with what a search looks at first.
type slot struct {
	mark
	free   room
	kind   int32 // its mould
	levels levels
	bare   bool // nothing but cpu, memory and devices can keep a task off
	node   *node
}

func (a mark) before(m mark) bool { return a.key > m.key || a.key == m.key && a.hash < m.hash }

func (a *slot) before(m mark, name string) bool {
	return a.mark.before(m) || a.mark == m && a.node.Name < name
}

// find returns where a node of this key stands, or would.
func (r *rack) find(m mark, name string) (b, i int) {
	for b, i = r.block(m), 0; b < len(r.blocks); b++ {
		l := r.blocks[b]
		if l[len(l)-1].before(m, name) {
			continue // by its name only
		}
		return b, sort.Search(len(l), func(i int) bool { return !l[i].before(m, name) })
	}
	return b, 0
}

// block is the first whose last node does not stand before a mark.
func (r *rack) block(m mark) int {
	from, to := 0, len(r.last)
	for from < to {
		if h := (from + to) / 2; r.last[h].before(m) {
			from = h + 1
		} else {
			to = h
		}
	}
	return from
}

func (r *rack) insert(s slot) {
	b, i := r.find(s.mark, s.node.Name)
	switch {
	case len(r.blocks) == 0:
		r.add(0, nil)
	case b == len(r.blocks):
		b--
		i = len(r.blocks[b])
	}
	r.sketches[b].insert(i, &s)
	r.blocks[b] = slices.Insert(r.blocks[b], i, s)
	if l := r.blocks[b]; len(l) == blockSize {
		r.add(b+1, l[halfBlock:])
		clear(l[halfBlock:])
		r.blocks[b] = l[:halfBlock]
	}
	r.measure(b)
}

// add makes a block of some nodes.
func (r *rack) add(b int, nodes []slot) {
	var k sketch
	for i := range nodes {
		k.insert(i, &nodes[i])
	}
	r.blocks = slices.Insert(r.blocks, b, append(make([]slot, 0, blockSize), nodes...))
	r.sketches, r.room, r.last = slices.Insert(r.sketches, b, k), slices.Insert(r.room, b, 0), slices.Insert(r.last, b, mark{})
	if len(nodes) > 0 {
		r.measure(b)
	}
}

func (r *rack) remove(key int64, e *node) {
	b, i := r.find(mark{key, e.hash}, e.Name)
	if len(r.blocks[b]) == 1 {
		r.blocks, r.room = slices.Delete(r.blocks, b, b+1), slices.Delete(r.room, b, b+1)
		r.sketches, r.last = slices.Delete(r.sketches, b, b+1), slices.Delete(r.last, b, b+1)
		return
	}
	r.sketches[b].remove(i)
	r.blocks[b] = slices.Delete(r.blocks[b], i, i+1)
	r.measure(b)
}

// measure finds anew what stands of a block beside those of the others.
func (r *rack) measure(b int) {
	l := r.blocks[b]
	r.room[b], r.last[b] = r.sketches[b].rooms(len(l)), l[len(l)-1].mark
}

// place is a position in a rack.
type place struct{ b, i int }

// equals returns where the nodes with the key of the one at p begin and end, and
// how many there are. Most stand alone.
func (r *rack) equals(p place) (from, end place, n int) {
	l := r.blocks[p.b]
	key := l[p.i].key
	if (p.i > 0 && l[p.i-1].key != key || p == place{}) && p.i+1 < len(l) && l[p.i+1].key != key {
		return p, place{p.b, p.i + 1}, 1
	}
	from.b, from.i = r.find(mark{key, 0}, "")
	end.b, end.i = r.find(mark{key - 1, 0}, "")
	return from, end, r.between(from, end)
}

// first is the highest key; below all others when there is no node.
func (r *rack) first() int64 {
	if len(r.blocks) == 0 {
		return nothing
	}
	return r.blocks[0][0].key
}

// skip is the position n nodes on.
func (r *rack) skip(p place, n int) place {
	for p.b < len(r.blocks) && p.i+n >= len(r.blocks[p.b]) {
		n -= len(r.blocks[p.b]) - p.i
		p = place{p.b + 1, 0}
	}
	return place{p.b, p.i + n}
}

// between is how many nodes stand from one position up to a later one.
func (r *rack) between(p, q place) (n int) {
	for ; p.b < q.b; p = (place{p.b + 1, 0}) {
		n += len(r.blocks[p.b]) - p.i
	}
	return n + q.i - p.i
}

// wanted is what a search looks for in a rack.
type wanted struct {
	room   room
	levels levels
	rooms  rooms
}

// next returns the first node from a position on, and before an end, that has so
// much free and a key of at least so much; false when there is none.
func (r *rack) next(p, end place, w *wanted, least int64) (place, *slot, bool) {
	for ; p.b < len(r.blocks) && p.b <= end.b; p = (place{p.b + 1, 0}) {
		if r.room[p.b]&w.rooms != 0 {
			list := r.blocks[p.b]
			if p.b == end.b {
				list = list[:end.i]
			}
			k := &r.sketches[p.b]
			for i := k.next(p.i, &w.levels); i < len(list); i = k.next(i+1, &w.levels) {
				s := &list[i]
				if s.key < least {
					return p, nil, false
				}
				if s.free.holds(&w.room) {
					return place{p.b, i}, s, true
				}
			}
		}
		if r.last[p.b].key < least {
			break // so are those behind it
		}
	}
	return p, nil, false
}

func (r *rack) end() place { return place{len(r.blocks), 0} }
