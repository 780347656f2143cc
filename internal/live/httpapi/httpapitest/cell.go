// Package httpapitest has a cell without journal, network and clock: a real
// engine behind a lock. Tests of the API and of its client talk to it.
package httpapitest

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// The tokens that a Cell knows.
const (
	Admin = "admin-token"
	Join  = "join-token"
	Node  = "node-token" // of node "n1"
)

// Cell is a cell in memory. Its fields are for tests to bend it.
type Cell struct {
	mu      sync.Mutex
	engine  *engine.Engine
	now     api.Time
	seq     uint64
	changes []api.WatchEvent
	changed chan struct{} // closed at each change
	store   artifact.Store

	Refuse func() error                               // when set, its error is what Do gives
	Logs   func(api.LogRequest) (api.LogChunk, error) // answers Log
	Facts  func(api.Digest) (engine.Fact, error)      // answers Inspect
	Oldest uint64                                     // watches from before it end with a gap
	Did    func(inputs []engine.Input)                // sees what Do did
}

var _ httpapi.Cell = (*Cell)(nil)

// New makes a cell without nodes.
func New(tb testing.TB) *Cell {
	tb.Helper()
	store, err := artifact.OpenFiles(tb.TempDir(), artifact.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	c := &Cell{
		engine: engine.New(state.New()), now: api.Time(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano()),
		changed: make(chan struct{}), store: store,
	}
	c.Step(&engine.Lead{Epoch: 1, Server: "test"})
	return c
}

// AddNode registers a node with 8 cores, 16 GiB and every driver.
func (c *Cell) AddNode(name string) {
	c.Step(&engine.Register{Node: api.Node{
		Name: name, Site: "hall", Layer: api.LayerCloud, Speed: 1000,
		Capacity: api.Resources{CPU: 8000, Memory: 16 * api.GiB, Storage: 100 * api.GiB},
		Drivers:  []string{api.DriverNoop, api.DriverProcess, api.DriverWASM},
	}})
}

// Past implements httpapi.Cell: the present is record 9, and nothing else is known.
func (c *Cell) Past(ctx context.Context, m httpapi.Moment, f func(*engine.Engine)) (httpapi.Stood, error) {
	if m.Record != 9 && m.Time != c.now {
		return httpapi.Stood{}, fmt.Errorf("%w: only record 9 is kept", httpapi.ErrNoPast)
	}
	_, err := c.View(ctx, 0, f)
	return httpapi.Stood{Record: 9, Time: c.now}, err
}

// Bundle implements httpapi.Cell: it says what it was asked for.
func (c *Cell) Bundle(_ context.Context, o httpapi.BundleOptions) (io.ReadSeekCloser, error) {
	text := fmt.Sprintf("%d %t %d", o.Records, o.Anonymise, len(o.Metrics))
	return nopCloser{strings.NewReader(text)}, nil
}

// Outlook implements httpapi.Cell: it keeps no series.
func (c *Cell) Outlook() httpapi.Outlook { return nil }

// Journal implements httpapi.Cell: it has one record of one byte, and is quiet.
func (c *Cell) Journal(ctx context.Context, after httpapi.JournalPlace, beat time.Duration) iter.Seq2[httpapi.Written, error] {
	return func(yield func(httpapi.Written, error) bool) {
		if after.N > 1 {
			yield(httpapi.Written{}, httpapi.ErrOtherPast)
			return
		}
		if after.N == 0 && !yield(httpapi.Written{Data: []byte{1}, Last: 1}, nil) {
			return
		}
		for yield(httpapi.Written{Last: 1}, nil) {
			select {
			case <-time.After(beat):
			case <-ctx.Done():
				return
			}
		}
	}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// Step gives inputs to the engine a millisecond later.
func (c *Cell) Step(inputs ...engine.Input) []state.Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.step(inputs)
}

func (c *Cell) step(inputs []engine.Input) (answers []state.Answer) {
	for more := true; more; inputs = nil {
		c.now += api.Time(api.Millisecond)
		out, err := c.engine.Step(c.now, inputs)
		if err != nil {
			panic(err)
		}
		if answers == nil {
			answers = out.Answers
		}
		c.seq++
		for _, ev := range out.Events {
			c.note(ev)
		}
		more = out.More
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return answers
}

// note keeps what a watcher sees of an event.
func (c *Cell) note(ev state.Event) {
	e := api.WatchEvent{Seq: c.seq, At: c.now}
	var w *state.Workload
	switch v := ev.(type) {
	case *state.WorkloadSubmitted:
		e.Type, w = "workload.submitted", c.engine.State().Workloads[v.ID]
	case *state.WorkloadFinished:
		e.Type, w, e.Status = api.EventFinished, c.engine.State().Workloads[v.ID], v.Status.String()
	case *state.TaskEnded:
		e.Type, w, e.Status = "task.ended", c.engine.State().Workloads[v.Attempt.Workload], v.Next.String()
	case *state.NodeRegistered:
		e.Type, e.Node = "node.registered", v.Node.Name
	default:
		return
	}
	if w != nil {
		e.Workload, e.Tenant = w.Spec.Name, w.Spec.Tenant
	}
	c.changes = append(c.changes, e)
}

// Finish reports every placed element as succeeded with these outputs, until
// nothing is placed any more. It returns how many it ended.
func (c *Cell) Finish(outputs ...api.Value) (n int) {
	for {
		ended := c.end(api.Result{Wall: api.Second, Outputs: outputs})
		if n += ended; ended == 0 {
			return n
		}
	}
}

// Fail reports every placed element as failed once and lets an hour pass, so
// that those which may be tried again are.
func (c *Cell) Fail() {
	c.end(api.Result{Outcome: api.OutcomeFailed, ExitCode: 1})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(api.Hour)
	c.step(nil)
}

// end reports every placed element as ended.
func (c *Cell) end(r api.Result) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var done []engine.Input
	for _, name := range c.engine.State().SortedNodes() {
		reports := &engine.Reports{Node: name}
		for _, t := range c.engine.State().Nodes[name].SortedHeld() {
			a := api.Attempt{TaskRef: t.Ref, Try: t.Try}
			reports.Reports = append(reports.Reports,
				api.Report{Attempt: a, N: 1, Kind: api.ReportStarted},
				api.Report{Attempt: a, N: 2, Kind: api.ReportEnded, Result: &r})
			n++
		}
		done = append(done, reports)
	}
	if n > 0 {
		c.step(done)
	}
	return n
}

// Now is the time of the last step.
func (c *Cell) Now() api.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Seq is the sequence of the last step.
func (c *Cell) Seq() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seq
}

