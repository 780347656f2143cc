package control

import "drover.dev/api"

// IntakeLimits bound what one node may make the leader do. A node that keeps to
// the protocol has one request of each sort under way, and stays far below.
type IntakeLimits struct {
	Messages int // of one node that wait
	Bytes    int // of one node's messages that wait, together
	Rate     int // bytes per second of one node, in the long run
	Burst    int // bytes of one node at once, after it was quiet
	Cost     int // bytes that a message counts for on top of its own
	Nodes    int // nodes that are remembered at once
}

// DefaultIntakeLimits let a node report some ten thousand ended tasks a second.
func DefaultIntakeLimits() IntakeLimits {
	return IntakeLimits{Messages: 32, Bytes: 2 << 20, Rate: 8 << 20, Burst: 16 << 20, Cost: 2 << 10, Nodes: 1 << 17}
}

// Intake holds what nodes have sent until it is served. A node's messages are
// served in their order, one at a time; nodes take turns, so that a node which is
// slow to serve delays only itself; and what one node sends beyond its limits is
// dropped, as if the network had lost it. Times are those of a monotonic clock.
type Intake[T any] struct {
	limits  IntakeLimits
	nodes   map[string]*sender[T]
	ready   []*sender[T] // have something that may be served, in the order of their turns
	dropped uint64
}

// sender is a node with its messages and a token bucket (Turner, 1986, "New
// Directions in Communications").
type sender[T any] struct {
	node   string
	mail   []letter[T]
	bytes  int
	busy   bool // one of its messages is being served
	tokens int64
	at     api.Duration // when tokens was right
}

type letter[T any] struct {
	body T
	size int
}

// NewIntake makes an empty one.
func NewIntake[T any](l IntakeLimits) *Intake[T] {
	return &Intake[T]{limits: l, nodes: map[string]*sender[T]{}}
}

// Dropped is how many messages were over a limit, so far.
func (i *Intake[T]) Dropped() uint64 { return i.dropped }

// Admit charges a node for a message of so many bytes that is served at once;
// false when the node is over its rate.
func (i *Intake[T]) Admit(node string, size int, now api.Duration) bool {
	s := i.sender(node, now)
	if s == nil || !i.pay(s, size, now) {
		i.dropped++
		return false
	}
	return true
}

// Put keeps a message until Next gives it; false when it is over a limit.
func (i *Intake[T]) Put(node string, size int, body T, now api.Duration) bool {
	s := i.sender(node, now)
	if s == nil || len(s.mail) >= i.limits.Messages || s.bytes+size > i.limits.Bytes || !i.pay(s, size, now) {
		i.dropped++
		return false
	}
	s.mail = append(s.mail, letter[T]{body, size})
	s.bytes += size
	if !s.busy && len(s.mail) == 1 {
		i.ready = append(i.ready, s)
	}
	return true
}

// Next gives a message to serve. Until Done, nothing of its node is given.
func (i *Intake[T]) Next() (node string, body T, ok bool) {
	if len(i.ready) == 0 {
		return "", body, false
	}
	s := i.ready[0]
	i.ready[0] = nil
	i.ready = i.ready[1:]
	first := s.mail[0]
	s.mail[0] = letter[T]{} // let go of what it refers to
	s.mail = s.mail[1:]
	s.bytes -= first.size
	s.busy = true
	return s.node, first.body, true
}

// Done says that the message of a node was served.
func (i *Intake[T]) Done(node string) {
	s := i.nodes[node]
	if s == nil || !s.busy {
		return
	}
	s.busy = false
	if len(s.mail) > 0 {
		i.ready = append(i.ready, s)
	} else {
		s.mail = nil
	}
}

// pay takes the price of a message off a node's bucket, if there is enough in it.
func (i *Intake[T]) pay(s *sender[T], size int, now api.Duration) bool {
	s.tokens, s.at = i.filled(s, now), max(s.at, now)
	price := int64(size + i.limits.Cost)
	if s.tokens < price {
		return false
	}
	s.tokens -= price
	return true
}

// filled is what a node's bucket holds now.
func (i *Intake[T]) filled(s *sender[T], now api.Duration) int64 {
	elapsed := min(max(now-s.at, 0), api.Minute) // a minute fills it: the product stays small
	return min(int64(i.limits.Burst), s.tokens+int64(elapsed/api.Microsecond)*int64(i.limits.Rate)/1_000_000)
}

// sender finds a node. When too many are remembered, those that are as good as
// new are forgotten; nil when that leaves no room.
func (i *Intake[T]) sender(node string, now api.Duration) *sender[T] {
	if s := i.nodes[node]; s != nil {
		return s
	}
	if len(i.nodes) >= i.limits.Nodes {
		i.forget(now)
	}
	if len(i.nodes) >= i.limits.Nodes {
		return nil
	}
	s := &sender[T]{node: node, tokens: int64(i.limits.Burst), at: now}
	i.nodes[node] = s
	return s
}

func (i *Intake[T]) forget(now api.Duration) {
	for name, s := range i.nodes { // order-free: each is judged by itself
		if !s.busy && len(s.mail) == 0 && i.filled(s, now) >= int64(i.limits.Burst) {
			delete(i.nodes, name)
		}
	}
}
