package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"drover.dev/internal/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, o bus.Options) *bus.Server {
	t.Helper()
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	s, err := bus.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func connect(t testing.TB, d bus.Dial) *nats.Conn {
	t.Helper()
	nc, err := bus.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// tokens lets in "server" and any user "node:<name>" whose password is the user's name.
func tokens(user, password string) (bus.Grant, bool) {
	if user != password {
		return bus.Grant{}, false
	}
	if node, ok := strings.CutPrefix(user, "node:"); ok {
		return bus.NodeGrant(node), true
	}
	return bus.ServerGrant(), user == "server"
}

func TestInProcessOnlyServerDoesNotListen(t *testing.T) {
	s := start(t, bus.Options{})
	if s.URL() != "" {
		t.Fatalf("URL = %q, want none", s.URL())
	}
	nc := connect(t, bus.Dial{Server: s})
	sub, err := nc.SubscribeSync("hello")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("hello", []byte("world")); err != nil {
		t.Fatal(err)
	}
	if m, err := sub.NextMsg(5 * time.Second); err != nil || string(m.Data) != "world" {
		t.Fatalf("got %v, %v", m, err)
	}
}

func TestStreamsOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	cfg := jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Storage: jetstream.FileStorage}
	for round := uint64(1); round <= 3; round++ {
		s := start(t, bus.Options{StoreDir: dir, Port: -1, Authenticate: tokens})
		nc := connect(t, bus.Dial{URL: s.URL(), User: "server", Password: "server"})
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateOrUpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		ack, err := js.Publish(t.Context(), "s", []byte("x"))
		if err != nil || ack.Sequence != round {
			t.Fatalf("round %d: %+v, %v", round, ack, err)
		}
		nc.Close()
		s.Stop()
		s.Stop() // harmless
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	busy := start(t, bus.Options{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		o    bus.Options
		want string
	}{
		"no directory":        {bus.Options{}, "no store directory"},
		"a second server":     {bus.Options{StoreDir: bus.Dir(busy)}, "another server runs in"},
		"a file in the way":   {bus.Options{StoreDir: filepath.Join(file, "x")}, "create the store directory"},
		"a port that is held": {bus.Options{StoreDir: t.TempDir(), Port: l.Addr().(*net.TCPAddr).Port}, "address already in use"},
		"not an address":      {bus.Options{StoreDir: t.TempDir(), Host: "256.0.0.1", Port: -1}, "256.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := bus.Start(t.Context(), c.o)
			if err == nil {
				s.Stop()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
	if s, err := bus.Start(cancelled, bus.Options{StoreDir: t.TempDir()}); err == nil {
		s.Stop() // it was ready before it looked: as good
	} else if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestStoreThatJetStreamCannotUse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := bus.Start(t.Context(), bus.Options{StoreDir: dir})
	if err == nil {
		s.Stop()
	}
	if err == nil || !strings.Contains(err.Error(), "this user may write there") {
		t.Fatal(err)
	}
}

func TestWhoMayConnect(t *testing.T) {
	s := start(t, bus.Options{Port: -1, Authenticate: tokens})
	closed := start(t, bus.Options{Port: -1})
	for name, c := range map[string]struct {
		url, user, password string
		ok                  bool
	}{
		"a server":                    {s.URL(), "server", "server", true},
		"a node":                      {s.URL(), "node:n1", "node:n1", true},
		"a wrong password":            {s.URL(), "server", "guess", false},
		"nobody":                      {s.URL(), "", "", false},
		"our own user, guessed":       {s.URL(), "self", "self", false},
		"a node named >":              {s.URL(), "node:>", "node:>", false},
		"a node named *":              {s.URL(), "node:*", "node:*", false},
		"a node with a dot":           {s.URL(), "node:a.b", "node:a.b", false},
		"a node without a name":       {s.URL(), "node:", "node:", false},
		"a node in capitals":          {s.URL(), "node:N1", "node:N1", false},
		"a node with a space":         {s.URL(), "node:a b", "node:a b", false},
		"a node of 64 letters":        {s.URL(), "node:" + strings.Repeat("a", 64), "node:" + strings.Repeat("a", 64), false},
		"anyone, with nobody to ask":  {closed.URL(), "server", "server", false},
		"address with credentials in": {"nats://server:server@" + strings.TrimPrefix(s.URL(), "nats://"), "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := bus.Connect(t.Context(), bus.Dial{URL: c.url, User: c.user, Password: c.password})
			if err == nil {
				nc.Close()
			}
			if (err == nil) != c.ok {
				t.Fatalf("connect: %v, want success %v", err, c.ok)
			}
		})
	}
}

func TestPasswordsStayOutOfErrorsAndLogs(t *testing.T) {
	var log lines
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := start(t, bus.Options{Port: -1, Authenticate: tokens, Logger: logger})
	for _, d := range []bus.Dial{
		{URL: s.URL(), User: "server", Password: "hush", Logger: logger},
		{URL: "nats://server:hush@127.0.0.1:1", Logger: logger},
		{URL: "nats://server:hush@%zz", Logger: logger},
	} {
		nc, err := bus.Connect(t.Context(), d)
		if err == nil {
			nc.Close()
			t.Fatal("connected")
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("error shows the password: %v", err)
		}
	}
	if strings.Contains(log.String(), "hush") {
		t.Errorf("log shows the password:\n%s", log.String())
	}
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }

func (l *lines) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// denied runs do and returns the permission violations that the server reports.
func denied(t *testing.T, s *bus.Server, node string, do func(*nats.Conn) error) error {
	t.Helper()
	nc := connect(t, bus.Dial{URL: s.URL(), User: "node:" + node, Password: "node:" + node, Node: node})
	got := make(chan error, 16)
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { got <- err })
	if err := do(nc); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// The violation was read before the answer to the flush; its handler may still be on its way.
	if errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
		return <-got
	}
	return nil
}

func TestWhatANodeMayDo(t *testing.T) {
	s := start(t, bus.Options{Port: -1, Authenticate: tokens})
	publish := func(subject string) func(*nats.Conn) error {
		return func(nc *nats.Conn) error { return nc.Publish(subject, nil) }
	}
	listen := func(subject string) func(*nats.Conn) error {
		return func(nc *nats.Conn) error { _, err := nc.Subscribe(subject, func(*nats.Msg) {}); return err }
	}
	for name, c := range map[string]struct {
		do func(*nats.Conn) error
		ok bool
	}{
		"speak as itself":                {publish(bus.AgentSubject("n1", "report")), true},
		"listen to its own":              {listen(bus.NodeSubject("n1", "hint")), true},
		"listen on its inbox":            {listen(bus.AgentInbox("n1") + ".x.1"), true},
		"speak as another":               {publish(bus.AgentSubject("n2", "report")), false},
		"speak as one with its prefix":   {publish(bus.AgentSubject("n11", "report")), false},
		"command another":                {publish(bus.NodeSubject("n2", "hint")), false},
		"command itself":                 {publish(bus.NodeSubject("n1", "hint")), false},
		"listen to another":              {listen(bus.NodeSubject("n2", "hint")), false},
		"listen to all nodes":            {listen("drover.node.*.>"), false},
		"listen to all":                  {listen(">"), false},
		"listen to agents":               {listen("drover.agent.>"), false},
		"listen to its own agent":        {listen(bus.AgentSubject("n1", ">")), false},
		"listen on all inboxes":          {listen("_INBOX.>"), false},
		"listen on another's inbox":      {listen(bus.AgentInbox("n2") + ".>"), false},
		"listen on the server's inbox":   {listen("_INBOX.SERVER.>"), false},
		"speak into another's inbox":     {publish(bus.AgentInbox("n2") + ".x"), false},
		"write the journal":              {publish("drover.journal.main"), false},
		"ask JetStream":                  {publish("$JS.API.INFO"), false},
		"delete a stream":                {publish("$JS.API.STREAM.DELETE.S"), false},
		"read a stream":                  {publish("$JS.API.DIRECT.GET.S"), false},
		"acknowledge for a consumer":     {publish("$JS.ACK.S.C.1.1.1.1.1"), false},
		"reach the system":               {publish("$SYS.REQ.SERVER.PING"), false},
		"listen to JetStream's messages": {listen("$JS.>"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := denied(t, s, "n1", c.do); (err == nil) != c.ok {
				t.Fatalf("violation %v, want allowed %v", err, c.ok)
			}
		})
	}
}

func TestServerAndNodeAskEachOther(t *testing.T) {
	s := start(t, bus.Options{Port: -1, Authenticate: tokens})
	server := connect(t, bus.Dial{Server: s})
	node := connect(t, bus.Dial{URL: s.URL(), User: "node:n1", Password: "node:n1", Node: "n1"})
	echo := func(nc *nats.Conn, subject string, answer func(*nats.Msg) error) {
		if _, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = answer(m) }); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	echo(node, bus.NodeSubject("n1", "ask"), func(m *nats.Msg) error { return m.Respond([]byte("node")) })
	echo(server, "drover.agent.*.ask", func(m *nats.Msg) error {
		who, _ := bus.Sender(m)
		if !bus.MayAnswer(m) {
			return fmt.Errorf("%s asks for its answer on %s", who, m.Reply)
		}
		return m.Respond([]byte("hello " + who))
	})
	if m, err := server.Request(bus.NodeSubject("n1", "ask"), nil, 5*time.Second); err != nil || string(m.Data) != "node" {
		t.Fatalf("server asks node: %v, %v", m, err)
	}
	if m, err := node.Request(bus.AgentSubject("n1", "ask"), nil, 5*time.Second); err != nil || string(m.Data) != "hello n1" {
		t.Fatalf("node asks server: %v, %v", m, err)
	}
}