// Do implements httpapi.Cell.
func (c *Cell) Do(_ context.Context, inputs []engine.Input) ([]state.Answer, uint64, error) {
	if c.Refuse != nil { // it may wait, like a journal
		if err := c.Refuse(); err != nil {
			return nil, 0, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	answers := c.step(inputs)
	if c.Did != nil {
		c.Did(inputs)
	}
	return answers, c.seq, nil
}

// View implements httpapi.Cell.
func (c *Cell) View(ctx context.Context, atLeast uint64, f func(*engine.Engine)) (uint64, error) {
	c.mu.Lock()
	for c.seq < atLeast {
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-changed:
		}
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	f(c.engine)
	return c.seq, nil
}

// Watch implements httpapi.Cell.
func (c *Cell) Watch(ctx context.Context, from uint64) iter.Seq2[api.WatchEvent, error] {
	return func(yield func(api.WatchEvent, error) bool) {
		if from < c.Oldest {
			yield(api.WatchEvent{}, httpapi.ErrWatchGap)
			return
		}
		for next := 0; ; {
			c.mu.Lock()
			list, changed := c.changes[next:], c.changed
			next += len(list)
			c.mu.Unlock()
			for _, e := range list {
				if e.Seq > from && !yield(e, nil) {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}

// Log implements httpapi.Cell.
func (c *Cell) Log(_ context.Context, _ string, req api.LogRequest) (api.LogChunk, error) {
	if c.Logs == nil {
		return api.LogChunk{Final: true}, nil
	}
	return c.Logs(req)
}

// Artifacts implements httpapi.Cell.
func (c *Cell) Artifacts() artifact.Store { return c.store }

// Inspect implements httpapi.Cell.
func (c *Cell) Inspect(_ context.Context, d api.Digest) (engine.Fact, error) {
	if c.Facts == nil {
		return engine.Fact{}, nil
	}
	return c.Facts(d)
}

// Join implements httpapi.Cell.
func (c *Cell) Join(_ context.Context, req api.JoinRequest) (api.JoinReply, error) {
	return api.JoinReply{User: req.Node, Token: Node, Cell: "test"}, nil
}

// Authorize implements httpapi.Cell.
func (c *Cell) Authorize(token string) (httpapi.Principal, bool) {
	p, ok := map[string]httpapi.Principal{
		Admin: {Name: "admin", Admin: true}, Join: {Name: "join", Join: true}, Node: {Name: "node/n1", Node: "n1"},
	}[token]
	return p, ok
}

// Status implements httpapi.Cell.
func (c *Cell) Status() api.CellStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	role := api.RoleLeader
	if c.Refuse != nil {
		role = api.RoleWaiting
	}
	return api.CellStatus{Version: "test", Cell: "test", Leader: c.Refuse == nil, Role: role, Epoch: 1, Seq: c.seq, Nodes: int32(len(c.engine.State().Nodes)), Probation: c.engine.ViewProbation(), Rollout: c.engine.ViewRollout()}
}

// LastSeen implements httpapi.Cell.
func (c *Cell) LastSeen(string) api.Time { return 0 }

// Metrics implements httpapi.Cell.
func (c *Cell) Metrics() []httpapi.Metric {
	return []httpapi.Metric{{Name: "drover_seq", Help: "Sequence.", Value: float64(c.Seq()), Labels: fmt.Sprintf("cell=%q", "test")}}
}
