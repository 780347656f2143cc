package twin

import "drover.dev/api"

// event is something that will happen at a node.
type event struct {
	at      api.Time
	n       uint64 // order among events of the same time: as they were made
	kind    eventKind
	node    int32
	attempt *attempt
}

type eventKind uint8

const (
	joins       eventKind = iota // bytes of an attempt are on a link; node is the link
	carries                      // the first transfer of a link may have ended
	starts                       // an attempt's task begins to run
	ends                         // it ends by itself
	stopped                      // it has ended on request
	fails                        // a node dies
	noticed                      // its silence is noticed
	repaired                     // it is back
	planned                      // a planner answers
	cuts                         // a link is cut; node is its first direction
	heals                        // and is back
	breaks                       // it is cut by chance
	mended                       // and is back
	turns                        // a machine has fallen asleep, or is awake
	standsStill                  // a task is suspended
	runsOn                       // it goes on
	reports                      // the cell hears that a task has ended
	hears                        // the cell hears of batteries
)

// before orders events by time, then by the order in which they were made.
func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.n < o.n }

// queue is a heap with four children a node: half as deep as a binary one, and
// the children share a cache line or two (LaMarca and Ladner, 1996, "The
// Influence of Caches on the Performance of Heaps").
type queue struct {
	heap []event
	made uint64
}

const arity = 4

func (q *queue) push(e event) {
	q.made++
	e.n = q.made
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / arity
		if !e.before(&q.heap[parent]) {
			break
		}
		q.heap[i] = q.heap[parent]
		i = parent
	}
	q.heap[i] = e
}

// next is when the first event comes; false when there is none.
func (q *queue) next() (api.Time, bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

func (q *queue) pop() event {
	top := q.heap[0]
	last := len(q.heap) - 1
	e := q.heap[last]
	q.heap[last] = event{} // let go of the attempt
	q.heap = q.heap[:last]
	if last > 0 {
		q.down(e)
	}
	return top
}

// down puts e where the top was, below all that come before it.
func (q *queue) down(e event) {
	i := 0
	for {
		first := i*arity + 1
		if first >= len(q.heap) {
			break
		}
		least := first
		for c := first + 1; c < min(first+arity, len(q.heap)); c++ {
			if q.heap[c].before(&q.heap[least]) {
				least = c
			}
		}
		if !q.heap[least].before(&e) {
			break
		}
		q.heap[i] = q.heap[least]
		i = least
	}
	q.heap[i] = e
}
