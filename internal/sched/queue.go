package sched

import (
	"cmp"
	"container/heap"
	"slices"
	"strconv"

	"drover.dev/api"
)

// Ask is everything of a task that a decision depends on. Tasks of equal Shape
// fit the same nodes.
type Ask struct {
	Shape     string
	Task      *api.Task
	Tenant    string
	Priority  int32
	Objective api.Objective
	Strategy  string // of the workload; "" is the tenant's or the cell's
	Pin       string // the only node allowed; "" is any
	site      string // the only site allowed; "" is any
	Spread    bool   // replicas of one task should stand apart
	Gang      int    // elements that are placed together or not at all; 0 and 1 are single
	Profile   *api.Profile
	Inputs    []Load // by the site that has the bytes; the program included
	Output    api.Bytes

	Within string // label of which a gang shares one value; "" is any

	Displaces bool // may have the place of lower priorities
	Yields    bool // higher priorities may have its place
	Terse     bool // a refusal needs no reasons: room may be made

	// What relations to other tasks read, see rule.
	Workload string            // name of its workload
	Labels   map[string]string // of its workload; never modified
	Static   string            // what ShapeOf says, when Shape says more: nodes that pass are kept by it
	ruled    *api.Task         // whose rules are made
	made     []rule
	room     int32 // value of the label that its gang shares, from 1; 0 is any

	// What promises to others are held against, while Index.Depth > 0.
	Self api.TaskRef  // the task, or the first of its gang
	Now  api.Time     // when it would begin
	Hold api.Duration // how long it takes room on a reference node, see Span; 0 is until it is stopped

	demand string // key of what it asks for among Index.demands
}

// Load is an amount of bytes at a site.
type Load struct {
	Site  string
	Bytes api.Bytes
}

// Item is one entry of the queue: an element, or a gang of elements that are
// placed together or not at all.
type Item struct {
	Ref   api.TaskRef
	Gang  []api.TaskRef // all of them, Ref first; nil for a single element
	Ready api.Time
	Ask   *Ask
	Try   uint32 // attempts so far; for plans only

	// What orders may look at.
	Due     api.Time     // when it should have ended; 0 is none
	Run     api.Duration // predicted run, and its upper end
	RunHigh api.Duration
	Class   api.Class
}

// shape is the queue of the tasks that fit the same nodes, oldest first.
type shape struct {
	ask     *Ask
	items   heapOfItems
	lane    *lane
	pos     int // in the lane; -1: not there
	blocked bool
	seen    uint64 // Index.ticks when it was last tried
	waits   []wait // its relations, while it is blocked; nil: it has none
	all     bool   // any node may have become possible since

	looked   uint64 // Index.stale when it was looked whether any node suits
	none     bool   // none does
	promised int    // entries that had a promise when blocked shapes were last looked at
	futile   uint64 // Index.steps when no promise could be planned for it
}

type queue struct {
	shapes  map[string]*shape
	items   map[api.TaskRef]int32 // numbers in the slab
	slab    slab
	lanes   map[string]*lane // those with shapes to try
	blocked []blocked
	bound   []*shape // those of them that have relations

	waits    map[string]*waits // by key of the tally that they read
	stirring []*waits          // those that something has changed for
	knotty   int               // how many of bound are intricate
}

// lane holds the shapes that are tried one after the other: all of them, or under
// fair share those of one tenant.
type lane struct {
	name  string
	ready shapeHeap
	turn  turn
}

// turn is a tenant's place under fair share, as long as what it holds, the capacity
// and what it asks for next stay the same.
type turn struct {
	next    *Ask // nil: not known
	stale   uint64
	borrows bool
	share   int64
}

