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
	hulls    []sketch // of each block: the highest of its nodes' levels
	heads    []head   // of each block
	sketches []sketch // of each block: the levels of its nodes
	blocks   [][]slot
}

// head is what stands of a block beside those of the others.
type head struct {
	last mark   // of its nodes
	room rooms  // what they have room for
	most levels // that one of them has
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
	from, to := 0, len(r.heads)
	for from < to {
		if h := (from + to) / 2; r.heads[h].last.before(m) {
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
		r.add(0, []slot{s})
		return
	case b == len(r.blocks):
		b--
		i = len(r.blocks[b])
	}
	r.sketches[b].insert(i, s.levels)
	r.blocks[b] = slices.Insert(r.blocks[b], i, s)
	if l := r.blocks[b]; len(l) == blockSize {
		r.add(b+1, l[halfBlock:])
		clear(l[halfBlock:])
		r.blocks[b] = l[:halfBlock]
		r.measure(b)
		return
	}
	h := &r.heads[b]
	h.last, h.room, h.most = r.lastOf(b), h.room|s.levels.rooms(), h.most.or(s.levels)
	r.hulls[b/blockSize].set(b%blockSize, h.most)
}

// add makes a block of some nodes.
func (r *rack) add(b int, nodes []slot) {
	var k sketch
	for i := range nodes {
		k.set(i, nodes[i].levels)
	}
	r.blocks = slices.Insert(r.blocks, b, append(make([]slot, 0, blockSize), nodes...))
	r.sketches, r.heads = slices.Insert(r.sketches, b, k), slices.Insert(r.heads, b, head{})
	r.measure(b)
	r.cover(b)
}

func (r *rack) remove(key int64, e *node) {
	b, i := r.find(mark{key, e.hash}, e.Name)
	if len(r.blocks[b]) == 1 {
		r.blocks, r.heads, r.sketches = slices.Delete(r.blocks, b, b+1), slices.Delete(r.heads, b, b+1), slices.Delete(r.sketches, b, b+1)
		r.cover(b)
		return
	}
	r.sketches[b].remove(i)
	r.blocks[b] = slices.Delete(r.blocks[b], i, i+1)
	r.measure(b)
}

// measure finds anew what stands of a block beside those of the others.
func (r *rack) measure(b int) {
	h := &r.heads[b]
	h.last = r.lastOf(b)
	h.room, h.most = r.sketches[b].sum(len(r.blocks[b]))
	if b/blockSize < len(r.hulls) {
		r.hulls[b/blockSize].set(b%blockSize, h.most)
	}
}

func (r *rack) lastOf(b int) mark { return r.blocks[b][len(r.blocks[b])-1].mark }

// cover writes the hulls anew from a block on, when others stand there.
func (r *rack) cover(b int) {
	for n := (len(r.blocks) + blockSize - 1) / blockSize; len(r.hulls) < n; {
		r.hulls = append(r.hulls, sketch{})
	}
	for ; b < len(r.hulls)*blockSize; b++ {
		var most levels
		if b < len(r.heads) {
			most = r.heads[b].most
		}
		r.hulls[b/blockSize].set(b%blockSize, most)
	}
}

// place is a position in a rack.
type place struct{ b, i int }

// equals returns where the nodes with the key of the one at p begin and end, and
// how many there are. Most stand in one block.
func (r *rack) equals(p place) (from, end place, n int) {
	l := r.blocks[p.b]
	key := l[p.i].key
	from, end = p, place{p.b, p.i + 1}
	for from.i > 0 && l[from.i-1].key == key {
		from.i--
	}
	for end.i < len(l) && l[end.i].key == key {
		end.i++
	}
	if from.i == 0 && p.b > 0 && r.heads[p.b-1].last.key == key {
		from.b, from.i = r.find(mark{key, 0}, "")
	}
	if end.i == len(l) && p.b+1 < len(r.blocks) && r.blocks[p.b+1][0].key == key {
		end.b, end.i = r.find(mark{key - 1, 0}, "")
	}
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
	levels wide
	rooms  rooms
}

// next returns the first node from a position on, and before an end, that has so
// much free and a key of at least so much; false when there is none.
func (r *rack) next(p, end place, w *wanted, least int64) (place, *slot, bool) {
	for b := p.b; ; b++ {
		b = r.roomy(b, w)
		if b > end.b || b >= len(r.blocks) || b > 0 && r.heads[b-1].last.key < least {
			return p, nil, false
		}
		if r.heads[b].room&w.rooms == 0 {
			continue
		}
		list, i := r.blocks[b], 0
		if b == p.b {
			i = p.i
		}
		if b == end.b {
			list = list[:end.i]
		}
		k := &r.sketches[b]
		for i = k.next(i, &w.levels); i < len(list); i = k.next(i+1, &w.levels) {
			s := &list[i]
			if s.key < least {
				return p, nil, false
			}
			if s.free.holds(&w.room) {
				return place{b, i}, s, true
			}
		}
	}
}

// roomy is the first block from b on with no lower levels than are asked for, as far
// as the highest of each resource say.
func (r *rack) roomy(b int, w *wanted) int {
	for h := b / blockSize; h < len(r.hulls); h++ {
		if i := r.hulls[h].next(b-h*blockSize, &w.levels); i < blockSize {
			return h*blockSize + i
		}
		b = (h + 1) * blockSize
	}
	return len(r.blocks)
}

func (r *rack) end() place { return place{len(r.blocks), 0} }
