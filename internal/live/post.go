package live

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/control"
)

// servers is how many agents' requests are served at once. Some wait for a disk
// or for the shadow, so there are more than processors.
const servers = 16

// post keeps the agents' messages until one of a few goroutines serves them. What
// the network gives is only sorted here: a node that is slow to serve, or sends
// too much, delays nobody else.
type post struct {
	start time.Time // monotonic times count from here

	mu     sync.Mutex
	some   *sync.Cond // something can be served, or closed
	rules  *control.Intake[letter]
	closed bool
}

type letter struct {
	msg   *nats.Msg
	serve func(context.Context, string, *nats.Msg) error
}

func newPost(l control.IntakeLimits) *post {
	p := &post{start: time.Now(), rules: control.NewIntake[letter](l)}
	p.some = sync.NewCond(&p.mu)
	return p
}

func (p *post) now() api.Duration { return api.Duration(time.Since(p.start)) }

// admit charges a node for a message that is served at once; false drops it.
func (p *post) admit(node string, size int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rules.Admit(node, size, p.now())
}

// put keeps a message, unless its node is over a limit.
func (p *post) put(node string, l letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rules.Put(node, len(l.msg.Data), l, p.now()) {
		p.some.Signal()
	}
}

// dropped is how many messages were over a limit.
func (p *post) dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rules.Dropped()
}

// close ends run.
func (p *post) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.some.Broadcast()
}

// run serves one message after the other until close.
func (p *post) run(serve func(node string, l letter)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		node, l, ok := p.rules.Next()
		switch {
		case p.closed:
			return
		case !ok:
			p.some.Wait()
			continue
		}
		p.mu.Unlock()
		serve(node, l)
		p.mu.Lock()
		p.rules.Done(node)
	}
}