// Push adds a task or gang that may be placed.
func (x *Index) Push(it Item) {
	q := &x.queue
	s := q.shapes[it.Ask.Shape]
	if s == nil {
		s = &shape{ask: it.Ask, pos: -1, items: heapOfItems{slab: &q.slab}}
		q.shapes[it.Ask.Shape] = s
	}
	n := q.slab.put(&it, s)
	e := q.slab.item(n)
	e.first, e.second = x.order().rank(&it)
	q.items[it.Ref] = n
	x.settled = false
	s.items.add(n)
	if !s.blocked {
		x.offer(s)
	}
	if p := x.promises[x.promised[it.Ref]]; p != nil && p.ask.Shape != it.Ask.Shape { // it asks for something else now
		x.Reserve(p.Reservation, it.Ask)
	}
}

// Drop takes a task out of the queue; a gang leaves as a whole with its first.
// It returns the shape when that was its last task.
func (x *Index) Drop(ref api.TaskRef) (emptied string) {
	q := &x.queue
	n, known := q.items[ref]
	if !known {
		return ""
	}
	s := q.slab.owner(n).shape
	delete(q.items, ref)
	s.items.remove(int(q.slab.item(n).pos))
	q.slab.drop(n)
	if len(s.items.list) > 0 {
		if s.pos >= 0 {
			heap.Fix(&s.lane.ready, s.pos)
		}
		return ""
	}
	q.leave(s)
	if s.blocked {
		q.unblock(s)
	}
	delete(q.shapes, s.ask.Shape)
	return s.ask.Shape
}

func (q *queue) unblock(s *shape) {
	q.unbind(s)
	if i := slices.IndexFunc(q.blocked, func(b blocked) bool { return b.shape == s }); i >= 0 {
		q.blocked = slices.Delete(q.blocked, i, i+1)
	}
}

// offer puts a shape with tasks among those to try.
func (x *Index) offer(s *shape) {
	if s.pos >= 0 {
		heap.Fix(&s.lane.ready, s.pos)
		return
	}
	if len(s.items.list) == 0 || x.waitsForPlan(s) {
		return
	}
	name := ""
	if x.order().fair {
		name = s.ask.Tenant
	}
	l := x.queue.lanes[name]
	if l == nil {
		l = &lane{name: name}
		x.queue.lanes[name] = l
	}
	s.lane = l
	heap.Push(&l.ready, s)
}

// leave takes a shape out of those to try.
func (q *queue) leave(s *shape) {
	if s.pos < 0 {
		return
	}
	heap.Remove(&s.lane.ready, s.pos)
	if len(s.lane.ready) == 0 {
		delete(q.lanes, s.lane.name)
	}
	s.lane = nil
}

// order is that of the cell's strategy.
func (x *Index) order() *order { return &x.plans[x.cell].order }

// requeue brings the queue into a new order.
func (x *Index) requeue() {
	q := &x.queue
	q.lanes = map[string]*lane{}
	for _, name := range sortedKeys(q.shapes) {
		s := q.shapes[name]
		for _, n := range s.items.list {
			it, e := q.slab.whole(n), q.slab.item(n)
			e.first, e.second = x.order().rank(&it)
		}
		s.items.order()
		if s.pos, s.lane = -1, nil; !s.blocked {
			x.offer(s)
		}
	}
}

// Next returns the task to try first. It stays in the queue until Drop or Block.
func (x *Index) Next() (Item, bool) {
	l := x.nextLane()
	if l == nil {
		return Item{}, false
	}
	return x.queue.slab.whole(l.ready[0].items.list[0]), true
}

// nextLane is the tenant whose turn it is; without fair share there is one lane.
func (x *Index) nextLane() (best *lane) {
	lanes := x.queue.lanes
	if len(lanes) < 2 {
		for _, l := range lanes { // order-free: there is one
			return l
		}
		return nil
	}
	for _, l := range lanes { // order-free: the least of a total order
		x.keepTurn(l)
		if best == nil || l.sooner(best) {
			best = l
		}
	}
	return best
}

// keepTurn works out a tenant's turn when something has changed.
func (x *Index) keepTurn(l *lane) {
	if next := l.ready[0].ask; l.turn.next != next || l.turn.stale != x.stale {
		borrows, share := x.turnOf(l.name, next)
		l.turn = turn{next, x.stale, borrows, share}
	}
}

