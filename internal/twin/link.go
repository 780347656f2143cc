package twin

import (
	"container/heap"
	"math"

	"drover.dev/api"
)

// link carries bytes from one site to another. All transfers that are on it share
// its bandwidth evenly at every moment: processor sharing (Kleinrock, 1967,
// "Time-shared Systems: A Theoretical Treatment"). Virtual time makes a change cost
// O(log n): what each transfer has got since the link was last idle is the same
// number for all, and a transfer ends when that number reaches its tag (Parekh and
// Gallager, 1993, "A Generalized Processor Sharing Approach to Flow Control").
type link struct {
	from, to string
	rtt      api.Duration
	rate     float64 // bits a nanosecond
	cut      int     // cuts that hold
	got      float64 // bits that each transfer has got since the link was last idle
	since    api.Time
	sharing  transfers
	armed    api.Time // an event of the queue waits for this moment; 0 is none

	carried api.Bytes // of transfers that ended or were given up
	busy    api.Duration
}

// transfer is bytes on their way over a link.
type transfer struct {
	attempt *attempt
	size    api.Bytes
	tag     float64 // the link's got when the last bit is there
	n       uint64  // order among those that end at once
	at      int     // in the link's heap
}

func newLink(from, to string, rtt api.Duration, rate api.Rate) *link {
	return &link{from: from, to: to, rtt: rtt, rate: float64(max(rate, 1)) / 1e9}
}

// advance brings the link to now.
func (l *link) advance(now api.Time) {
	d := now.Sub(l.since)
	l.since = now
	if n := len(l.sharing); n > 0 {
		l.busy += d
		if l.cut == 0 {
			// The conversion keeps processors that multiply and add in one step from
			// rounding differently.
			l.got += float64(float64(d) * l.rate / float64(n))
		}
	}
	if len(l.sharing) == 0 {
		l.got = 0 // so that it stays exact
	}
}

// join puts a transfer on the link. n orders those that end at the same moment.
func (l *link) join(now api.Time, a *attempt, size api.Bytes, n uint64) *transfer {
	l.advance(now)
	t := &transfer{attempt: a, size: size, tag: l.got + 8*float64(size), n: n}
	heap.Push(&l.sharing, t)
	return t
}

// leave takes a transfer off before its end.
func (l *link) leave(now api.Time, t *transfer) {
	l.advance(now)
	heap.Remove(&l.sharing, t.at)
	l.carried += max(t.size-api.Bytes((t.tag-l.got)/8), 0)
}

// ended takes off a transfer whose last bit is there; nil when there is none.
func (l *link) ended(now api.Time) *transfer {
	l.advance(now)
	if len(l.sharing) == 0 || !l.sharing[0].there(l.got) {
		return nil
	}
	t := heap.Pop(&l.sharing).(*transfer)
	l.carried += t.size
	return t
}

// there allows for rounding: a part in 10^12.
func (t *transfer) there(got float64) bool { return t.tag <= float64(got*(1+1e-12))+1e-6 }

// next is when the first transfer ends if nothing changes; false when none does.
func (l *link) next() (api.Time, bool) {
	if len(l.sharing) == 0 || l.cut > 0 {
		return 0, false
	}
	left := (l.sharing[0].tag - l.got) * float64(len(l.sharing)) / l.rate
	return l.since.Add(api.Duration(min(max(math.Ceil(left), 0), float64(api.MaxDuration)))), true
}

// transfers is a heap by tag.
type transfers []*transfer

// Len, Less, Swap, Push and Pop are for container/heap.
func (h transfers) Len() int { return len(h) }

// Less orders by tag, then by when they came.
func (h transfers) Less(i, j int) bool {
	return h[i].tag < h[j].tag || h[i].tag == h[j].tag && h[i].n < h[j].n
}

// Swap keeps each transfer's place.
func (h transfers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push adds a *transfer.
func (h *transfers) Push(v any) {
	t := v.(*transfer)
	t.at = len(*h)
	*h = append(*h, t)
}

// Pop takes the last one off.
func (h *transfers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}
