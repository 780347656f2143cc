package sched

import (
	"slices"
	"sort"
)

// rack is a list of nodes of one size that is kept in order as their load changes:
// the highest key first, then by the hash of their names. It is a list of short
// blocks, of each of which a mark says what its nodes have room for, so that a search
// passes over full ones. The marks lie side by side: most blocks are not looked at.
type rack struct {
	marks  []mark
	blocks []*block
}

const (
	blockSize = 32
	halfBlock = blockSize / 2
)

// block has as many nodes as its mark says. What is looked at first of each lies side
// by side.
type block struct {
	free  [blockSize]stock
	keys  [blockSize]int32
	slots [blockSize]slot
}

// slot is a node with what a search looks at next.
type slot struct {
	hash uint64
	node *node
	kind int32    // its mould
	left [2]uint8 // levels of its cpu and memory that are free
	even bool     // nothing is overbooked
}

func (k *block) before(i int, key int32, hash uint64, name string) bool {
	if k.keys[i] != key {
		return k.keys[i] > key
	}
	if s := &k.slots[i]; s.hash != hash {
		return s.hash < hash
	}
	return k.slots[i].node.Name < name
}

// move moves the nodes from a position on, up to an end, by one or more places.
func (k *block) move(by, from, end int) {
	copy(k.free[from+by:], k.free[from:end])
	copy(k.keys[from+by:], k.keys[from:end])
	copy(k.slots[from+by:], k.slots[from:end])
}

// find returns where a node of this key stands, or would.
func (r *rack) find(key int32, hash uint64, name string) (b, i int) {
	b = sort.Search(len(r.marks), func(b int) bool { return !r.ends(b, key, hash, name) })
	if b == len(r.marks) {
		return b, 0
	}
	k := r.blocks[b]
	return b, sort.Search(int(r.marks[b].nodes), func(i int) bool { return !k.before(i, key, hash, name) })
}

// reach returns the first block that reaches down to a key, or below it.
func (r *rack) reach(key int32) int {
	low, high := 0, len(r.marks)
	for low < high {
		if b := int(uint(low+high) >> 1); r.marks[b].last > key {
			low = b + 1
		} else {
			high = b
		}
	}
	return low
}

// ends reports whether a block ends before such a node.
func (r *rack) ends(b int, key int32, hash uint64, name string) bool {
	m := &r.marks[b]
	if m.last != key {
		return m.last > key
	}
	return r.blocks[b].before(int(m.nodes)-1, key, hash, name)
}

func (r *rack) insert(key int32, free stock, s slot) {
	b, i := r.find(key, s.hash, s.node.Name)
	switch {
	case len(r.blocks) == 0:
		r.blocks, r.marks = append(r.blocks, &block{}), append(r.marks, mark{})
	case b == len(r.blocks):
		b--
		i = int(r.marks[b].nodes)
	}
	k, m := r.blocks[b], &r.marks[b]
	k.move(1, i, int(m.nodes))
	m.nodes++
	k.keys[i], k.free[i], k.slots[i] = key, free, s
	if m.add(k, i); m.nodes == blockSize {
		r.split(b)
	}
}

func (r *rack) remove(key int32, e *node) {
	b, i := r.find(key, e.hash, e.Name)
	k, m := r.blocks[b], &r.marks[b]
	k.move(-1, i+1, int(m.nodes))
	m.nodes--
	if k.slots[m.nodes] = (slot{}); m.nodes == 0 {
		r.blocks, r.marks = slices.Delete(r.blocks, b, b+1), slices.Delete(r.marks, b, b+1)
		return
	}
	m.measure(k)
}

// split makes two of a full block.
func (r *rack) split(b int) {
	k, half := r.blocks[b], &block{}
	copy(half.free[:], k.free[halfBlock:])
	copy(half.keys[:], k.keys[halfBlock:])
	copy(half.slots[:], k.slots[halfBlock:])
	clear(k.slots[halfBlock:])
	r.blocks, r.marks = slices.Insert(r.blocks, b+1, half), slices.Insert(r.marks, b+1, mark{nodes: blockSize - halfBlock})
	r.marks[b].nodes = halfBlock
	r.marks[b].measure(k)
	r.marks[b+1].measure(half)
}

// place is a position in a rack.
type place struct{ b, i int }

// equals returns where the nodes with the key of the one at p begin and end, and
// how many there are. Most groups are within one block.
func (r *rack) equals(p place) (from, end place, n int) {
	l := r.blocks[p.b].keys[:r.marks[p.b].nodes]
	key, i, j := l[p.i], p.i, p.i+1
	for i > 0 && l[i-1] == key {
		i--
	}
	for j < len(l) && l[j] == key {
		j++
	}
	from, end = place{p.b, i}, place{p.b, j}
	if i == 0 && p.b > 0 && r.marks[p.b-1].last == key {
		from.b, from.i = r.find(key, 0, "")
	}
	if j == len(l) && p.b+1 < len(r.marks) && r.marks[p.b+1].first == key {
		end.b, end.i = r.find(key-1, 0, "")
	}
	return from, end, r.between(from, end)
}

// first is the highest key; below all others when there is no node.
func (r *rack) first() int64 {
	if len(r.marks) == 0 {
		return nothing
	}
	return int64(r.marks[0].first)
}

// skip is the position n nodes on.
func (r *rack) skip(p place, n int) place {
	for p.b < len(r.marks) && p.i+n >= int(r.marks[p.b].nodes) {
		n -= int(r.marks[p.b].nodes) - p.i
		p = place{p.b + 1, 0}
	}
	return place{p.b, p.i + n}
}

// between is how many nodes stand from one position up to a later one.
func (r *rack) between(p, q place) (n int) {
	for ; p.b < q.b; p = (place{p.b + 1, 0}) {
		n += int(r.marks[p.b].nodes) - p.i
	}
	return n + q.i - p.i
}

// next returns the first node from a position on, and before an end, that may have
// room for what is wanted and has a key of at least so much; false when there is none.
func (r *rack) next(p, end place, w *sought, least int64) (place, bool) {
	for ; p.b < len(r.marks) && p.b <= end.b; p = (place{p.b + 1, 0}) {
		m := &r.marks[p.b]
		if int64(m.first) < least {
			break
		}
		if !w.in(m) {
			continue
		}
		k, n := r.blocks[p.b], m.nodes
		if p.b == end.b {
			n = int32(end.i)
		}
		free := k.free[:n]
		for i := p.i; i < len(free); i++ {
			if free[i].holds(w.need) {
				return place{p.b, i}, int64(k.keys[i]) >= least
			}
		}
	}
	return p, false
}

func (r *rack) end() place { return place{len(r.marks), 0} }
