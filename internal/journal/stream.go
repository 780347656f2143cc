package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// answerWait bounds every question to JetStream whose context has no end.
const answerWait = 10 * time.Second

// StreamOptions says where a cell's journal is kept.
type StreamOptions struct {
	Cell     string // 1 to 63 of a-z, 0-9, '-'
	Replicas int    // 1, 3 or 5; 0 is 1
	// Owner tells whose journal it is. One that was made by another owner is
	// refused with ErrOwner, unless NewOwner says that it changes hands.
	Owner    string
	NewOwner bool
	// Room, if given, is asked before each append whether so many more bytes fit;
	// its error becomes ErrFull. Without it a full disk shows only as ErrUnknown,
	// because JetStream does not answer then.
	Room func(size int) error
}

// Stream is a Journal in a JetStream stream.
type Stream struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	stream  jetstream.Stream // its methods that renew its cached state are not safe for use by many
	name    string
	subject string
	room    func(int) error
	closed  atomic.Bool
}

var (
	_ Journal = (*Stream)(nil)
	_ Watcher = (*Stream)(nil)
	_ Renewer = (*Stream)(nil)
)

// OpenStream opens the journal of a cell, creating it if there is none. The
// connection stays the caller's.
func OpenStream(ctx context.Context, nc *nats.Conn, o StreamOptions) (*Stream, error) {
	if !validCell(o.Cell) {
		return nil, fmt.Errorf("open the journal: %q is not a cell name: use a-z, 0-9 and '-', at most 63 of them", o.Cell)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open the journal of cell %s: %w", o.Cell, err)
	}
	s := &Stream{nc: nc, js: js, name: o.name(), subject: "drover.journal." + o.Cell, room: o.Room}
	if s.room == nil {
		s.room = func(int) error { return nil }
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	switch s.stream, err = open(ctx, js, o, s.subject); {
	case errors.Is(err, ErrOwner):
		return nil, fmt.Errorf("open the journal of cell %s: %w", o.Cell, err)
	case err != nil:
		return nil, fmt.Errorf("open the journal of cell %s: %w: check that the server has JetStream and room", o.Cell, err)
	}
	return s, nil
}

// ErrOwner says that a journal belongs to another owner.
var ErrOwner = errors.New("it belongs to another owner")

// ownerKey is where a stream says whose it is.
const ownerKey = "drover.owner"

// open finds the stream or makes it. Two who make it at once must not both
// believe that it is theirs.
func open(ctx context.Context, js jetstream.JetStream, o StreamOptions, subject string) (jetstream.Stream, error) {
	found, err := js.Stream(ctx, o.name())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		made, err := js.CreateStream(ctx, o.config(subject))
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return made, err
		}
		found, err = js.Stream(ctx, o.name())
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	owner := found.CachedInfo().Config.Metadata[ownerKey]
	if owner != "" && o.Owner != "" && owner != o.Owner && !o.NewOwner {
		return nil, ErrOwner
	}
	return js.UpdateStream(ctx, o.config(subject))
}

func validCell(name string) bool {
	bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return name != "" && len(name) <= 63 && !strings.ContainsFunc(name, bad)
}

func (o StreamOptions) name() string { return "DROVER_JOURNAL_" + o.Cell }

// config has no limits by which JetStream would drop records by itself. If an
// operator sets one, DiscardNew makes it refuse new ones instead of dropping old.
func (o StreamOptions) config(subject string) jetstream.StreamConfig {
	var marks map[string]string
	if o.Owner != "" {
		marks = map[string]string{ownerKey: o.Owner}
	}
	return jetstream.StreamConfig{
		Metadata: marks,
		Name:     o.name(), Subjects: []string{subject},
		Description: "journal of cell " + o.Cell,
		Retention:   jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Storage: jetstream.FileStorage, Compression: jetstream.NoCompression,
		PersistMode: jetstream.DefaultPersistMode, Replicas: max(o.Replicas, 1),
		MaxMsgSize: 1 << 20, DenyDelete: true, AllowDirect: true,
	}
}

