package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/driver"
	"drover.dev/internal/driver/noop"
	"github.com/nats-io/nats.go"
)

// wire puts a cell behind real NATS and HTTP.
type wire struct {
	*cell
	bus  *bus.Server
	conn *nats.Conn
	http *httptest.Server
	// refuse makes the server answer requests with an error header.
	refuse func(verb string) bool
}

func newWire(t testing.TB, c *cell) *wire {
	t.Helper()
	w := &wire{cell: c}
	var err error
	w.bus, err = bus.Start(t.Context(), bus.Options{
		StoreDir: t.TempDir(), Port: -1, Authenticate: func(user, password string) (bus.Grant, bool) {
			return bus.NodeGrant(user), password == "secret of "+user
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.bus.Stop)
	w.conn, err = bus.Connect(t.Context(), bus.Dial{Server: w.bus})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.conn.Close)
	if _, err := w.conn.Subscribe("drover.agent.*.*", w.answer); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/join", w.join)
	mux.HandleFunc("GET /v1/artifacts/{digest}", w.get) // and HEAD
	mux.HandleFunc("PUT /v1/artifacts/{digest}", w.put)
	w.http = httptest.NewServer(mux)
	t.Cleanup(w.http.Close)
	c.mu.Lock()
	c.peer = w
	c.mu.Unlock()
	return w
}

// Up and Down implement Peer: hints go out over NATS.
func (w *wire) Up()   {}
func (w *wire) Down() {}

// Answer implements Peer.
func (w *wire) Answer(verb string, body []byte) []byte {
	if verb == "hint" {
		_ = w.conn.Publish(bus.NodeSubject("n1", verb), body)
		return nil
	}
	m, err := w.conn.Request(bus.NodeSubject("n1", verb), body, 5*time.Second)
	if err != nil {
		return nil
	}
	return m.Data
}

func (w *wire) answer(m *nats.Msg) {
	verb := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	reply, err := w.Request(context.Background(), verb, m.Data)
	if w.refuse != nil && w.refuse(verb) {
		err = errors.New("not the leader")
	}
	if err != nil {
		out := nats.NewMsg(m.Reply)
		out.Header.Set(errorHeader, err.Error())
		_ = m.RespondMsg(out)
		return
	}
	_ = m.Respond(reply)
}

func (w *wire) join(out http.ResponseWriter, in *http.Request) {
	var q api.JoinRequest
	if in.Header.Get("Authorization") != "Bearer let me in" {
		http.Error(out, "who are you?", http.StatusUnauthorized)
		return
	}
	if err := json.NewDecoder(in.Body).Decode(&q); err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(out).Encode(api.JoinReply{
		NATS: w.bus.URL(), User: q.Node, Password: "secret of " + q.Node, Token: "artifacts of " + q.Node, Cell: "test",
	})
}

func allowed(out http.ResponseWriter, in *http.Request) bool {
	if in.Header.Get("Authorization") != "Bearer artifacts of n1" {
		http.Error(out, "who are you?", http.StatusUnauthorized)
		return false
	}
	return true
}

func (w *wire) get(out http.ResponseWriter, in *http.Request) {
	if !allowed(out, in) {
		return
	}
	body, err := w.Fetch(in.Context(), api.Digest(in.PathValue("digest")))
	if err != nil {
		http.Error(out, err.Error(), http.StatusNotFound)
		return
	}
	_, _ = io.Copy(out, body)
}

func (w *wire) put(out http.ResponseWriter, in *http.Request) {
	if !allowed(out, in) {
		return
	}
	data, err := io.ReadAll(in.Body)
	if err != nil || string(digestOf(data)) != in.PathValue("digest") {
		http.Error(out, "these are other bytes", http.StatusUnprocessableEntity)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.contents[digestOf(data)] = data
	out.WriteHeader(http.StatusCreated)
}

func wireConfig(t testing.TB, w *wire, drivers ...driver.Driver) Config {
	t.Helper()
	return Config{
		Server: w.http.URL, JoinToken: "let me in", DataDir: t.TempDir(), Drivers: drivers, CacheSize: 64 * api.MiB,
		Node: api.Node{Name: "n1"}, Logger: testLog(t),
	}
}

func TestOverTheWire(t *testing.T) {
	w := newWire(t, newCell(t))
	var mu sync.Mutex
	refusals := map[string]int{"hello": 1, "pull": 1, "report": 1}
	w.refuse = func(verb string) bool {
		mu.Lock()
		defer mu.Unlock()
		refusals[verb]--
		return refusals[verb] >= 0
	}
	runAgent(t, wireConfig(t, w, testDrivers(t)...))
	big := strings.Repeat("0123456789", 1000)
	as := job(1, shell(`cat "$DROVER_IN/x" "$DROVER_IN/x" > "$DROVER_OUT/y"; echo done`))
	as.Inputs = []api.Supply{{Path: "x", Digest: w.store([]byte(big))}}
	as.Task.Outputs = []api.Output{{Name: "y", Path: "y"}}
	w.keep = true
	w.assign(as)
	r := w.result(t, as.Attempt)
	if r.Outcome != api.OutcomeSucceeded || r.Outputs[0].Digest != digestOf([]byte(big+big)) {
		t.Errorf("got %+v", r)
	}
	w.mu.Lock()
	if string(w.contents[r.Outputs[0].Digest]) != big+big {
		t.Error("the output did not arrive")
	}
	w.mu.Unlock()
	body, err := w.codec.enc.Marshal(api.LogRequest{Attempt: as.Attempt, Stream: "stdout"})
	if err != nil {
		t.Fatal(err)
	}
	var chunk api.LogChunk
	if err := w.codec.dec.Unmarshal(w.Answer("log", body), &chunk); err != nil || string(chunk.Data) != "done\n" {
		t.Errorf("log %+v, %v", chunk, err)
	}
}

// TestServerMoves takes the server away and brings it up elsewhere: the node
// joins anew, and delivers what happened meanwhile.
func TestServerMoves(t *testing.T) {
	t.Parallel()
	c := newCell(t)
	w := newWire(t, c)
	cfg := wireConfig(t, w, noop.Driver{})
	front := &front{to: w.http.URL}
	server := httptest.NewServer(front)
	defer server.Close()
	cfg.Server = server.URL
	runAgent(t, cfg)
	as := job(1, api.Task{Name: "main", Driver: "noop", Args: []string{"300ms"}})
	c.assign(as)
	c.until(t, "the start", func() bool { return len(c.started) == 1 })
	w.http.CloseClientConnections()
	w.conn.Close()
	w.bus.Stop()
	second := newWire(t, c)
	c.mu.Lock()
	c.epoch++
	c.mu.Unlock()
	front.set(second.http.URL)
	if r := c.result(t, as.Attempt); r.Outcome != api.OutcomeSucceeded {
		t.Errorf("got %+v", r)
	}
}

// front sends joins to where the server is now.
type front struct {
	mu sync.Mutex
	to string
}

func (f *front) set(to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = to
}

func (f *front) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	f.mu.Lock()
	to := f.to
	f.mu.Unlock()
	http.Redirect(out, in, to+in.URL.Path, http.StatusTemporaryRedirect)
}

// A server that was away gives nodes a grace of 6 s, unless it is told another.
func TestANodeIsBackBeforeItsGraceEnds(t *testing.T) {
	for failures := range 100 {
		if wait := joinPause(failures); wait <= 0 || wait > 3*time.Second {
			t.Errorf("after %d failures it waits for %v", failures, wait)
		}
	}
}

func TestJoinDenied(t *testing.T) {
	w := newWire(t, newCell(t))
	cfg := wireConfig(t, w, noop.Driver{})
	u := newUplink(&cfg, filepath.Join(cfg.DataDir, "node.token"))
	u.http, u.token = http.DefaultClient, "guess"
	if _, err := u.join(t.Context()); !errors.Is(err, errDenied) {
		t.Errorf("got %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// BenchmarkNoop measures what one task without effect costs an agent, protocol
// and ledger included: the server's side of this process is not free, either.
func BenchmarkNoop(b *testing.B) {
	w := newWire(b, newCell(b))
	cfg := wireConfig(b, w, noop.Driver{})
	cfg.Logger = nil
	ready := make(chan struct{})
	cfg.OnReady = func(api.Node) { close(ready) }
	runAgent(b, cfg)
	<-ready
	b.ResetTimer()
	const batch = 512
	for done := 0; done < b.N; {
		var items []api.Assignment
		for range min(batch, b.N-done) {
			done++
			items = append(items, job(uint64(done), api.Task{Name: "main", Driver: "noop"}))
		}
		w.assign(items...)
		w.until(b, "the results", func() bool { return len(w.items) == 0 })
		w.mu.Lock()
		clear(w.results)
		w.gone = w.gone[max(len(w.gone)-2*batch, 0):]
		w.mu.Unlock()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}
