package live

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
)

// forwarder is a child's side of the link to its parent. One goroutine pulls the
// set, makes the journal agree with it and reports; transfers of artifacts have
// goroutines of their own. Everything that it knows can be had again from the
// parent's set and the child's own state: it may be killed at any instant.
type forwarder struct {
	cell *Cell
	beat time.Duration

	up      bool          // the parent answered last
	downAt  time.Time     // since when it does not
	triedAt time.Time     // since when it was not joined anew
	hints   chan struct{} // of capacity 1
	told    api.Cell      // with which the child is registered
	pulled  time.Time
	again   bool // pull soon: something was answered that changes the set
	said    map[api.HandoverID]*said

	mu     sync.Mutex
	joined api.JoinReply
	leaf   *bus.Leaf
	set    map[api.HandoverID]bool // as pulled last; written by the forwarder alone
	busy   map[string]bool         // transfers under way
	done   map[api.Digest]bool
	wg     sync.WaitGroup
	slots  chan struct{}
}

// said is what the parent has acknowledged of one hand-over in this run.
type said struct {
	report api.HandoverReport
	ended  map[elementAt]struct{}
}

// elementAt is an element of a workload.
type elementAt struct {
	task  uint16
	index uint32
}

// How the forwarder keeps up.
const (
	pullEvery   = time.Minute
	probeEvery  = 250 * time.Millisecond // while there is no link
	askTimeout  = 3 * time.Second
	settleSoon  = 100 * time.Millisecond // changes gather for so long
	maxSaid     = 200 << 10              // bytes of the elements of one message
	maxSaidAll  = 256                    // reports of one message
	transfersUp = 4
)

// forward keeps the link to the parent until ctx ends.
func (c *Cell) forward(ctx context.Context) {
	f := &forwarder{
		cell: c, beat: c.cfg.Heartbeat, hints: make(chan struct{}, 1), set: map[api.HandoverID]bool{},
		said: map[api.HandoverID]*said{}, busy: map[string]bool{}, done: map[api.Digest]bool{}, slots: make(chan struct{}, transfersUp),
	}
	defer f.wg.Wait()
	select {
	case <-c.ready:
	case <-ctx.Done():
		return
	}
	if !f.begin(ctx) {
		return
	}
	defer func() {
		leaf, _ := f.link()
		leaf.Stop()
	}()
	f.run(ctx)
}

// link is the present leaf node, and what joining gave.
func (f *forwarder) link() (*bus.Leaf, api.JoinReply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leaf, f.joined
}

// parent is the parent's name.
func (f *forwarder) parent() string {
	_, joined := f.link()
	return joined.Cell
}

// begin joins, unless an earlier run has, and starts the leaf node.
func (f *forwarder) begin(ctx context.Context) bool {
	for ; ctx.Err() == nil; pause(ctx, joinPause) {
		err := f.tryLink(ctx)
		if err == nil {
			return true
		}
		f.cell.log.Warn("not linked to the parent, trying again", "parent", f.cell.cfg.Parent.Server, "error", err)
	}
	return false
}

func (f *forwarder) tryLink(ctx context.Context) error {
	joined, err := f.cell.readParent()
	if err == nil && joined.NATS == "" {
		joined, err = f.cell.joinParent(ctx, joined)
	}
	if err != nil {
		return err
	}
	return f.startLeaf(ctx, joined)
}

// startLeaf links as joining said, and ends the link before.
func (f *forwarder) startLeaf(ctx context.Context, joined api.JoinReply) error {
	leaf, err := bus.StartLeaf(ctx, bus.LeafDial{
		URL: joined.NATS, Cell: f.cell.cfg.Cell, Password: joined.Password, TLS: f.cell.cfg.Parent.TLS, Logger: f.cell.log,
	})
	if err != nil {
		return err
	}
	_, err = leaf.Conn().Subscribe(bus.CellSubject(f.cell.cfg.Cell, "hint"), func(*nats.Msg) { f.poke() })
	if err != nil {
		leaf.Stop()
		return fmt.Errorf("listen to the parent: %w", err)
	}
	f.mu.Lock()
	old := f.leaf
	f.leaf, f.joined = leaf, joined
	f.mu.Unlock()
	if old != nil {
		old.Stop()
	}
	return nil
}

