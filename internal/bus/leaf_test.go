package bus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/bus"
)

// hub is a bus that takes leaf nodes, with a connection that answers what
// children ask.
func hub(t *testing.T, port int) (*bus.Server, *nats.Conn) {
	t.Helper()
	s, err := bus.Start(t.Context(), bus.Options{
		StoreDir: t.TempDir(), Port: -1, Leaf: bus.LeafListen{Port: port},
		Authenticate: func(user, password string) (bus.Grant, bool) { return bus.CellGrant(user), password == "secret" },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	nc, err := bus.Connect(t.Context(), bus.Dial{Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	_, err = nc.Subscribe(bus.CellSubject("*", "hello"), func(m *nats.Msg) {
		if cell, ok := bus.CellSender(m); ok {
			_ = m.Respond([]byte("welcome " + cell))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, nc
}

func leaf(t *testing.T, url, cell, password string) *bus.Leaf {
	t.Helper()
	l, err := bus.StartLeaf(t.Context(), bus.LeafDial{URL: url, Cell: cell, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func ask(l *bus.Leaf, cell string) (string, error) {
	m, err := l.Conn().Request(bus.CellSubject(cell, "hello"), nil, 2*time.Second)
	if err != nil {
		return "", err
	}
	return string(m.Data), nil
}

func TestLeaf(t *testing.T) {
	t.Parallel()
	s, nc := hub(t, -1)
	one, two := leaf(t, s.LeafURL(), "one", "secret"), leaf(t, s.LeafURL(), "two", "secret")
	until(t, "both are answered", func() bool {
		a, err1 := ask(one, "one")
		b, err2 := ask(two, "two")
		return err1 == nil && err2 == nil && a == "welcome one" && b == "welcome two"
	})

	hints := make(chan string, 10)
	for _, l := range []*bus.Leaf{one, two} {
		if _, err := l.Conn().Subscribe("drover.>", func(m *nats.Msg) { hints <- "all " + m.Subject }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Conn().Subscribe(bus.CellSubject("one", "hint"), func(*nats.Msg) { hints <- "one" }); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Conn().Subscribe(bus.CellSubject("one", "hint"), func(*nats.Msg) { hints <- "two hears one" }); err != nil {
		t.Fatal(err)
	}
	got := ""
	until(t, "the hint comes", func() bool {
		if err := nc.Publish(bus.CellSubject("one", "hint"), nil); err != nil {
			t.Fatal(err)
		}
		select {
		case got = <-hints:
			return got == "one" || got == "all drover.cell.one.hint"
		default:
			return false
		}
	})

	// Nobody speaks for another one, to a node, or to the journal.
	for _, subject := range []string{bus.CellSubject("two", "hello"), bus.AgentSubject("n", "hello"), "$JS.API.INFO"} {
		if m, err := one.Conn().Request(subject, nil, 300*time.Millisecond); err == nil {
			t.Errorf("%s is answered: %q", subject, m.Data)
		}
	}
	if got := drainAll(hints); got["two hears one"] {
		t.Error("a leaf hears another one's hints")
	}
}

func drainAll(c chan string) map[string]bool {
	out := map[string]bool{}
	for {
		select {
		case s := <-c:
			out[s] = true
		default:
			return out
		}
	}
}

// TestLeafDoors lets cells in by the leaf port only, and with their password.
func TestLeafDoors(t *testing.T) {
	t.Parallel()
	s, _ := hub(t, -1)
	if nc, err := bus.Connect(t.Context(), bus.Dial{URL: s.URL(), User: "one", Password: "secret"}); err == nil {
		nc.Close()
		t.Error("a cell connects as a client")
	}
	wrong := leaf(t, s.LeafURL(), "one", "guessed")
	time.Sleep(300 * time.Millisecond)
	if wrong.Linked() {
		t.Error("a wrong password links")
	}
	if _, err := ask(wrong, "one"); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("without a link a request gives %v, want at once that nobody answers", err)
	}
}
