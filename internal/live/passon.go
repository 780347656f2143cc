package live

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// errNobody says that there is nobody to pass a command to.
var errNobody = fmt.Errorf("%w: no server leads it at the moment, the next one is being found", httpapi.ErrNotLeader)

// maxPassedOn is how many bytes of inputs one message to the leader carries.
const maxPassedOn = 512 << 10

// order is commands that a server passes to the one that leads.
type order struct {
	Lane   string   `cbor:"1,keyasint"`
	Inputs [][]byte `cbor:"2,keyasint"`
}

// carried is what became of an order.
type carried struct {
	Answers []state.Answer `cbor:"1,keyasint,omitempty"`
	Seq     uint64         `cbor:"2,keyasint,omitempty"`
	Fault   string         `cbor:"3,keyasint,omitempty"`
	Why     uint8          `cbor:"4,keyasint,omitempty"` // of the fault
	Retry   time.Duration  `cbor:"5,keyasint,omitempty"`
}

// What a fault is, so that the client is answered as the leader would.
const (
	whyOther uint8 = iota
	whyBusy
	whyNotLeader
	whyStorage
)

// passOn has the leader carry inputs out, in several messages if they are many.
// When the leader changes meanwhile, the outcome is open: a command with an
// idempotency key can be repeated.
func (c *Cell) passOn(ctx context.Context, lane string, encoded [][]byte) (answers []state.Answer, seq uint64, err error) {
	for len(encoded) > 0 {
		n, size := 0, 0
		for n < len(encoded) && (n == 0 || size+len(encoded[n]) <= maxPassedOn) {
			size += len(encoded[n])
			n++
		}
		got, err := c.passOnce(ctx, order{Lane: lane, Inputs: encoded[:n]})
		if err != nil {
			return nil, 0, err
		}
		answers, seq, encoded = append(answers, got.Answers...), max(seq, got.Seq), encoded[n:]
	}
	c.count.forwarded.Add(1)
	return answers, seq, nil
}

func (c *Cell) passOnce(ctx context.Context, o order) (out carried, err error) {
	leader, known, other := c.cluster.leader()
	if !known {
		return out, errNobody
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-other:
			cancel(errOpen)
		case <-stop:
		}
	}()
	if err := c.ask(ctx, c.cluster.subject("do."+leader.ID), o, &out); err != nil {
		return out, err
	}
	if err := out.err(); err != nil {
		return out, err
	}
	if len(out.Answers) != len(o.Inputs) {
		return out, fmt.Errorf("the leader gives %d answers to %d commands", len(out.Answers), len(o.Inputs))
	}
	return out, nil
}

// ask puts a question to another server; its answer is bound to the question.
func (c *Cell) ask(ctx context.Context, subject string, question, answer any) error {
	b, err := c.codec.enc.Marshal(question)
	if err != nil {
		return fmt.Errorf("ask another server: %w", err)
	}
	sealed := c.creds.seal(subject, b)
	m, err := c.nc.RequestWithContext(ctx, subject, sealed)
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrReconnectBufExceeded):
		return errNobody // nothing was sent
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), httpapi.ErrNotLeader):
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("%w: ask another server: %w", httpapi.ErrNotLeader, err)
	}
	body, ok := c.creds.unseal(sealFor(sealed), m.Data)
	if !ok {
		return errors.New("ask another server: the answer is not that of a server with this cell's secret")
	}
	if err := c.codec.dec.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("ask another server: %w", err)
	}
	return nil
}

// sealFor is what the answer to a sealed question is sealed for.
func sealFor(question []byte) string {
	sum := sha256.Sum256(question)
	return "answer " + hex.EncodeToString(sum[:])
}

// reply answers another server's question.
func (c *Cell) reply(m *nats.Msg, answer any) {
	b, err := c.codec.enc.Marshal(answer)
	if err != nil {
		c.log.Error("an answer to another server cannot be encoded", "error", err)
		return
	}
	_ = c.nc.Publish(m.Reply, c.creds.seal(sealFor(m.Data), b)) // who asked asks again
}

// question reads what another server asks; false for what did not come from one.
func (c *Cell) question(m *nats.Msg, to any) bool {
	b, ok := c.creds.unseal(m.Subject, m.Data)
	if !ok || m.Reply == "" || c.codec.dec.Unmarshal(b, to) != nil {
		c.count.foreign.Add(1)
		return false
	}
	return true
}

// serveDo carries out what another server passes on.
func (c *Cell) serveDo(m *nats.Msg) {
	var o order
	if !c.question(m, &o) {
		return
	}
	inputs := make([]engine.Input, len(o.Inputs))
	for i, b := range o.Inputs {
		in, err := journal.DecodeInput(b)
		if err != nil {
			c.reply(m, carriedOf(nil, 0, fmt.Errorf("the leader does not understand the command: %w: are the servers of one version?", err)))
			return
		}
		inputs[i] = in
	}
	err := errNobody
	if len(inputs) > 0 && c.cluster.acts() {
		_, err = c.queue.offer(o.Lane, inputs, o.Inputs, func(a []state.Answer, seq uint64, err error) {
			c.reply(m, carriedOf(a, seq, err))
		})
	}
	if err != nil {
		c.reply(m, carriedOf(nil, 0, err))
	}
}

func carriedOf(answers []state.Answer, seq uint64, err error) carried {
	out := carried{Answers: answers, Seq: seq}
	var busy *httpapi.BusyError
	switch {
	case err == nil:
		return out
	case errors.As(err, &busy):
		out.Why, out.Retry = whyBusy, busy.RetryAfter
	case errors.Is(err, httpapi.ErrNotLeader):
		out.Why = whyNotLeader
	case errors.Is(err, httpapi.ErrStorage):
		out.Why = whyStorage
	}
	out.Fault = err.Error()
	return out
}

// err is the fault as the leader had it.
func (r *carried) err() error {
	switch {
	case r.Fault == "":
		return nil
	case r.Why == whyBusy:
		return &httpapi.BusyError{RetryAfter: r.Retry}
	case r.Why == whyNotLeader:
		return &leadersFault{r.Fault, httpapi.ErrNotLeader}
	case r.Why == whyStorage:
		return &leadersFault{r.Fault, httpapi.ErrStorage}
	}
	return errors.New(r.Fault)
}

// leadersFault is an error that another server had.
type leadersFault struct {
	text string
	kind error
}

func (e *leadersFault) Error() string { return e.text }
func (e *leadersFault) Unwrap() error { return e.kind }
