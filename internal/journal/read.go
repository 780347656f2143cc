package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Reading asks for batches by JetStream's direct get, which needs no consumer and
// so leaves nothing behind on the server.
const (
	batchEntries = 4096
	batchBytes   = 4 << 20
	stallWait    = 10 * time.Second // how long the next record may fail to come
	deniedWait   = time.Second      // how long the only server may say that it does not have it
	stallPause   = 50 * time.Millisecond
)

// LostError means that the store does not give entries that it says it holds.
type LostError struct{ From, To uint64 } // sequences

// Error says which.
func (e *LostError) Error() string {
	return fmt.Sprintf("the entries %d to %d do not come: the server has lost them, or is overloaded", e.From, e.To)
}

// Read implements Journal. The end is asked of the stream's leader; a replica that
// lags behind it is waited for.
func (s *Stream) Read(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := s.read(ctx, from, yield); err != nil {
			yield(Entry{}, fmt.Errorf("read the journal: %w", err))
		}
	}
}

// read returns nil also when yield wanted no more.
func (s *Stream) read(ctx context.Context, from uint64, yield func(Entry, error) bool) error {
	state, err := s.state(ctx)
	if err != nil {
		return err
	}
	if state.Msgs == 0 || from > state.LastSeq {
		return nil
	}
	inbox := s.nc.NewInbox()
	sub, err := s.nc.SubscribeSync(inbox + ".*")
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	r := reader{
		nc: s.nc, sub: sub, inbox: inbox, stream: s.name,
		next: max(from, state.FirstSeq), last: state.LastSeq, yield: yield,
		alone: s.stream.CachedInfo().Config.Replicas == 1,
	}
	return r.run(ctx)
}

// reader is one Read under way.
type reader struct {
	nc         *nats.Conn
	sub        *nats.Subscription
	inbox      string
	stream     string
	next, last uint64 // the next sequence to ask for, and the end
	round      int    // tells the answers of one request from late ones of an earlier
	yield      func(Entry, error) bool
	done       bool // yield wants no more
	alone      bool // no replica can lag behind: what the server denies is lost
	denied     bool // the last answer said that there is nothing from next on
}

func (r *reader) run(ctx context.Context) error {
	moved := time.Now()
	for r.next <= r.last && !r.done {
		before := r.next
		if err := r.batch(ctx); err != nil {
			return err
		}
		switch {
		case r.next > before:
			moved = time.Now()
		case time.Since(moved) > stallWait || r.alone && r.denied && time.Since(moved) > deniedWait:
			return &LostError{r.next, r.last}
		default:
			if err := pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(stallPause):
		return nil
	}
}

type getRequest struct {
	Seq      uint64 `json:"seq"`
	Batch    int    `json:"batch"`
	MaxBytes int    `json:"max_bytes"`
}

// batch asks once and yields what comes. A lost answer or a server that does not
// answer only ends the batch early.
func (r *reader) batch(ctx context.Context) error {
	req, err := json.Marshal(getRequest{r.next, batchEntries, batchBytes})
	if err != nil {
		return err
	}
	r.round++
	reply := r.inbox + "." + strconv.Itoa(r.round)
	if err := r.nc.PublishRequest("$JS.API.DIRECT.GET."+r.stream, reply, req); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, stallWait/2)
	defer cancel()
	for r.next <= r.last {
		m, err := r.sub.NextMsgWithContext(wait)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return nil //nolint:nilerr // tried again, until it stalls
		case m.Subject != reply:
			continue
		}
		if goOn := r.take(m); !goOn {
			return nil
		}
	}
	return nil
}

// take yields an entry; false ends the batch: it was the closing mark or an error
// of the server, an answer before it was lost, or yield wants no more.
func (r *reader) take(m *nats.Msg) bool {
	if status := m.Header.Get("Status"); status != "" {
		r.denied = status == "404"
		return false
	}
	r.denied = false
	seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil || seq < r.next || seq > r.last {
		return false
	}
	// Within a batch each answer names the sequence sent just before it.
	before, err := strconv.ParseUint(m.Header.Get(jetstream.LastSequenceHeader), 10, 64)
	if seq != r.next && err == nil && before >= r.next {
		return false
	}
	r.next = seq + 1
	r.done = !r.yield(Entry{Seq: seq, Data: m.Data}, nil)
	return !r.done
}

// Watch implements Watcher.
func (s *Stream) Watch(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := s.watch(ctx, from, yield)
		if err != nil && ctx.Err() == nil {
			yield(Entry{}, fmt.Errorf("watch the journal: %w", err))
		}
	}
}

func (s *Stream) watch(ctx context.Context, from uint64, yield func(Entry, error) bool) error {
	first, err := s.First(ctx)
	if err != nil {
		return err
	}
	c, err := s.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, first),
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	messages, err := c.Messages(jetstream.PullMaxMessagesWithBytesLimit(batchEntries, batchBytes))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if !yield(Entry{Seq: meta.Sequence.Stream, Data: m.Data()}, nil) {
			return nil
		}
	}
}
