package core

import (
	"container/heap"
	"slices"

	"drover.dev/api"
)

// timerKind says what is due.
type timerKind uint8

const (
	timerWall  timerKind = iota // the task's timeout
	timerStop                   // a Stop that has not been obeyed
	timerRetry                  // prepare or collect again
	timerCheck                  // probe a check
	timerHold                   // let a task go on that could not
)

// timer is due at a time unless what it was set for has passed meanwhile; that
// is found out when it fires, so that nothing need be searched and removed.
type timer struct {
	at    api.Duration
	seq   uint64 // equal times fire in the order in which they were set
	a     *attempt
	kind  timerKind
	index int // of a check
}

// timers is a heap by time.
type timers struct {
	heap []timer
	seq  uint64
	most int // entries at which to throw out those of attempts that have ended
}

func (t *timers) Len() int { return len(t.heap) }
func (t *timers) Less(i, j int) bool {
	x, y := &t.heap[i], &t.heap[j]
	return x.at < y.at || x.at == y.at && x.seq < y.seq
}
func (t *timers) Swap(i, j int) { t.heap[i], t.heap[j] = t.heap[j], t.heap[i] }
func (t *timers) Push(x any)    { t.heap = append(t.heap, x.(timer)) }
func (t *timers) Pop() any {
	last := len(t.heap) - 1
	x := t.heap[last]
	t.heap[last] = timer{}
	t.heap = t.heap[:last]
	return x
}

func (c *Core) setTimer(at api.Duration, a *attempt, kind timerKind, index int) {
	if len(c.timers.heap) >= c.timers.most {
		c.timers.prune()
	}
	c.timers.seq++
	heap.Push(&c.timers, timer{at: at, seq: c.timers.seq, a: a, kind: kind, index: index})
}

// prune keeps long timeouts of short tasks from piling up; it costs a constant
// per timer set.
func (t *timers) prune() {
	t.heap = slices.DeleteFunc(t.heap, func(x timer) bool { return x.a.phase == phaseEnded })
	heap.Init(t)
	t.most = 2*len(t.heap) + 64
}

// fire handles all timers that are due.
func (c *Core) fire() {
	for c.timers.Len() > 0 && c.timers.heap[0].at <= c.now {
		t := heap.Pop(&c.timers).(timer)
		if t.a.phase == phaseEnded {
			continue
		}
		switch t.kind {
		case timerWall:
			c.overran(t.a)
		case timerStop:
			c.stopAgain(t.a)
		case timerRetry:
			c.tryAgain(t.a)
		case timerCheck:
			c.probe(t.a, t.index)
		case timerHold:
			c.holdAgain(t.a)
		}
	}
}

// next is when something is due without anything happening before.
func (c *Core) next() api.Duration {
	at := c.nextTalk()
	if c.timers.Len() > 0 {
		at = earlier(at, c.timers.heap[0].at)
	}
	if c.lease.held > 0 && c.lease.until > c.now {
		at = earlier(at, c.lease.until)
	}
	return at
}

// earlier returns the smaller of two times, of which 0 is never.
func earlier(x, y api.Duration) api.Duration {
	if x == 0 || y != 0 && y < x {
		return y
	}
	return x
}

// backoff is the wait after the nth failure in a row: it doubles from base to
// most, and between none and half of it is taken off, differently for each seed,
// so that nodes that failed together do not return together.
func backoff(base, most api.Duration, n uint32, seed uint64) api.Duration {
	d := most
	if n < 32 && base<<n < most {
		d = base << n
	}
	return d - api.Duration(mix(seed^uint64(n))%uint64(d/2+1))
}

// mix spreads bits (splitmix64; Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// seed of a name (FNV-1a).
func seed(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}
