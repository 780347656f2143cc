package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// errorHeader carries why a request was not served, in place of a body.
const errorHeader = "Drover-Error"

// Bounds on what an agent may send.
const (
	maxReportsBody = 300 << 10
	maxReports     = 1024
	maxHelloBody   = 64 << 10
	maxSmallBody   = 4 << 10
	pendingMsgs    = 16_384
	pendingBytes   = 64 << 20
)

// listen serves the agents until the subscriptions are ended. Heartbeats wait for
// nothing and are answered many at once. The rest is sorted by node.
func (c *Cell) listen(ctx context.Context) ([]*nats.Subscription, error) {
	for range servers {
		c.background.Go(func() { c.post.run(func(node string, l letter) { c.answerTo(ctx, node, l) }) })
	}
	context.AfterFunc(ctx, c.post.close)
	c.background.Go(func() { c.answerBeats(ctx) })
	var subs []*nats.Subscription
	for _, h := range []struct {
		on   *nats.Conn
		verb string
		most int
		take func(ctx context.Context, node string, m *nats.Msg)
	}{
		{c.agents, "hello", maxHelloBody, c.later(c.hello)},
		{c.agents, "pull", maxSmallBody, c.later(c.pull)},
		{c.agents, "report", maxReportsBody, c.later(c.report)},
		{c.pulse, "beat", maxSmallBody, c.beat},
	} {
		sub, err := h.on.Subscribe(bus.AgentSubject("*", h.verb), func(m *nats.Msg) {
			node, ok := bus.Sender(m)
			switch {
			case c.mute():
				c.alive.heard(node)
			case !ok || !bus.MayAnswer(m):
				if c.post.admit(node, len(m.Data)) { // else it fills the log
					c.log.Warn("a message asks to be answered elsewhere", "subject", m.Subject)
				}
			case len(m.Data) > h.most:
				if c.post.admit(node, len(m.Data)) {
					c.refuse(m, fmt.Errorf("%s: %d bytes, at most %d may be", h.verb, len(m.Data), h.most))
				}
			default:
				h.take(ctx, node, m)
			}
		})
		if err != nil {
			return subs, fmt.Errorf("listen to agents: %w", err)
		}
		subs = append(subs, sub)
		if err := sub.SetPendingLimits(pendingMsgs, pendingBytes); err != nil {
			return subs, fmt.Errorf("listen to agents: %w", err)
		}
	}
	return subs, nil
}

// mute tells whether another server may lead: then agents are answered by that one,
// or by nobody until it is certain who does.
func (c *Cell) mute() bool { return !c.cluster.sole && !c.cluster.acts() }

// later leaves a message to whoever serves the next one of its node.
func (c *Cell) later(serve func(context.Context, string, *nats.Msg) error) func(context.Context, string, *nats.Msg) {
	return func(_ context.Context, node string, m *nats.Msg) { c.post.put(node, letter{m, serve}) }
}

func (c *Cell) answerTo(ctx context.Context, node string, l letter) {
	if err := l.serve(ctx, node, l.msg); err != nil {
		c.refuse(l.msg, err)
	}
}

// refuse answers with an error; the agent tries again later.
func (c *Cell) refuse(m *nats.Msg, err error) {
	level := slog.LevelDebug
	if strings.HasSuffix(m.Subject, ".report") && !errors.Is(err, errUnknownNode) {
		level = slog.LevelWarn // results are not recorded until this ends
	}
	c.log.Log(context.Background(), level, "an agent's request was refused", "subject", m.Subject, "error", err)
	text := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error())
	r := nats.NewMsg(m.Reply)
	r.Header.Set(errorHeader, text[:min(len(text), 512)])
	c.publish(r)
}

func (c *Cell) respond(m *nats.Msg, v any) error {
	b, err := c.codec.enc.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return c.send(m, b)
}

func (c *Cell) send(m *nats.Msg, body []byte) error {
	c.publish(&nats.Msg{Subject: m.Reply, Data: body})
	return nil
}

// publish sends what nobody waits for here: the other side asks again.
func (c *Cell) publish(m *nats.Msg) {
	if err := c.agents.PublishMsg(m); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		c.log.Warn("a message could not be sent", "subject", m.Subject, "error", err)
	}
}

// hello registers a node. It is answered when that stands in the journal.
func (c *Cell) hello(_ context.Context, node string, m *nats.Msg) error {
	var h api.Hello
	if err := c.codec.dec.Unmarshal(m.Data, &h); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if h.Node.Name != node {
		return fmt.Errorf("hello: the node is %q, its credentials are those of %q", h.Node.Name, node)
	}
	h.Node.Normalize()
	if faults := h.Node.Validate(); len(faults) > 0 {
		return fmt.Errorf("hello: %s: %s", faults[0].Path, faults[0].Message)
	}
	c.wakeable(&h.Node)
	return c.offerFrom(node, m, &engine.Register{Node: h.Node}, func(seq uint64) (any, error) {
		c.alive.heard(node) // known already, unless this is its first hello
		if c.alive.doubted(node, seq) {
			return nil, errNoLease // it was found silent meanwhile
		}
		return api.Welcome{
			Epoch: c.epoch(), Heartbeat: api.Duration(c.cfg.Heartbeat), SilentAfter: api.Duration(c.cfg.SilentAfter),
		}, nil
	})
}

