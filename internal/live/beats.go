package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
)

// answerAfter is how long a heartbeat's answer may wait for others: sent together,
// they cost the network's goroutines one wake-up, not one each.
const answerAfter = 10 * time.Millisecond

// beats are heartbeats that wait for their answers.
type beats struct {
	mu   sync.Mutex
	list []beat
	some chan struct{} // of capacity 1
}

type beat struct {
	node  string
	reply string // subject
}

func newBeats() *beats { return &beats{some: make(chan struct{}, 1)} }

func (b *beats) add(one beat) {
	b.mu.Lock()
	b.list = append(b.list, one)
	b.mu.Unlock()
	select {
	case b.some <- struct{}{}:
	default:
	}
}

// take exchanges the list for an empty one.
func (b *beats) take(empty []beat) []beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list = empty
	return list
}

// beat takes a heartbeat, which renews the node's lease by being answered. One of
// a node that may have been welcomed just now waits like other messages.
func (c *Cell) beat(_ context.Context, node string, m *nats.Msg) {
	if !c.alive.heard(node) {
		c.post.put(node, letter{m, c.firstBeat})
		return
	}
	if !c.post.admit(node, len(m.Data)) {
		return
	}
	if err := c.takeBeat(node, m); err != nil {
		c.refuse(m, err)
	}
}

// firstBeat is a heartbeat of a node that is not known yet.
func (c *Cell) firstBeat(ctx context.Context, node string, m *nats.Msg) error {
	if err := c.hear(ctx, node); err != nil {
		return err
	}
	return c.takeBeat(node, m)
}

func (c *Cell) takeBeat(node string, m *nats.Msg) error {
	var b api.Beat
	if err := c.codec.dec.Unmarshal(m.Data, &b); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	c.count.beats.Add(1)
	if c.observer != nil {
		c.observer.beat(node, &b)
	}
	c.beats.add(beat{node, m.Reply})
	return nil
}

// answerBeats answers until ctx ends.
func (c *Cell) answerBeats(ctx context.Context) {
	var list []beat
	wait := time.NewTimer(answerAfter)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.beats.some:
		}
		wait.Reset(answerAfter)
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		list = c.beats.take(list[:0])
		c.answerAll(list)
		list = slices.Delete(list, 0, len(list)) // let go of the texts
	}
}

// answerAll tells each node of its set.
func (c *Cell) answerAll(list []beat) {
	hints := c.shadow.hints(list, c.last.Load(), c.alive.doubted)
	var last api.Hint
	var body []byte
	for i := range list {
		h := hints[i]
		if h.Epoch == 0 {
			c.refuse(&nats.Msg{Subject: list[i].node, Reply: list[i].reply}, errNoLease)
			continue
		}
		if body == nil || h != last { // quiet nodes hear the same
			b, err := c.codec.enc.Marshal(h)
			if err != nil {
				c.log.Error("encode a hint", "error", err)
				continue
			}
			last, body = h, b
		}
		c.publish(&nats.Msg{Subject: list[i].reply, Data: body})
	}
}

// errNoLease is what a node hears that is not registered, or stands as silent:
// its tasks may be given up at any moment, so it is not told that it may go on
// before its return, too, stands in the journal. That takes one look around.
var errNoLease = errors.New("the node is not registered, or counts as silent until its return is recorded: ask again")

// hints is what nodes are told of their sets, in order; it is zero for those whose
// lease is not renewed: doubted says of which nodes that is so beside those that stand as silent.
func (s *shadow) hints(list []beat, stored uint64, doubted func(node string, shown uint64) bool) []api.Hint {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]api.Hint, len(list))
	for i := range list {
		if n := s.engine.State().Nodes[list[i].node]; n != nil && !n.Silent && !doubted(n.Name, s.last) {
			out[i], _ = s.hintHere(list[i].node, stored)
		}
	}
	return out
}

// hint is what a node is told of its set. What is asked of it besides is left out while
// the shadow is behind the record that was stored last: it may be what the node was just
// welcomed back from.
func (s *shadow) hint(node string, stored uint64) (api.Hint, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hintHere(node, stored)
}

// hintHere is hint for who holds mu.
func (s *shadow) hintHere(node string, stored uint64) (api.Hint, bool) {
	st := s.engine.State()
	n := st.Nodes[node]
	if n == nil {
		return api.Hint{}, false
	}
	h := api.Hint{Epoch: st.Epoch, Version: n.Version}
	if s.last >= stored {
		h.Power = asked(n)
	}
	return h, true
}
