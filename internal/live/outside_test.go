package live

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/internal/bus"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// outside is a NATS server that the servers of a cell share.
func outside(t *testing.T) Config {
	t.Helper()
	s, err := bus.Start(t.Context(), bus.Options{
		StoreDir: t.TempDir(), Port: -1,
		Authenticate: func(user, password string) (bus.Grant, bool) {
			return bus.ServerGrant(), user == "server" && password == "secret"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return Config{
		NATS: s.URL(), NATSUser: "server", NATSPassword: "secret", AcceptUnsynced: true, AgentUser: "server", AgentPassword: "secret",
		CellSecret: "a secret that the servers of the cell share",
	}
}

// named is a server of that cell.
func named(cfg Config, name string) Config {
	cfg.Name = name
	return cfg
}

// role waits until a server is what it should be.
func role(t *testing.T, c *Cell, want string) {
	t.Helper()
	// What it was elected as, and what it does by now: who steps down still has commands to refuse.
	acts := func() bool { return c.cluster.role() == want && c.leading.Load() == (want == "leader") }
	for deadline := time.Now().Add(wait); !acts(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("server %s is %s, want %s; it knows %+v", c.cfg.Name, c.cluster.role(), want, c.cluster.view())
		}
	}
}

// One server leads, the other follows, passes commands on and reads its own
// writes. When the first leaves, the other leads without waiting.
func TestAFollowerServesAndTakesOver(t *testing.T) {
	cfg := outside(t)
	first := run(t, named(cfg, "first"))
	second := run(t, named(cfg, "second"))
	role(t, first, "leader")
	role(t, second, "follower")

	_, seq := do(t, first, submit(job("one", 1)))
	view(t, second, seq, func(st *state.State) {
		if len(st.Workloads) != 1 {
			t.Errorf("the follower knows %d workloads, want 1", len(st.Workloads))
		}
	})
	_, seq = do(t, second, submit(job("two", 1)))
	view(t, second, seq, func(st *state.State) {
		if st.Epoch != 1 || len(st.Workloads) != 2 {
			t.Errorf("epoch %d, %d workloads; want 1, 2", st.Epoch, len(st.Workloads))
		}
	})
	servers := second.Status().Servers
	if len(servers) != 2 || servers[0].Name != "first" || servers[0].Role != "leader" || servers[1].Role != "follower" {
		t.Errorf("the follower shows %+v", servers)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	role(t, second, "leader")
	answers, seq := do(t, second, submit(job("two", 1)), submit(job("three", 1)))
	if answers[0].ID != 2 {
		t.Errorf("the same key is answered with workload %d, want 2", answers[0].ID)
	}
	view(t, second, seq, func(st *state.State) {
		if st.Epoch != 2 || len(st.Workloads) != 3 {
			t.Errorf("epoch %d, %d workloads; want 2, 3", st.Epoch, len(st.Workloads))
		}
	})
	must[int](t)(second.Audit(t.Context()))
}

// A server that was asleep has heard nobody, and that is not the leader's silence.
func TestAServerThatSleptListensFirst(t *testing.T) {
	cfg := outside(t)
	role(t, run(t, named(cfg, "first")), "leader")
	slept := run(t, named(cfg, "second"))
	role(t, slept, "follower")
	slept.cluster.mu.Lock()
	slept.cluster.start = slept.cluster.start.Add(-time.Minute) // all of which it slept
	slept.cluster.mu.Unlock()
	l := &leader{cell: slept, rules: control.NewLeader(slept.start)}
	if l.mayCampaign() {
		t.Error("it campaigns without having listened")
	}
}

// A leader whose link is cut can do nothing outward: it is mute before another
// leads. When the link is back it follows.
func TestALeaderThatIsCutOffFollowsThen(t *testing.T) {
	cfg := outside(t)
	link := newLink(t, cfg.NATS)
	cut := named(cfg, "cut")
	cut.NATS = link.url
	cut.AppendTimeout = time.Second
	first := run(t, cut)
	second := run(t, named(cfg, "second"))
	_, seq := do(t, first, submit(job("one", 1)))
	view(t, second, seq, func(*state.State) {})

	link.cut()
	began := time.Now()
	for second.cluster.role() != "leader" {
		if time.Since(began) > wait {
			t.Fatal("nobody else leads")
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("another leads after %v", time.Since(began).Round(time.Millisecond))
	if first.cluster.acts() {
		t.Error("the one that was cut off would still answer its nodes")
	}
	do(t, second, submit(job("two", 1)))
	if _, _, err := first.Do(t.Context(), []engine.Input{submit(job("three", 1))}); !errors.Is(err, httpapi.ErrNotLeader) && !errors.Is(err, httpapi.ErrStorage) {
		t.Errorf("the one that was cut off answers %v", err)
	}
	link.heal()
	role(t, first, "follower")
	_, seq = do(t, first, submit(job("four", 1)))
	view(t, first, seq, func(st *state.State) {
		if st.Epoch != second.epoch() || st.Leader != "second" {
			t.Errorf("epoch %d of %q, want %d of second", st.Epoch, st.Leader, second.epoch())
		}
	})
	must[int](t)(first.Audit(t.Context()))
}

// An acknowledgement that is lost on the way is no loss: the batch is found in the
// journal and its effects come out.
func TestALostAcknowledgementOfNATSIsAdopted(t *testing.T) {
	cfg := outside(t)
	js := streams(t, cfg)
	link := newLink(t, cfg.NATS)
	cfg.NATS, cfg.AppendTimeout = link.url, time.Hour // the end of the connection ends the wait
	c := run(t, cfg)
	do(t, c, submit(job("one", 1)))
	before := stored(t, js)
	link.deaf() // what the server says is lost; what it is told arrives
	got := make(chan error, 1)
	go func() {
		_, _, err := c.Do(t.Context(), []engine.Input{submit(job("two", 1))})
		got <- err
	}()
	for end := time.Now().Add(wait); stored(t, js) == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the record does not come")
		}
	}
	link.cut()
	link.heal()
	<-got // the caller may have been told that the outcome is open
	until(t, c, "the batch", func(st *state.State) bool { return len(st.Workloads) == 2 })
	if n := c.count.adopted.Load(); n != 1 {
		t.Errorf("%d batches were adopted, want 1", n)
	}
	must[int](t)(c.Audit(t.Context()))
}

// A server that comes late gets what the journal holds no more from the others.
func TestALateServerFetchesTheArchive(t *testing.T) {
	cfg := outside(t)
	cfg.SnapshotEvery = 10
	first := run(t, named(cfg, "first"))
	a := join(t, first, "n1")
	a.hello()
	for n := 0; must[uint64](t)(first.journal.First(t.Context())) == 1; n++ {
		do(t, first, submit(job(fmt.Sprint("w", n), 1)))
		a.work(1)
		if n > 2000 {
			t.Fatal("the journal is never shortened")
		}
	}
	_, seq := do(t, first, submit(job("last", 1)))
	late := run(t, named(cfg, "late"))
	view(t, late, seq, func(*state.State) {})
	if a, b := must[int](t)(first.Audit(t.Context())), must[int](t)(late.Audit(t.Context())); a != b {
		t.Errorf("the first server audits %d records, the late one %d", a, b)
	}
}

func TestAServerWithAnotherSecretIsRefused(t *testing.T) {
	cfg := outside(t)
	run(t, named(cfg, "first"))
	cfg.CellSecret, cfg.Dir = "another secret than that of the cell", t.TempDir()
	if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrSecret) {
		t.Errorf("got %v, want ErrSecret", err)
	}
}

// TestAServerOfTheSameNameIsNoticed: each of two that cannot be told apart says so.
func TestAServerOfTheSameNameIsNoticed(t *testing.T) {
	cfg := outside(t)
	run(t, named(cfg, "same"))
	said := make(chan string, 100)
	cfg.Logger = slog.New(slog.NewTextHandler(writes(func(b []byte) {
		select {
		case said <- string(b):
		default:
		}
	}), nil))
	run(t, named(cfg, "same"))
	for late := time.After(wait); ; {
		select {
		case line := <-said:
			if strings.Contains(line, "give each its own with --name") {
				return
			}
		case <-late:
			t.Fatal("it does not say that another server has its name")
		}
	}
}

type writes func([]byte)

func (w writes) Write(b []byte) (int, error) { w(b); return len(b), nil }

// link is a proxy to a NATS server that loses what a test wants it to.
type link struct {
	url string
	to  string

	mu    sync.Mutex
	open  bool
	mute  bool
	conns map[net.Conn]bool
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	u := must[*url.URL](t)(url.Parse(to))
	in := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	l := &link{url: "nats://" + in.Addr().String(), to: u.Host, open: true, conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := in.Accept()
			if err != nil {
				return
			}
			all.Go(func() { l.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = in.Close()
		l.cut()
		all.Wait()
	})
	return l
}

func (l *link) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	l.mu.Lock()
	if !l.open {
		l.mu.Unlock()
		return
	}
	s, err := net.Dial("tcp", l.to)
	if err != nil {
		l.mu.Unlock()
		return
	}
	l.conns[c], l.conns[s] = true, true
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.pass(s, c, false) })
	both.Go(func() { l.pass(c, s, true) })
	both.Wait()
}

// pass copies until a connection ends; then it ends both.
func (l *link) pass(to, from net.Conn, answers bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		l.mu.Lock()
		lose := l.mute && answers
		l.mu.Unlock()
		if lose {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// cut ends all connections and lets none through.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = false
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
}

func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.mute = true, false
}

// deaf loses what the server answers.
func (l *link) deaf() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = true
}
