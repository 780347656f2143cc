package live

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// request is inputs that somebody waits for. They may get into the journal in
// several batches.
type request struct {
	lane    string
	taken   bool // some of it is in a batch; guarded by the queue
	answers []state.Answer
	left    int // inputs without an outcome
	seq     uint64
	err     error
	// done is called once, when nothing is left, from the leader's goroutine: it
	// must not block.
	done func(answers []state.Answer, seq uint64, err error)
}

// place is where an input of the queue came from.
type place struct {
	of      *request
	index   int
	encoded []byte
}

type queued = control.Item[place]

// settle gives one input its outcome. A request with a failed input fails as a
// whole: what it did is remembered under its idempotency keys.
func (p place) settle(a state.Answer, seq uint64, err error) {
	r := p.of
	r.answers[p.index], r.seq = a, max(r.seq, seq)
	if r.err == nil {
		r.err = err
	}
	if r.left--; r.left > 0 {
		return
	}
	if r.err != nil {
		r.answers = nil
	}
	r.done(r.answers, r.seq, r.err)
}

// queue is what waits for the leader.
type queue struct {
	mu      sync.Mutex
	batcher *control.Batcher[place]
	closed  error         // why nothing is taken
	wake    chan struct{} // of capacity 1: something is there
}

func newQueue(l control.Limits) *queue {
	return &queue{batcher: control.NewBatcher[place](l), closed: httpapi.ErrNotLeader, wake: make(chan struct{}, 1)}
}

// offer queues a request in a lane, whole or not at all.
func (q *queue) offer(lane string, inputs []engine.Input, encoded [][]byte, done func([]state.Answer, uint64, error)) (*request, error) {
	r := &request{lane: lane, answers: make([]state.Answer, len(inputs)), left: len(inputs), done: done}
	items := make([]queued, len(inputs))
	for i := range inputs {
		size := max(len(encoded[i]), engine.SizeOf(inputs[i])) // a small input may have large events
		items[i] = queued{Input: inputs[i], Size: size, Tag: place{of: r, index: i, encoded: encoded[i]}}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return nil, q.closed
	}
	if retry, ok := q.batcher.Offer(lane, items); !ok {
		return nil, &httpapi.BusyError{RetryAfter: time.Duration(retry)}
	}
	q.poke()
	return r, nil
}

// withdraw takes a request out again, unless some of it is in a batch already:
// what became of it is not known then.
func (q *queue) withdraw(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !r.taken && q.batcher.Withdraw(r.lane, func(p place) bool { return p.of == r }) > 0
}

// poke makes the leader look.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) take() []queued {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.takeHere()
}

// takeHere is take for who holds mu.
func (q *queue) takeHere() []queued {
	items := q.batcher.Take()
	for i := range items {
		items[i].Tag.of.taken = true
	}
	return items
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.batcher.Len()
}

func (q *queue) drained(bytes int, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batcher.Drained(bytes, api.Duration(took))
}

// open lets requests in.
func (q *queue) open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = nil
}

// shut refuses further requests with err, and fails those that wait.
func (q *queue) shut(err error) {
	q.mu.Lock()
	q.closed = err
	var waiting []queued
	for q.batcher.Len() > 0 {
		waiting = append(waiting, q.takeHere()...)
	}
	q.mu.Unlock()
	failAll(waiting, err)
}

func failAll(items []queued, err error) {
	for _, it := range items {
		it.Tag.settle(state.Answer{}, 0, err)
	}
}

// Do implements httpapi.Cell. When ctx ends while the inputs still wait, they are
// taken back: nothing was changed. When they are on their way into the journal,
// they may yet be carried out: a command with an idempotency key can be repeated.
func (c *Cell) Do(ctx context.Context, inputs []engine.Input) ([]state.Answer, uint64, error) {
	if len(inputs) == 0 {
		return nil, c.shadow.seq(), nil
	}
	inputs, encoded, err := c.canonical(inputs)
	if err != nil {
		return nil, 0, err
	}
	type outcome struct {
		answers []state.Answer
		seq     uint64
		err     error
	}
	got := make(chan outcome, 1)
	if !c.cluster.sole && !c.leading.Load() {
		return c.passOn(ctx, laneOf(inputs[0]), encoded)
	}
	r, err := c.queue.offer(laneOf(inputs[0]), inputs, encoded, func(a []state.Answer, seq uint64, err error) { got <- outcome{a, seq, err} })
	if err != nil {
		return nil, 0, err
	}
	select {
	case o := <-got:
		return o.answers, o.seq, o.err
	case <-ctx.Done():
		if c.queue.withdraw(r) {
			return nil, 0, &httpapi.BusyError{RetryAfter: retryPause}
		}
		return nil, 0, fmt.Errorf("wait for the journal: %w", context.Cause(ctx))
	}
}

// canonical encodes inputs and reads them back, so that what is decided on is
// what the journal will hold.
func (c *Cell) canonical(inputs []engine.Input) ([]engine.Input, [][]byte, error) {
	out, encoded := make([]engine.Input, len(inputs)), make([][]byte, len(inputs))
	for i, in := range inputs {
		b, err := journal.EncodeInput(in)
		if err == nil && len(b) > maxInput {
			err = fmt.Errorf("%T has %d bytes in the journal, at most %d fit: make it smaller", in, len(b), maxInput)
		}
		if err == nil {
			out[i], err = journal.DecodeInput(b)
		}
		if err != nil {
			return nil, nil, err
		}
		encoded[i] = b
		if i%64 == 63 {
			runtime.Gosched() // as in the API: whoever waits for little goes first
		}
	}
	return out, encoded, nil
}

// maxInput is the largest input, in bytes: a record holds it twice, in the input
// and in its events, and has some room for what follows from it.
const maxInput = 320 << 10

// laneOf is whose turn an input takes.
func laneOf(in engine.Input) string {
	switch v := in.(type) {
	case *engine.Submit:
		return "tenant/" + v.Workload.Tenant
	case *engine.Cancel:
		return "tenant/" + v.Tenant
	case *engine.Suspend:
		if !v.Operator {
			return "tenant/" + v.Tenant
		}
	case *engine.Rollback:
		return "tenant/" + v.Tenant
	}
	return "operator"
}
