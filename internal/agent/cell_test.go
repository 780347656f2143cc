package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/driver"
	"drover.dev/internal/driver/noop"
	"drover.dev/internal/driver/process"
	"drover.dev/internal/driver/wasm"
	"drover.dev/internal/driver/worker"
	"go.uber.org/goleak"
)

// TestMain makes the test binary its own worker, and an agent that a test may
// kill.
func TestMain(m *testing.M) {
	worker.Main(slices.Concat(process.Kinds(), wasm.Kinds())...)
	if os.Getenv(childEnv) != "" {
		os.Exit(childAgent())
	}
	goleak.VerifyTestMain(m)
}

// cell is a server with one node, in memory.
type cell struct {
	mu       sync.Mutex
	epoch    uint64
	version  uint64
	items    []api.Assignment
	gone     []api.Assignment // Version is when it went
	results  map[api.Attempt]*api.Result
	finals   map[api.Attempt]int // final reports received, resent ones included
	started  map[api.Attempt][]int32
	health   map[api.Attempt][]api.ReportKind
	hellos   []api.Node
	beats    int
	losses   int  // reports whose next answers are lost
	keep     bool // do not take ended attempts off the set
	codec    codec
	peer     Peer
	changed  chan struct{}
	contents map[api.Digest][]byte
	pushed   int
	broken   error // what the store answers
}

func newCell(t testing.TB) *cell {
	t.Helper()
	codec, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	return &cell{
		epoch: 1, codec: codec, results: map[api.Attempt]*api.Result{}, finals: map[api.Attempt]int{},
		started: map[api.Attempt][]int32{}, health: map[api.Attempt][]api.ReportKind{},
		changed: make(chan struct{}, 1), contents: map[api.Digest][]byte{},
	}
}

// Request implements Link.
func (c *cell) Request(_ context.Context, verb string, body []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wake()
	switch verb {
	case "hello":
		var h api.Hello
		if err := c.codec.dec.Unmarshal(body, &h); err != nil {
			return nil, err
		}
		c.hellos = append(c.hellos, h.Node)
		return c.codec.enc.Marshal(api.Welcome{Epoch: c.epoch, Heartbeat: 200 * api.Millisecond, SilentAfter: 2 * api.Second})
	case "pull":
		var p api.Pull
		if err := c.codec.dec.Unmarshal(body, &p); err != nil {
			return nil, err
		}
		return c.codec.enc.Marshal(c.set(p))
	case "beat":
		c.beats++
		return c.codec.enc.Marshal(api.Hint{Epoch: c.epoch, Version: c.version})
	}
	return c.record(body)
}

func (c *cell) record(body []byte) ([]byte, error) {
	var rs api.Reports
	if err := c.codec.dec.Unmarshal(body, &rs); err != nil {
		return nil, err
	}
	for _, r := range rs.Reports {
		switch r.Kind {
		case api.ReportStarted:
			c.started[r.Attempt] = append(c.started[r.Attempt], r.PID)
		case api.ReportEnded:
			c.finals[r.Attempt]++
			c.results[r.Attempt] = r.Result
		default:
			c.health[r.Attempt] = append(c.health[r.Attempt], r.Kind)
		}
	}
	if c.losses > 0 {
		c.losses--
		return nil, errors.New("the answer is lost")
	}
	if !c.keep {
		c.settle()
	}
	return c.codec.enc.Marshal(api.ReportsAck{Epoch: c.epoch, Seq: 1})
}

// settle takes attempts with a result off the set, all of them at one version.
func (c *cell) settle() {
	var left []api.Assignment
	for _, it := range c.items {
		if c.results[it.Attempt] == nil {
			left = append(left, it)
			continue
		}
		it.Version = c.version + 1
		c.gone = append(c.gone, it)
	}
	if len(left) < len(c.items) {
		c.items = left
		c.version++
	}
}

