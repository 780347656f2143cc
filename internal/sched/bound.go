package sched

import "slices"

// In a large cell, what a search learns of a class is kept with the shape: how much is
// taken at most of a node that has room. As one placement changes one node, that is soon
// brought up to date: the index remembers the last changes, and a search begins with those
// since the last one for its shape. So it passes over the classes that hold none of the
// best nodes, and goes straight to the first with room in the others, however many stand
// before it.

// bounds are what is known of the classes where a shape may go.
type bounds struct {
	seen uint64  // changes
	tops []int16 // by number of the class: no node with a higher key by packing has in stock what is asked for
}

// nowhere is below every key by packing: no node has room.
const nowhere = -1

// largeClass is how many nodes a class has, on average, where bounds are kept. In small ones
// a look at the nodes costs no more than one at the changes.
const largeClass = 128

// change is a node that has come to stand elsewhere in its class.
type change struct {
	free  stock
	class int32
	key   int16
}

// changes are the last ones, in a ring of a power of two.
type changes struct {
	n    uint64 // ever
	ring []change
}

func (c *changes) at(i uint64) *change { return &c.ring[i&uint64(len(c.ring)-1)] }

// How many changes are remembered, and how many for each class a search looks at rather
// than go through the classes anew.
const (
	keptChanges   = 1 << 10
	heededChanges = 8
)

// note remembers a change, once somebody heeds them.
func (c *changes) note(e *node, free stock) {
	if c.n++; c.ring != nil {
		*c.at(c.n) = change{free, int32(e.class.id), int16(e.packed)}
	}
}

// heed brings the bounds up to date, where they are kept.
func (s *scorer) heed(p *passing) {
	if s.heeds = s.view.load == fullest && p.n > p.classes*s.x.large; !s.heeds {
		return
	}
	b, news := &p.bounds, &s.x.changes
	if news.ring == nil {
		news.ring = make([]change, keptChanges)
	}
	if b.tops == nil || news.n-b.seen > min(uint64(len(news.ring)), heededChanges*uint64(p.classes)) {
		b.forget(p, s.x.classIDs.n)
	} else {
		b.follow(news, s.want.need)
	}
	b.seen = news.n
}

// follow raises the bounds where a node with room has come since.
func (b *bounds) follow(news *changes, need stock) {
	for i := b.seen + 1; i <= news.n; i++ {
		c := news.at(i)
		if top := &b.tops[c.class]; c.key > *top && c.free.holds(need) {
			*top = c.key
		}
	}
}

// forget falls back on what holds whatever stands where.
func (b *bounds) forget(p *passing, classes int) {
	b.tops = slices.Grow(b.tops[:0], classes)[:classes]
	for i := range p.spots {
		for k := range p.spots[i].classes {
			c := &p.spots[i].classes[k]
			b.tops[c.id] = c.cpu + c.memory
		}
	}
}

// highest is a key above which no node of a class has room.
func (s *scorer) highest(c *passingClass) int32 {
	if s.heeds {
		return int32(s.passing.bounds.tops[c.id])
	}
	return int32(c.cpu) + int32(c.memory)
}