// offerFrom queues an agent's input and answers the agent when it stands in the
// journal.
func (c *Cell) offerFrom(node string, m *nats.Msg, in engine.Input, reply func(seq uint64) (any, error)) error {
	inputs, encoded, err := c.canonical([]engine.Input{in})
	if err != nil {
		return err
	}
	_, err = c.queue.offer("node/"+node, inputs, encoded, c.answerWith(m, reply))
	return err
}

func (c *Cell) answerWith(m *nats.Msg, reply func(seq uint64) (any, error)) func([]state.Answer, uint64, error) {
	return func(answers []state.Answer, seq uint64, err error) {
		if err == nil && answers[0].Code != state.CodeOK {
			err = errors.New(answers[0].Message)
		}
		var answer any
		if err == nil {
			answer, err = reply(seq)
		}
		if err == nil {
			err = c.respond(m, answer)
		}
		if err != nil {
			c.refuse(m, err)
		}
	}
}

// report brings an agent's reports into the journal. They come encoded by this
// very format, so they need not be read back before they are decided on.
func (c *Cell) report(ctx context.Context, node string, m *nats.Msg) error {
	if err := c.hear(ctx, node); err != nil {
		return err
	}
	var r api.Reports
	if err := c.codec.reports.Unmarshal(m.Data, &r); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if len(r.Reports) == 0 || len(r.Reports) > maxReports {
		return fmt.Errorf("report: %d reports, 1 to %d may be in one message", len(r.Reports), maxReports)
	}
	if !c.leading.Load() {
		return httpapi.ErrNotLeader
	}
	epoch := c.epoch() // of what is known now: a later one's would acknowledge what this one may have left out
	kept, seq := c.shadow.concerning(node, r.Reports, c.last.Load())
	c.count.unknown.Add(uint64(len(r.Reports) - len(kept)))
	if len(kept) == 0 {
		return c.respond(m, api.ReportsAck{Epoch: epoch, Seq: seq})
	}
	ack := func(seq uint64) (any, error) { return api.ReportsAck{Epoch: epoch, Seq: seq}, nil }
	in := &engine.Reports{Node: node, Reports: kept}
	in.Clean()
	b, err := journal.EncodeInput(in)
	if err != nil {
		return err
	}
	_, err = c.queue.offer("node/"+node, []engine.Input{in}, [][]byte{b}, c.answerWith(m, ack))
	return err
}

// concerning picks the reports that may change something; the others need not
// stand in the journal. A shadow that is behind stored may not know yet what they
// are about, so they all go to the leader then. An attempt that another leader
// gave is safe, too: its node takes no acknowledgement of this older epoch.
func (s *shadow) concerning(node string, list []api.Report, stored uint64) (kept []api.Report, seq uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.last < stored {
		return list, s.last
	}
	kept = list[:0]
	for i := range list {
		if s.engine.Concerns(node, &list[i]) {
			kept = append(kept, list[i])
		} else {
			s.stray(node, list[i].Attempt)
		}
	}
	return kept, s.last
}

// hear notes that a node spoke. A node that was welcomed just now may not have
// reached the shadow yet.
func (c *Cell) hear(ctx context.Context, node string) error {
	if c.alive.heard(node) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Heartbeat)
	defer cancel()
	stored := c.last.Load()
	if err := c.shadow.until(ctx, func() bool { return c.shadow.last >= stored }); err != nil {
		return err
	}
	c.shadow.mu.RUnlock()
	if !c.alive.heard(node) {
		return errUnknownNode
	}
	return nil
}

var errUnknownNode = errors.New("the node is not registered: say hello first")

// pull answers with the node's assignments as they stand in the journal.
func (c *Cell) pull(ctx context.Context, node string, m *nats.Msg) error {
	if err := c.hear(ctx, node); err != nil {
		return err
	}
	var p api.Pull
	if err := c.codec.dec.Unmarshal(m.Data, &p); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	got, err := c.shadow.pull(node, p)
	if err != nil {
		return err
	}
	body, refused, cut, err := c.answer(ctx, got)
	if err != nil {
		return err
	}
	if cut > 0 {
		c.shadow.cutAt(node, p.Have, cut)
	}
	if len(refused) > 0 {
		c.reject(node, refused)
	}
	return c.send(m, body)
}

// reject ends attempts that cannot be delivered to their node.
func (c *Cell) reject(node string, ids []api.Attempt) {
	inputs, encoded, err := c.canonical([]engine.Input{undeliverable(node, ids)})
	if err == nil {
		_, err = c.queue.offer("node/"+node, inputs, encoded, func([]state.Answer, uint64, error) {})
	}
	if err != nil {
		c.log.Warn("tasks with too many inputs are not refused yet", "node", node, "error", err)
	}
}

// registered tells whether the node stands in the journal and was not removed.
func (s *shadow) registered(node string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.engine.State().Nodes[node] != nil
}

// dispatch tells nodes that they have something new to do.
func (c *Cell) dispatch(nodes []string) {
	if len(nodes) == 0 || !c.leading.Load() {
		return
	}
	c.fail.At(pointBeforeDispatch)
	for _, node := range c.hintCells(nodes) {
		if h, ok := c.shadow.hint(node, c.last.Load()); ok {
			if b, err := c.codec.enc.Marshal(h); err == nil {
				c.publish(&nats.Msg{Subject: bus.NodeSubject(node, "hint"), Data: b})
				c.count.hints.Add(1)
			}
		}
	}
	c.fail.At(pointAfterDispatch)
}