func (c *cell) set(p api.Pull) api.AssignmentSet {
	s := api.AssignmentSet{Epoch: c.epoch, From: p.Have, Version: c.version, Full: p.Have == 0}
	for _, it := range c.items {
		if it.Version > p.Have {
			s.Items = append(s.Items, it)
		}
	}
	for _, it := range c.gone {
		if !s.Full && it.Version > p.Have {
			s.Gone = append(s.Gone, it.Attempt)
		}
	}
	return s
}

// Serve implements Link.
func (c *cell) Serve(ctx context.Context, p Peer) error {
	c.mu.Lock()
	c.peer = p
	c.mu.Unlock()
	p.Up()
	<-ctx.Done()
	p.Down()
	return nil
}

// Fetch and Push implement Store.
func (c *cell) Fetch(_ context.Context, d api.Digest) (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, ok := c.contents[d]
	if !ok {
		return nil, ErrNoArtifact
	}
	return io.NopCloser(bytes.NewReader(data)), c.broken
}

func (c *cell) Push(_ context.Context, d api.Digest, _ api.Bytes, r io.Reader) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	data, err := io.ReadAll(r)
	c.contents[d] = data
	c.pushed++
	return err
}

func (c *cell) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// assign gives the node attempts to run, and hints.
func (c *cell) assign(items ...api.Assignment) {
	c.mu.Lock()
	c.version++
	for i := range items {
		items[i].Version, items[i].Epoch = c.version, c.epoch
	}
	c.items = append(c.items, items...)
	c.mu.Unlock()
	c.hint()
}

// change alters the node's set.
func (c *cell) change(f func()) {
	c.mu.Lock()
	c.version++
	f()
	c.mu.Unlock()
	c.hint()
}

func (c *cell) hint() {
	c.mu.Lock()
	body, _ := c.codec.enc.Marshal(api.Hint{Epoch: c.epoch, Version: c.version})
	peer := c.peer
	c.mu.Unlock()
	if peer != nil {
		peer.Answer("hint", body)
	}
}

// until waits for something to hold, which is asked under the lock after each
// request.
func (c *cell) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		ok := holds()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.changed:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// result waits for the end of an attempt.
func (c *cell) result(t testing.TB, id api.Attempt) *api.Result {
	t.Helper()
	var r *api.Result
	c.until(t, "the end of "+dirs{}.task(id), func() bool { r = c.results[id]; return r != nil })
	return r
}

func (c *cell) store(data []byte) api.Digest {
	d := digestOf(data)
	c.contents[d] = data
	return d
}

// job is an assignment of the first try at a task.
func job(workload uint64, task api.Task) api.Assignment {
	id := api.Attempt{TaskRef: api.TaskRef{Workload: workload}, Try: 1}
	return api.Assignment{Attempt: id, Name: "demo.main[0]", Count: 1, Task: &task}
}

// shell is a task that runs a script.
func shell(script string) api.Task {
	return api.Task{Name: "main", Driver: "process", Command: []string{"sh", "-c", script}, Grace: api.Second}
}

// drivers of one agent; they are closed with the test.
func testDrivers(t testing.TB) []driver.Driver {
	t.Helper()
	p, err := process.New(process.Options{Idle: 1})
	if err != nil {
		t.Fatal(err)
	}
	w, err := wasm.New(wasm.Options{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = p.Close(), w.Close() })
	return []driver.Driver{noop.Driver{}, p, w}
}

func testConfig(t testing.TB, c *cell, dir string) Config {
	t.Helper()
	return Config{
		Link: c, Store: c, DataDir: dir, Drivers: testDrivers(t), CacheSize: 64 * api.MiB,
		Node: api.Node{Name: "n1", Site: "lab", Layer: api.LayerEdge}, Logger: testLog(t),
	}
}

// runAgent runs an agent until its stop function, or the end of the test.
func runAgent(t testing.TB, cfg Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the agent failed: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}
