package control

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Limits bound a Batcher. Sizes are estimates, in bytes, of what an input or the
// events that follow from it at once take in the journal, whichever is more.
type Limits struct {
	Bytes       int // of a batch; a single larger input makes a batch of its own
	Inputs      int // of a batch
	QueueBytes  int // of everything that waits
	QueueInputs int // of everything that waits
}

// DefaultLimits keep a record below its largest size: events repeat the
// specifications that inputs bring, so a batch takes half of 512 KiB. The queue
// holds some seconds of work.
func DefaultLimits() Limits {
	return Limits{Bytes: 256 << 10, Inputs: 4096, QueueBytes: 64 << 20, QueueInputs: 1 << 16}
}

// quantum is how many bytes a lane may add to a batch before it is the next
// lane's turn.
const quantum = 16 << 10

// Item is an input that waits. Tag is the shell's: whom to tell.
type Item[T any] struct {
	Input engine.Input
	Size  int
	Tag   T
}

// Batcher gathers inputs while an append is in flight. Each tenant, and each
// node, has a lane of its own, in which order is kept. Two rules keep one lane
// from harming the others:
//
//   - Lanes take turns by deficit round robin (Shreedhar, Varghese, 1995,
//     "Efficient Fair Queuing using Deficit Round Robin"), so a short lane does
//     not wait behind a long one.
//   - A lane may hold as much as the queue has left (dynamic thresholds:
//     Choudhury, Hahne, 1998, "Dynamic Queue Length Thresholds for
//     Shared-Memory Packet Switches"): alone it gets half, of k busy lanes each
//     gets 1/(k+1), and there is always room for one more.
type Batcher[T any] struct {
	limits Limits
	lanes  map[string]*lane[T]
	ring   []*lane[T] // lanes with something in them, in the order of their turns
	turn   int
	bytes  int
	inputs int
	rate   rate
}

type lane[T any] struct {
	name   string
	items  []Item[T]
	bytes  int
	credit int
}

// NewBatcher makes an empty one.
func NewBatcher[T any](l Limits) *Batcher[T] {
	return &Batcher[T]{limits: l, lanes: map[string]*lane[T]{}}
}

// Len is how many inputs wait.
func (b *Batcher[T]) Len() int { return b.inputs }

// Bytes is how much waits.
func (b *Batcher[T]) Bytes() int { return b.bytes }

// Offer queues the items of one request in a lane, all or none. When they are
// not taken, retry says when there will probably be room.
func (b *Batcher[T]) Offer(name string, items []Item[T]) (retry api.Duration, ok bool) {
	size := 0
	for i := range items {
		size += items[i].Size
	}
	l := b.lanes[name]
	if !b.admits(l, size, len(items)) {
		return b.retry(l, size), false
	}
	if l == nil {
		l = &lane[T]{name: name}
		b.lanes[name] = l
		b.ring = append(b.ring, l)
	}
	l.items = append(l.items, items...)
	l.bytes += size
	b.bytes += size
	b.inputs += len(items)
	return 0, true
}

func (b *Batcher[T]) admits(l *lane[T], size, count int) bool {
	freeBytes, freeInputs := b.limits.QueueBytes-b.bytes, b.limits.QueueInputs-b.inputs
	if size > freeBytes || count > freeInputs {
		return false
	}
	if l == nil {
		return true
	}
	return l.bytes+size <= freeBytes && len(l.items)+count <= freeInputs
}

// Take removes the next batch.
func (b *Batcher[T]) Take() []Item[T] {
	var out []Item[T]
	size := 0
	for len(b.ring) > 0 {
		b.turn %= len(b.ring)
		l := b.ring[b.turn]
		l.credit += quantum
		full := false
		out, size, full = b.serve(l, out, size)
		switch {
		case len(l.items) == 0:
			b.drop(b.turn)
		case full:
			return out // the lane keeps its turn and its credit
		default:
			b.turn++
		}
	}
	return out
}

// serve moves items of a lane into the batch, as many as its credit pays for.
func (b *Batcher[T]) serve(l *lane[T], out []Item[T], size int) (_ []Item[T], _ int, full bool) {
	n := 0
	for n < len(l.items) {
		it := l.items[n]
		if len(out) >= b.limits.Inputs || len(out) > 0 && size+it.Size > b.limits.Bytes {
			full = true
			break
		}
		if it.Size > l.credit {
			break
		}
		l.credit -= it.Size
		size += it.Size
		out = append(out, it)
		l.items[n] = Item[T]{} // let go of what it refers to
		n++
		l.bytes -= it.Size
		b.bytes -= it.Size
	}
	l.items = l.items[n:]
	b.inputs -= n
	return out, size, full
}

// Withdraw takes the items of a lane out again whose tags match, as long as they
// wait, and says how many there were.
func (b *Batcher[T]) Withdraw(name string, match func(tag T) bool) int {
	l := b.lanes[name]
	if l == nil {
		return 0
	}
	left := slices.DeleteFunc(l.items, func(it Item[T]) bool {
		if !match(it.Tag) {
			return false
		}
		l.bytes -= it.Size
		b.bytes -= it.Size
		return true
	})
	n := len(l.items) - len(left)
	b.inputs -= n
	if l.items = left; len(left) == 0 {
		b.drop(slices.Index(b.ring, l))
	}
	return n
}

// drop takes the empty lane at a place out of the round. Whose turn it is stays so.
func (b *Batcher[T]) drop(at int) {
	delete(b.lanes, b.ring[at].name)
	b.ring = slices.Delete(b.ring, at, at+1)
	if at < b.turn {
		b.turn--
	}
}

// Drained tells the batcher that so many bytes of a batch have got into the
// journal within so long. Waiting times are computed from it.
func (b *Batcher[T]) Drained(bytes int, took api.Duration) { b.rate.add(bytes, took) }

// The bounds of a wait that a refused request is told.
const (
	minRetry = 50 * api.Millisecond
	maxRetry = 30 * api.Second
)

// retry estimates when a lane will have drained enough: its share of the
// measured rate is that of its turns.
func (b *Batcher[T]) retry(l *lane[T], size int) api.Duration {
	perSecond := b.rate.perSecond()
	if perSecond <= 0 {
		return api.Second
	}
	ahead := size
	if l != nil {
		ahead += l.bytes
	}
	millis := int64(ahead) * int64(len(b.ring)) * 1000 / perSecond
	return min(max(api.Duration(min(millis, 1<<20))*api.Millisecond, minRetry), maxRetry)
}

// rate is a moving average of bytes per second over about the last second, in
// integers.
type rate struct {
	bytes int64
	took  api.Duration
}

func (r *rate) add(bytes int, took api.Duration) {
	r.bytes += int64(bytes)
	r.took += max(took, 1)
	if r.took > api.Second { // forget half: older batches count for less
		r.bytes, r.took = r.bytes/2, r.took/2
	}
}

func (r *rate) perSecond() int64 {
	if r.took < api.Millisecond {
		return 0
	}
	return r.bytes * int64(api.Second/api.Microsecond) / int64(r.took/api.Microsecond)
}