// bounded gives ctx an end if it has none.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, answerWait)
}

// Append implements Journal. It sends once: a retry after a lost answer would meet
// the fence and look refused.
func (s *Stream) Append(ctx context.Context, expect uint64, record []byte) (uint64, error) {
	if s.closed.Load() {
		return 0, refuse(ErrClosed)
	}
	if err := admit(ctx, record); err != nil {
		return 0, err
	}
	if err := s.room(len(record)); err != nil {
		return 0, refuse(fmt.Errorf("%w (%w)", ErrFull, err))
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	ctx, stop := s.whileConnected(ctx)
	defer stop()
	ack, err := s.js.Publish(ctx, s.subject, record,
		jetstream.WithExpectLastSequence(expect), jetstream.WithRetryAttempts(0))
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errCut) {
		err = errCut
	}
	if err != nil {
		return 0, outcome(expect, err)
	}
	if ack.Sequence != expect+1 {
		return 0, unknown(fmt.Errorf("it was acknowledged as %d, although %d should be last before it", ack.Sequence, expect))
	}
	return ack.Sequence, nil
}

var errCut = errors.New("the connection to the bus was lost before the answer came")

// whileConnected ends ctx when the connection is lost: an answer that was on its
// way is not sent again.
func (s *Stream) whileConnected(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	lost := s.nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	go func() {
		if _, is := <-lost; is {
			cancel(errCut)
		}
	}()
	return ctx, func() {
		s.nc.RemoveStatusListener(lost) // closes it
		cancel(nil)
	}
}

// Last implements Journal. Only the stream's leader answers.
func (s *Stream) Last(ctx context.Context) (uint64, error) {
	state, err := s.state(ctx)
	return state.LastSeq, err
}

// First implements Journal.
func (s *Stream) First(ctx context.Context) (uint64, error) {
	state, err := s.state(ctx)
	return max(state.FirstSeq, 1), err
}

func (s *Stream) state(ctx context.Context) (jetstream.StreamState, error) {
	if s.closed.Load() {
		return jetstream.StreamState{}, fmt.Errorf("ask for the journal's ends: %w", ErrClosed)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	stream, err := s.js.Stream(ctx, s.name)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("ask for the journal's ends: %w", err)
	}
	return stream.CachedInfo().State, nil
}

// Truncate implements Journal.
func (s *Stream) Truncate(ctx context.Context, upto uint64) error {
	state, err := s.state(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("truncate the journal: %w", err)
	case upto > state.LastSeq:
		return beyond(upto, state.LastSeq)
	case upto < state.FirstSeq:
		return nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := s.stream.Purge(ctx, jetstream.WithPurgeSequence(upto+1)); err != nil {
		return fmt.Errorf("truncate the journal up to %d: %w", upto, err)
	}
	return nil
}

// Renew implements Renewer.
func (s *Stream) Renew(ctx context.Context, next uint64) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	config := s.stream.CachedInfo().Config
	if err := s.js.DeleteStream(ctx, s.name); err != nil {
		return fmt.Errorf("begin the journal anew: %w", err)
	}
	config.FirstSeq = next
	for { // the server removes the old files in its own time
		stream, err := s.js.CreateStream(ctx, config)
		if err == nil {
			s.stream = stream
			return nil
		}
		if pause(ctx) != nil {
			return fmt.Errorf("begin the journal anew at sequence %d: %w", next, err)
		}
	}
}

// Close implements Journal.
func (s *Stream) Close() error {
	s.closed.Store(true)
	return nil
}

// Cells lists the cells whose journals a JetStream holds.
func Cells(ctx context.Context, nc *nats.Conn) (cells []string, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("list the journals: %w", err)
	}
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if cell, ok := strings.CutPrefix(name, StreamOptions{}.name()); ok {
			cells = append(cells, cell)
		}
	}
	if err := names.Err(); err != nil {
		return nil, fmt.Errorf("list the journals: %w", err)
	}
	return cells, nil
}
