package journal_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"drover.dev/internal/bus"
	"drover.dev/internal/journal"
)

func TestOutcomeOfEachAnswer(t *testing.T) {
	answer := func(code jetstream.ErrorCode, text string) error {
		return &jetstream.APIError{ErrorCode: code, Description: text}
	}
	for name, c := range map[string]struct {
		err           error
		refused, full bool
	}{
		"wrong sequence":                {answer(10071, "wrong last sequence: 17"), true, false},
		"wrong sequence, in flight":     {answer(10164, "wrong last sequence"), true, false},
		"insufficient resources":        {answer(10023, "insufficient resources"), true, true},
		"storage exceeded":              {answer(10047, "insufficient storage resources available"), true, true},
		"account's limit":               {answer(10002, "resource limits exceeded for account"), true, true},
		"memory exceeded":               {answer(10028, "insufficient memory resources available"), true, true},
		"too large":                     {answer(10054, "message size exceeds maximum allowed"), true, false},
		"store failed":                  {answer(10077, "anything"), false, false},
		"sequence of a replica":         {answer(10063, "expected stream sequence does not match"), false, false},
		"an answer of the future":       {answer(19999, "new"), false, false},
		"nobody took it":                {nats.ErrNoResponders, true, false},
		"no stream":                     {jetstream.ErrNoStreamResponse, true, false},
		"disconnected before sending":   {nats.ErrReconnectBufExceeded, true, false},
		"larger than a message":         {nats.ErrMaxPayload, true, false},
		"the connection was closed":     {nats.ErrConnectionClosed, false, false},
		"no answer in time":             {nats.ErrTimeout, false, false},
		"the caller waited no longer":   {context.DeadlineExceeded, false, false},
		"the caller went away":          {context.Canceled, false, false},
		"an answer that makes no sense": {jetstream.ErrInvalidJSAck, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := journal.Outcome(3, c.err)
			if errors.Is(err, journal.ErrRefused) != c.refused || errors.Is(err, journal.ErrUnknown) == c.refused {
				t.Errorf("got %v, want refused %v", err, c.refused)
			}
			if errors.Is(err, journal.ErrFull) != c.full {
				t.Errorf("got %v, want full %v", err, c.full)
			}
		})
	}
	var refused *journal.RefusedError
	if !errors.As(journal.Outcome(3, answer(10071, "wrong last sequence: 17")), &refused) || *refused != (journal.RefusedError{Expect: 3, Last: 17, Known: true}) {
		t.Errorf("got %+v", refused)
	}
	if !errors.As(journal.Outcome(3, answer(10071, "in other words")), &refused) || refused.Known {
		t.Errorf("got %+v", refused)
	}
}

// wire passes bytes to a server, and back until it is cut.
type wire struct {
	net.Listener
	server string
	deaf   atomic.Bool // bytes of the server are swallowed
}

func newWire(t *testing.T, url string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, server: strings.TrimPrefix(url, "nats://")}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.carry(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return w
}

// carry serves one connection until either end closes it.
func (w *wire) carry(client net.Conn) {
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		_ = client.Close()
		return
	}
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	b := make([]byte, 4096)
	for {
		n, err := server.Read(b)
		if err == nil && !w.deaf.Load() {
			_, err = client.Write(b[:n])
		}
		if err != nil {
			break
		}
	}
	_ = client.Close()
	<-up
}

