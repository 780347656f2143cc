package journal_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"drover.dev/internal/bus"
	"drover.dev/internal/journal"
	"drover.dev/internal/journal/journaltest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Subject {
		m := journal.NewMemory(1, journal.Faults{})
		return journaltest.Subject{Journal: m, Restart: func(*testing.T) journal.Journal { m.Crash(); return m }}
	})
}

func TestStream(t *testing.T) {
	h := newHost(t, bus.Options{})
	var cells atomic.Int64
	journaltest.Run(t, func(t *testing.T) journaltest.Subject {
		cell := fmt.Sprintf("cell-%d", cells.Add(1))
		return journaltest.Subject{
			Journal: h.journal(t, cell),
			Restart: func(t *testing.T) journal.Journal { h.restart(t); return h.journal(t, cell) },
		}
	})
}

// host is an embedded server that can be restarted on its directory.
type host struct {
	o      bus.Options
	server *bus.Server
	nc     *nats.Conn
}

func newHost(t testing.TB, o bus.Options) *host {
	t.Helper()
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	h := &host{o: o}
	h.start(t)
	t.Cleanup(h.stop)
	return h
}

func (h *host) start(t testing.TB) {
	t.Helper()
	var err error
	if h.server, err = bus.Start(t.Context(), h.o); err != nil {
		t.Fatal(err)
	}
	if h.nc, err = bus.Connect(t.Context(), bus.Dial{Server: h.server}); err != nil {
		h.server.Stop()
		t.Fatal(err)
	}
}

func (h *host) stop() {
	h.nc.Close()
	h.server.Stop()
}

func (h *host) restart(t testing.TB) {
	t.Helper()
	h.stop()
	h.start(t)
}

func (h *host) journal(t testing.TB, cell string) *journal.Stream {
	t.Helper()
	j, err := journal.OpenStream(t.Context(), h.nc, journal.StreamOptions{Cell: cell, Room: h.server.Room})
	if err != nil {
		t.Fatal(err)
	}
	return j
}