func (f *forwarder) poke() {
	select {
	case f.hints <- struct{}{}:
	default:
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// run is level-triggered: whatever wakes it, it looks at everything that may have
// changed. While there is no link it only asks whether there is one.
func (f *forwarder) run(ctx context.Context) {
	seen, hinted := uint64(0), true
	beats := time.NewTicker(f.beat)
	defer beats.Stop()
	f.downAt, f.triedAt = time.Now(), time.Now()
	for ctx.Err() == nil {
		if !f.up {
			f.reach(ctx)
			hinted = true
		}
		if f.up {
			seen = f.cell.shadow.seq()
			if err := f.round(ctx, hinted); err != nil {
				f.lost(ctx, err)
				continue
			}
		} else {
			pause(ctx, probeEvery)
			continue
		}
		hinted = f.wait(ctx, beats.C, seen)
	}
}

// wait returns when there may be something to do; true when the set may be new.
func (f *forwarder) wait(ctx context.Context, beats <-chan time.Time, seen uint64) (hinted bool) {
	changed := f.cell.shadow.next(seen)
	select {
	case <-ctx.Done():
	case <-f.hints:
		return true
	case <-changed:
		pause(ctx, settleSoon)
	case <-beats:
		if _, err := f.ask(ctx, "beat", nil); err != nil {
			f.lost(ctx, err)
		}
	}
	return f.again || time.Since(f.pulled) > pullEvery
}

// lost notes that the parent does not answer.
func (f *forwarder) lost(ctx context.Context, err error) {
	if f.up && ctx.Err() == nil {
		f.cell.log.Warn("the parent does not answer; this cell goes on", "parent", f.parent(), "error", err)
		f.up, f.downAt, f.triedAt = false, time.Now(), time.Now()
	}
}

// reach says hello, and joins anew when the parent has been away for long. A link
// to one of several servers may be one to a server that is itself cut off: then
// the link is made anew, to whichever of them answers.
func (f *forwarder) reach(ctx context.Context) {
	leaf, known := f.link()
	if leaf.Linked() {
		err := f.hello(ctx)
		if err == nil {
			f.up = true
			f.cell.log.Info("linked to the parent", "parent", f.parent(), "after", time.Since(f.downAt).Round(time.Millisecond))
			return
		}
		f.cell.log.Debug("the parent does not welcome this cell yet", "error", err)
	}
	several := strings.Contains(known.NATS, ",")
	if away := time.Since(f.triedAt); away < rejoinAfter && (!several || away < relinkAfter) {
		return
	}
	f.triedAt = time.Now()
	joined, err := f.cell.joinParent(ctx, known)
	if err == nil && (joined != known || several) {
		err = f.startLeaf(ctx, joined)
	}
	if err != nil {
		f.cell.log.Debug("the parent was not joined anew", "error", err)
	}
}

// hello registers this cell as it is now.
func (f *forwarder) hello(ctx context.Context) error {
	self, err := f.cell.self(ctx)
	if err != nil {
		return err
	}
	var w api.CellWelcome
	if err := f.call(ctx, "hello", api.CellHello{Cell: self}, &w); err != nil {
		return err
	}
	f.told, f.pulled = self, time.Time{}
	return nil
}

// round makes both sides agree.
func (f *forwarder) round(ctx context.Context, pull bool) error {
	if self, err := f.cell.self(ctx); err == nil && !reflect.DeepEqual(self, f.told) {
		if err := f.hello(ctx); err != nil {
			return err
		}
	}
	if pull || f.pulled.IsZero() {
		if err := f.agree(ctx); err != nil {
			return err
		}
	}
	return f.report(ctx)
}

// agree pulls the set and does what it says.
func (f *forwarder) agree(ctx context.Context) error {
	began := time.Now()
	items, err := f.pull(ctx)
	if err != nil {
		return err
	}
	f.pulled, f.again = began, false
	f.mu.Lock()
	clear(f.set)
	for _, item := range items {
		f.set[item.ID] = true
	}
	f.mu.Unlock()
	for id := range f.said {
		if !f.set[id] {
			delete(f.said, id)
		}
	}
	var todo control.Forward
	if _, err := f.cell.View(ctx, 0, func(e *engine.Engine) { todo = control.Forwards(e.State(), f.parent(), items, f.taking) }); err != nil {
		return err
	}
	for _, item := range todo.Fetch {
		f.transfer(takeName(item.ID), func() { f.take(ctx, item) })
	}
	if _, _, err := f.cell.Do(ctx, todo.Do); err != nil {
		f.cell.log.Warn("the parent's wishes are not recorded yet", "error", err)
		f.again = true
	}
	return nil
}

// pull gets every page of the set.
func (f *forwarder) pull(ctx context.Context) (items []api.HandoverItem, err error) {
	for p := (api.HandoverPull{}); ; {
		var page api.HandoverSet
		if err := f.call(ctx, "pull", p, &page); err != nil {
			return nil, err
		}
		if parent := f.parent(); page.Cell != parent {
			return nil, fmt.Errorf("the set is of cell %.63q, not of %s", page.Cell, parent)
		}
		items = append(items, page.Items...)
		if !page.More || len(page.Items) == 0 {
			return items, nil
		}
		last := page.Items[len(page.Items)-1].ID.Workload
		if last <= p.After || len(items) > maxSet {
			return nil, errors.New("the parent's set has no end")
		}
		p.After = last
	}
}

// maxSet bounds a set.
const maxSet = 1_000_000

// transfer runs work beside the rest, unless that of the same name is under way.
func (f *forwarder) transfer(name string, work func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[name] || len(f.busy) >= maxBusy {
		return
	}
	f.busy[name] = true
	f.wg.Go(func() {
		f.slots <- struct{}{}
		work()
		<-f.slots
		f.mu.Lock()
		delete(f.busy, name)
		f.mu.Unlock()
		f.poke()
	})
}

// maxBusy bounds the transfers that wait for their turn; others come later.
const maxBusy = 512

func takeName(id api.HandoverID) string { return "take " + id.Key() }

// taking reports whether a hand-over may yet be accepted by a transfer.
func (f *forwarder) taking(id api.HandoverID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.busy[takeName(id)]
}

// listed reports whether the parent had a hand-over when its set was pulled last.
func (f *forwarder) listed(id api.HandoverID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set[id]
}

// call makes one request of the parent and reads its answer.
func (f *forwarder) call(ctx context.Context, verb string, in, out any) error {
	body, err := f.cell.codec.enc.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", verb, err)
	}
	reply, err := f.ask(ctx, verb, body)
	if err != nil {
		return err
	}
	if err := f.cell.codec.dec.Unmarshal(reply, out); err != nil {
		return fmt.Errorf("the parent's answer to %s: %w", verb, err)
	}
	return nil
}

func (f *forwarder) ask(ctx context.Context, verb string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	leaf, _ := f.link()
	m, err := leaf.Conn().RequestWithContext(ctx, bus.CellSubject(f.cell.cfg.Cell, verb), body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	if text := m.Header.Get(errorHeader); text != "" {
		return nil, fmt.Errorf("%s: the parent answers: %.300s", verb, text)
	}
	return m.Data, nil
}