func TestLostAcknowledgementIsUnknownAndTheRecordIsThere(t *testing.T) {
	h := newHost(t, bus.Options{Port: -1, Authenticate: func(string, string) (bus.Grant, bool) { return bus.ServerGrant(), true }})
	w := newWire(t, h.server.URL())
	nc, err := bus.Connect(t.Context(), bus.Dial{URL: "nats://" + w.Addr().String(), User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	far, err := journal.OpenStream(t.Context(), nc, journal.StreamOptions{Cell: "main"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.Append(t.Context(), 0, []byte("one")); err != nil {
		t.Fatal(err)
	}
	w.deaf.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := far.Append(ctx, 1, []byte("two")); !errors.Is(err, journal.ErrUnknown) || errors.Is(err, journal.ErrRefused) {
		t.Fatal(err)
	}
	near := h.journal(t, "main")
	if got := stored(t, near); len(got) != 2 || string(got[1].Data) != "two" {
		t.Fatalf("the journal has %d records", len(got))
	}
	nc.Close()
	if _, err := far.Append(t.Context(), 2, []byte("three")); !errors.Is(err, journal.ErrUnknown) {
		t.Fatal(err)
	}
}

func TestStoppedServerRefusesUnsent(t *testing.T) {
	h := newHost(t, bus.Options{})
	j := h.journal(t, "main")
	if _, err := j.Append(t.Context(), 0, []byte("one")); err != nil {
		t.Fatal(err)
	}
	lost := h.nc.StatusChanged(nats.RECONNECTING)
	h.server.Stop()
	<-lost
	if _, err := j.Append(t.Context(), 1, []byte("two")); !errors.Is(err, journal.ErrRefused) {
		t.Fatal(err)
	}
}

func TestFullStoreRefusesAndGoesOnWhenThereIsRoom(t *testing.T) {
	h := newHost(t, bus.Options{MaxStore: 256 << 10})
	j := h.journal(t, "main")
	last, err := uint64(0), error(nil)
	for err == nil && last < 100 {
		if _, err = j.Append(t.Context(), last, make([]byte, 16<<10)); err == nil {
			last++
		}
	}
	if !errors.Is(err, journal.ErrFull) || !errors.Is(err, journal.ErrRefused) || last < 5 {
		t.Fatalf("after %d records: %v", last, err)
	}
	if got := stored(t, j); uint64(len(got)) != last {
		t.Fatalf("%d records are there, %d were acknowledged", len(got), last)
	}
	if err := j.Truncate(t.Context(), last-1); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), last, make([]byte, 16<<10)); err != nil {
		t.Fatal(err)
	}
}

func TestNoRoomOnTheDiskRefusesUnsent(t *testing.T) {
	h := newHost(t, bus.Options{})
	full := func(int) error { return bus.ErrNoRoom }
	j, err := journal.OpenStream(t.Context(), h.nc, journal.StreamOptions{Cell: "main", Room: full})
	if err != nil {
		t.Fatal(err)
	}
	_, err = j.Append(t.Context(), 0, []byte("x"))
	if !errors.Is(err, journal.ErrFull) || !errors.Is(err, journal.ErrRefused) || !errors.Is(err, bus.ErrNoRoom) {
		t.Fatal(err)
	}
}

func TestCellNames(t *testing.T) {
	h := newHost(t, bus.Options{})
	for _, name := range []string{"", "a.b", "*", ">", "A", "a b", "a/b", strings.Repeat("a", 64)} {
		if _, err := journal.OpenStream(t.Context(), h.nc, journal.StreamOptions{Cell: name}); err == nil {
			t.Errorf("opened the journal of cell %q", name)
		}
	}
}

// Somebody deletes a record in the middle by force, as a damaged block does.
func TestHoleInTheStreamIsReadAsAHole(t *testing.T) {
	h := newHost(t, bus.Options{})
	js, err := jetstream.New(h.nc)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DROVER_JOURNAL_main", Subjects: []string{"drover.journal.main"}, AllowDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range chain(t, 9) {
		if _, err := js.Publish(t.Context(), "drover.journal.main", e.Data); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := raw.DeleteMsg(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	main := h.journal(t, "main")
	_, err = verify(new(journal.Verifier), stored(t, main))
	var hole *journal.HoleError
	if !errors.As(err, &hole) || *hole != (journal.HoleError{Want: 4, Got: 5}) {
		t.Fatal(err)
	}
	if err := raw.DeleteMsg(t.Context(), 5); err == nil {
		t.Error("an open journal lets records be deleted")
	}
}