// A node names another node's subject as the place to answer to: NATS delivers
// that request, so it is up to MayAnswer.
func TestANodeCannotMakeTheServerSpeakToAnother(t *testing.T) {
	s := start(t, bus.Options{Port: -1, Authenticate: tokens})
	server := connect(t, bus.Dial{Server: s})
	evil := connect(t, bus.Dial{URL: s.URL(), User: "node:n1", Password: "node:n1", Node: "n1"})
	asked, err := server.SubscribeSync("drover.agent.*.ask")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{bus.NodeSubject("n2", "stop"), "$JS.API.STREAM.DELETE.S", bus.AgentInbox("n11") + ".x"} {
		if err := evil.PublishRequest(bus.AgentSubject("n1", "ask"), reply, nil); err != nil {
			t.Fatal(err)
		}
		m, err := asked.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if bus.MayAnswer(m) {
			t.Errorf("an answer to %q is allowed", reply)
		}
	}
}

func TestTooLargeMessageIsRefusedByTheSender(t *testing.T) {
	nc := connect(t, bus.Dial{Server: start(t, bus.Options{})})
	if err := nc.Publish("x", make([]byte, bus.MaxPayload+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Fatal(err)
	}
}

func TestConnectionReturnsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, bus.Options{StoreDir: dir, Port: -1, Authenticate: tokens})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	var p int
	if _, err := fmt.Sscan(port, &p); err != nil {
		t.Fatal(err)
	}
	nc := connect(t, bus.Dial{URL: s.URL(), User: "server", Password: "server"})
	lost := nc.StatusChanged(nats.RECONNECTING)
	back := nc.StatusChanged(nats.CONNECTED)
	s.Stop()
	<-lost
	if err := nc.Publish("x", nil); err == nil {
		t.Error("a publish without a connection was kept for later")
	}
	start(t, bus.Options{StoreDir: dir, Port: p, Authenticate: tokens})
	<-back
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestDialKeepsTryingWhenAsked(t *testing.T) {
	if _, err := bus.Connect(t.Context(), bus.Dial{URL: "nats://127.0.0.1:1"}); err == nil {
		t.Fatal("connected to nothing")
	}
	nc := connect(t, bus.Dial{URL: "nats://127.0.0.1:1", Retry: true})
	if !nc.IsReconnecting() {
		t.Fatalf("status %v", nc.Status())
	}
	if _, err := bus.Connect(t.Context(), bus.Dial{URL: "nats://127.0.0.1:1", Node: "a.b"}); err == nil {
		t.Fatal("took a node name with a dot")
	}
}

func TestMeasureSync(t *testing.T) {
	nc := connect(t, bus.Dial{Server: start(t, bus.Options{})})
	took, err := bus.MeasureSync(t.Context(), nc)
	if err != nil || took <= 0 {
		t.Fatalf("%v, %v", took, err)
	}
	t.Logf("synced publish: %v", took)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name := range js.StreamNames(t.Context()).Name() {
		t.Errorf("stream %s was left behind", name)
	}
}

func TestRoom(t *testing.T) {
	s := start(t, bus.Options{})
	if err := s.Room(1 << 10); err != nil {
		t.Errorf("a little: %v", err)
	}
	if strconv.IntSize < 64 {
		t.Skip("a disk may well have room for the largest int of this machine")
	}
	if err := s.Room(math.MaxInt); !errors.Is(err, bus.ErrNoRoom) {
		t.Errorf("everything: %v", err)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := bus.Start(b.Context(), bus.Options{StoreDir: b.TempDir(), Port: -1})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		s.Stop()
		b.StartTimer()
	}
}