func (l *lane) sooner(o *lane) bool {
	a, b := &l.turn, &o.turn
	if a.borrows != b.borrows {
		return b.borrows
	}
	if a.share != b.share {
		return a.share < b.share
	}
	return before(l.ready[0].rank(), o.ready[0].rank())
}

// Block sets a shape aside until a node gains room for it.
func (x *Index) Block(name string) {
	s := x.queue.shapes[name]
	if s == nil || s.blocked {
		return
	}
	s.blocked, x.settled = true, false
	x.queue.leave(s)
	x.queue.blocked = append(x.queue.blocked, outline(s))
	if s.ask.tied() {
		x.bind(s)
	}
}

func compareRefs(a, b api.TaskRef) int {
	return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Index, b.Index))
}

type shapeHeap []*shape

func (h shapeHeap) Len() int           { return len(h) }
func (h shapeHeap) Less(i, j int) bool { return before(h[i].rank(), h[j].rank()) }
func (h shapeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *shapeHeap) Push(v any)        { s := v.(*shape); s.pos = len(*h); *h = append(*h, s) }
func (h *shapeHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	s.pos = -1
	return s
}

// ShapeOf returns the key under which tasks wait together: everything that the
// filters read, and the priority. Equal keys mean equal answers.
func ShapeOf(t *api.Task, tenant string, priority int32, pin string, gang bool) string {
	k := make(key, 0, 256) // on the stack
	k = k.num(int64(priority)).str(tenant).str(t.Driver).str(pin)
	r := &t.Resources
	k = k.num(int64(r.CPU)).num(int64(r.Memory)).num(int64(r.Storage)).num(int64(r.Bandwidth))
	k = k.num(int64(len(r.Accelerators)))
	for _, a := range r.Accelerators {
		k = k.str(a.Kind).num(int64(a.Count)).num(int64(len(a.Models)))
		for _, m := range a.Models {
			k = k.str(m)
		}
	}
	for _, p := range t.Ports {
		if p.Port != 0 {
			k = append(k, ':').num(int64(p.Port))
		}
	}
	k = append(k, ';').requirements(&t.Requires)
	if gang {
		k = k.num(int64(t.Count))
	}
	if t.Residency != nil {
		k = append(k, '@')
		for _, s := range t.Residency.Sites {
			k = k.str(s)
		}
		if t.HoldsData() {
			k = append(k, '&')
		}
	}
	return string(k)
}

// key is the text of a shape as it grows: numbers end with a bar, and text follows
// its length, so that no two lists of values have one text.
type key []byte

func (k key) num(n int64) key { return append(strconv.AppendInt(k, n, 36), '|') }

func (k key) str(s string) key { return append(k.num(int64(len(s))), s...) }

func (k key) requirements(q *api.Requirements) key {
	k = k.num(int64(len(q.Layers)))
	for _, l := range q.Layers {
		k = k.str(string(l))
	}
	k = k.num(int64(len(q.Sites)))
	for _, s := range q.Sites {
		k = k.str(s)
	}
	k = k.num(int64(len(q.Labels)))
	for _, name := range sortedKeys(q.Labels) {
		k = k.str(name).str(q.Labels[name])
	}
	for _, list := range [][]api.Expression{q.Affinity, q.AntiAffinity} {
		k = k.num(int64(len(list)))
		for _, e := range list {
			k = k.str(e.Key).str(string(e.Op)).num(int64(len(e.Values)))
			for _, v := range e.Values {
				k = k.str(v)
			}
			if e.Soft {
				k = k.str("soft")
			}
		}
	}
	k = k.num(int64(len(q.Tolerations)))
	for _, t := range q.Tolerations {
		k = k.str(t.Key).str(t.Value).str(string(t.Effect))
	}
	return k
}

// Queued reports whether tasks of a shape wait.
func (x *Index) Queued(shape string) bool { return x.queue.shapes[shape] != nil }
