package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"drover.dev/internal/artifact"
	"drover.dev/internal/driver"
	"drover.dev/internal/failpoint"
	"drover.dev/internal/lockfile"
)

// At most so many attempts are prepared, and so many collected, at once.
const transfers = 8

// node is a running agent: the shell that carries out what its core decides. The
// core belongs to the loop's goroutine alone; everything else posts inputs.
type node struct {
	cfg      *Config
	log      *slog.Logger
	self     api.Node
	dirs     dirs
	fail     *failpoint.Point
	codec    codec
	link     Link
	store    Store
	supplier supplier
	cache    *artifact.Cache
	kept     *kept
	lock     *lockfile.Lock
	drivers  map[string]driver.Driver
	probes   *http.Client
	use      use
	busy     busy
	sampler  sampler
	energy   *accountant

	core   *core.Core
	ledger *ledger
	inbox  inbox

	ctx      context.Context // of all work
	stopWork context.CancelFunc
	past     context.Context // has ended: what waits under it only looks
	wg       sync.WaitGroup
	transfer chan struct{}
	once     sync.Once    // OnReady
	refusals atomic.Int64 // of reports, in a row

	mu      sync.Mutex
	jobs    map[api.Attempt]*transferJob // prepare and collect
	handles map[api.Attempt]driver.Handle
	open    map[api.Attempt]struct{} // attempts whose task may yet write logs
}

// inbox gathers inputs for the loop; posting never waits.
type inbox struct {
	mu     sync.Mutex
	inputs []core.Input
	signal chan struct{} // holds one token when there is something
}

func (n *node) post(in ...core.Input) {
	b := &n.inbox
	b.mu.Lock()
	b.inputs = append(b.inputs, in...)
	b.mu.Unlock()
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// take empties the inbox; it gives back the slice of the last time for reuse.
func (b *inbox) take(spare []core.Input) []core.Input {
	clear(spare[:cap(spare)])
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.inputs
	b.inputs = spare[:0]
	return out
}

// spawn runs work that ends with the agent.
func (n *node) spawn(work func(ctx context.Context)) {
	n.wg.Go(func() { work(n.ctx) })
}

// transferJob is one prepare or collect that can be given up.
type transferJob struct{ cancel context.CancelFunc }

// job is work on one attempt that Cancel ends, a few at a time.
func (n *node) job(id api.Attempt, work func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(n.ctx)
	j := &transferJob{cancel}
	n.mu.Lock()
	n.jobs[id] = j
	n.mu.Unlock()
	n.wg.Go(func() {
		defer cancel()
		select {
		case n.transfer <- struct{}{}:
			work(ctx)
			<-n.transfer
		case <-ctx.Done():
			n.post(core.Retry{About: about(id), Detail: "cancelled"})
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.jobs[id] == j { // not the next one on the same attempt
			delete(n.jobs, id)
		}
	})
}

func (n *node) cancel(id api.Attempt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if j, ok := n.jobs[id]; ok {
		j.cancel()
	}
}

func (n *node) began(id api.Attempt, h driver.Handle) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handles[id] = h
	n.open[id] = struct{}{}
}

func (n *node) over(id api.Attempt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.handles, id)
	delete(n.open, id)
}

func (n *node) opened(id api.Attempt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[id] = struct{}{}
}

func (n *node) handle(id api.Attempt) driver.Handle {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.handles[id]
}

func (n *node) live(id api.Attempt) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.open[id]
	return ok
}

// Up implements Peer.
func (n *node) Up() { n.post(core.LinkUp{}) }

// Down implements Peer.
func (n *node) Down() { n.post(core.LinkDown{}) }

// Answer implements Peer.
func (n *node) Answer(verb string, body []byte) []byte {
	switch verb {
	case "hint":
		var h api.Hint
		if n.codec.dec.Unmarshal(body, &h) == nil {
			n.post(core.Hinted{Hint: h})
		}
		return nil
	case "log":
		var q api.LogRequest
		chunk := api.LogChunk{Error: "the request cannot be read"}
		if n.codec.dec.Unmarshal(body, &q) == nil {
			chunk = n.logs(&q)
		}
		return n.encode(chunk)
	}
	return nil
}

func (n *node) encode(v any) []byte {
	body, err := n.codec.enc.Marshal(v)
	if err != nil {
		n.log.Error("a message could not be encoded", "err", err)
		return nil
	}
	return body
}

// verdict makes an input of how preparing or collecting failed.
func verdict(id api.Attempt, err error) core.Input {
	var no *rejection
	var bad *badOutput
	switch {
	case errors.As(err, &no):
		return ended(id, rejected("cannot run here", err))
	case errors.As(err, &bad):
		return ended(id, api.Result{Outcome: api.OutcomeFailed, Reason: bad.reason, Detail: err.Error()})
	default:
		return core.Retry{About: about(id), Detail: err.Error()}
	}
}
