package sched

import "drover.dev/api"

// Entries of the queue are many when much waits. They lie in slabs, what orders them
// apart from what they point to, and heaps and the map of them hold numbers: of 100,000
// that wait the garbage collector has a few hundred objects to look at.

// rank is what orders an entry: its rank under the present order, then its age.
type rank struct {
	first, second int64
	ready         api.Time
	ref           api.TaskRef
}

func before(a, b *rank) bool {
	if a.first != b.first {
		return a.first < b.first
	}
	if a.second != b.second {
		return a.second < b.second
	}
	if a.ready != b.ready {
		return a.ready < b.ready
	}
	return compareRefs(a.ref, b.ref) < 0
}

// item is what of an entry has no pointers.
type item struct {
	rank
	due          api.Time
	run, runHigh api.Duration
	try          uint32
	number       int32 // in the slab
	pos          int32 // in the shape's heap
}

// owner is the rest of an entry.
type owner struct {
	shape *shape
	ask   *Ask
	gang  []api.TaskRef
	class api.Class
}

// slab holds entries by number; numbers that are free again are given first.
type slab struct {
	items  [][]item
	owners [][]owner
	free   []int32
	used   int32 // numbers that were ever given
}

// slabSize is how many entries are made at once.
const slabSize = 512

func (s *slab) item(n int32) *item   { return &s.items[n/slabSize][n%slabSize] }
func (s *slab) owner(n int32) *owner { return &s.owners[n/slabSize][n%slabSize] }

// put takes an entry in and returns its number. Its rank is for the caller to fill in.
func (s *slab) put(it *Item, of *shape) (n int32) {
	if k := len(s.free); k > 0 {
		n, s.free = s.free[k-1], s.free[:k-1]
	} else {
		if n, s.used = s.used, s.used+1; int(n/slabSize) == len(s.items) {
			s.items, s.owners = append(s.items, make([]item, slabSize)), append(s.owners, make([]owner, slabSize))
		}
	}
	*s.item(n) = item{rank: rank{ready: it.Ready, ref: it.Ref}, due: it.Due, run: it.Run, runHigh: it.RunHigh, try: it.Try, number: n}
	*s.owner(n) = owner{of, it.Ask, it.Gang, it.Class}
	return n
}

// drop forgets an entry. When none is left, so is the memory of all but the first ones:
// where all that comes is placed at once, the queue is empty after each.
func (s *slab) drop(n int32) {
	*s.owner(n) = owner{}
	if s.free = append(s.free, n); len(s.free) < int(s.used) {
		return
	}
	if s.used > slabSize {
		*s = slab{items: [][]item{s.items[0]}, owners: [][]owner{s.owners[0]}}
	}
	s.free, s.used = s.free[:0], 0
}

// whole is an entry as it was put.
func (s *slab) whole(n int32) Item {
	e, o := s.item(n), s.owner(n)
	return Item{Ref: e.ref, Gang: o.gang, Ready: e.ready, Ask: o.ask, Try: e.try, Due: e.due, Run: e.run, RunHigh: e.runHigh, Class: o.class}
}

// item returns what of an entry has no pointers; nil when there is none.
func (q *queue) item(ref api.TaskRef) *item {
	if n, known := q.items[ref]; known {
		return q.slab.item(n)
	}
	return nil
}

func (q *queue) shapeOf(e *item) *shape { return q.slab.owner(e.number).shape }

// heapOfItems is the entries of a shape, the first on top.
type heapOfItems struct {
	slab *slab
	list []int32
}

func (h *heapOfItems) at(i int) *item     { return h.slab.item(h.list[i]) }
func (h *heapOfItems) less(i, j int) bool { return before(&h.at(i).rank, &h.at(j).rank) }

func (h *heapOfItems) swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.at(i).pos, h.at(j).pos = int32(i), int32(j)
}

func (h *heapOfItems) add(n int32) {
	last := len(h.list)
	h.list, h.slab.item(n).pos = append(h.list, n), int32(last)
	h.rise(last)
}

func (h *heapOfItems) remove(i int) {
	last := len(h.list) - 1
	h.swap(i, last)
	if h.list = h.list[:last]; i < last {
		h.rise(h.sink(i))
	}
}

// order makes a heap of the entries when their ranks are new.
func (h *heapOfItems) order() {
	for i := len(h.list)/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
}

func (h *heapOfItems) rise(i int) {
	for ; i > 0 && h.less(i, (i-1)/2); i = (i - 1) / 2 {
		h.swap(i, (i-1)/2)
	}
}

// sink returns where the entry stands then.
func (h *heapOfItems) sink(i int) int {
	for {
		k := 2*i + 1
		if k+1 < len(h.list) && h.less(k+1, k) {
			k++
		}
		if k >= len(h.list) || h.less(i, k) {
			return i
		}
		h.swap(i, k)
		i = k
	}
}

// rank is that of the first entry of a shape.
func (s *shape) rank() *rank { return &s.items.at(0).rank }
