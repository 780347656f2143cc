package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"golang.org/x/sys/unix"
)

// Options configures a pool.
type Options struct {
	// Kind names the workers: see Kind.
	Kind string
	// Config is given to the workers' prepare function, as JSON.
	Config any
	// Idle is how many workers are kept waiting for a task. 0 starts each
	// worker when its task comes, which costs it about 10 ms.
	Idle int
	// Parent is where trees are made: see tree.Detect.
	Parent tree.Parent
	// Inside says that the task runs in the worker itself.
	Inside bool
	// Prepare is called with each new task directory before a worker sees it.
	Prepare func(s driver.Spec) error
}

// Pool starts workers and follows their tasks. It is all of a driver but its
// name, and of the optional abilities a Suspender, Pooler and Meter. It is safe
// for concurrent use.
type Pool struct {
	o    Options
	args []string

	mu      sync.Mutex
	want    int
	idle    []*process
	handles map[*Handle]struct{}
	closed  bool
	wg      sync.WaitGroup
}

// NewPool makes a pool; it starts its idle workers in the background.
func NewPool(o Options) (*Pool, error) {
	kind, err := json.Marshal(o.Config)
	if err != nil {
		return nil, fmt.Errorf("configure %s workers: %w", o.Kind, err)
	}
	arg, err := json.Marshal(config{Parent: o.Parent, Kind: kind})
	if err != nil {
		return nil, fmt.Errorf("configure %s workers: %w", o.Kind, err)
	}
	p := &Pool{
		o:       o,
		args:    []string{"drover", "worker", o.Kind, string(arg)},
		handles: map[*Handle]struct{}{},
	}
	o.Parent.Sweep(isLive)
	p.Warm(o.Idle)
	return p, nil
}

// isLive says whether the worker of a tree still lives.
func isLive(name string) bool {
	var p tree.Process
	if _, err := fmt.Sscanf(name, "w%d-%d", &p.PID, &p.Start); err != nil {
		return true // not ours to remove
	}
	return (&process{id: p}).alive()
}

// Warm sets how many idle workers the pool keeps.
func (p *Pool) Warm(n int) {
	p.mu.Lock()
	p.want = max(n, 0)
	var surplus []*process
	if len(p.idle) > p.want {
		surplus = p.idle[p.want:]
		p.idle = p.idle[:p.want:p.want]
	}
	p.mu.Unlock()
	for _, w := range surplus {
		p.discard(w)
	}
	for range n {
		p.refill()
	}
}

// refill starts one idle worker in the background if one is missing.
func (p *Pool) refill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.wg.Go(func() {
		if !p.short() {
			return
		}
		w, err := spawn(p.args)
		if err != nil {
			return // the next Start tries again, and tells
		}
		if !p.keep(w) {
			p.discard(w)
		}
	})
}

func (p *Pool) short() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closed && len(p.idle) < p.want
}

func (p *Pool) keep(w *process) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.want {
		return false
	}
	p.idle = append(p.idle, w)
	return true
}

func (p *Pool) take() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	w := p.idle[0] // the oldest is the readiest
	p.idle = p.idle[1:]
	return w
}

// Start implements driver.Driver.
func (p *Pool) Start(ctx context.Context, s driver.Spec) (driver.Handle, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("start task: %w", err)
	}
	s.Limits = s.Limits.WithDefaults()
	if err := p.makeDirs(s); err != nil {
		return nil, fmt.Errorf("start task in %s: %w", s.Dir, err)
	}
	h, err := p.assign(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("start task in %s: %w", s.Dir, err)
	}
	return h, nil
}

func (p *Pool) makeDirs(s driver.Spec) error {
	for _, name := range []string{driver.In, driver.Out, driver.Work, driver.Logs} {
		if err := os.MkdirAll(filepath.Join(s.Dir, name), 0o755); err != nil {
			return err
		}
	}
	// Exclusive: a directory is for one task and one attempt.
	if err := os.Mkdir(filepath.Join(s.Dir, Run), 0o700); err != nil {
		return err
	}
	if p.o.Prepare != nil {
		return p.o.Prepare(s)
	}
	return nil
}

// assign hands the task to an idle worker; one that died while idle took
// nothing with it, and the next is tried.
func (p *Pool) assign(ctx context.Context, s driver.Spec) (*Handle, error) {
	defer p.refill()
	for w := p.take(); w != nil; w = p.take() {
		if w.alive() {
			return p.hand(ctx, w, s)
		}
		p.discard(w)
	}
	w, err := spawn(p.args)
	if err != nil {
		return nil, err
	}
	return p.hand(ctx, w, s)
}

// patience bounds the answer of a worker that has all it needs.
const patience = 30 * time.Second

func (p *Pool) hand(ctx context.Context, w *process, s driver.Spec) (*Handle, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// A deadline in the past ends the exchange when the context ends.
	defer context.AfterFunc(ctx, func() { _ = w.socket.SetDeadline(time.Unix(1, 0)) })()
	err := exchange(w.socket, s)
	if err == nil {
		err = w.socket.Close()
	}
	if err != nil {
		p.discard(w) // kills: what we do not know of must not run
		return nil, errors.Join(err, ctx.Err())
	}
	b, err := readBirth(s.Dir)
	if err != nil {
		p.discard(w)
		return nil, err
	}
	h := newHandle(p.o, s.Dir, b, w)
	if err := p.follow(h); err != nil { // closed meanwhile: nothing may run
		_ = w.signal(unix.SIGKILL)
		h.end()
		_ = h.birth.Tree.Remove()
		w.release()
		return nil, err
	}
	return h, nil
}

func exchange(socket *os.File, s driver.Spec) error {
	if err := Send(socket, s); err != nil {
		return fmt.Errorf("hand the task to a worker: %w", err)
	}
	var r reply
	if err := Receive(socket, 64<<10, &r); err != nil {
		return fmt.Errorf("the worker did not take the task: %w", err)
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	return nil
}

// Adopt implements driver.Driver.
func (p *Pool) Adopt(_ context.Context, dir string) (driver.Handle, error) {
	b, err := findBirth(dir)
	if err != nil {
		return nil, fmt.Errorf("adopt task in %s: %w", dir, err)
	}
	h := newHandle(p.o, dir, b, findProcess(b.Identity))
	if err := p.follow(h); err != nil {
		h.process.release()
		return nil, fmt.Errorf("adopt task in %s: %w", dir, err)
	}
	return h, nil
}

func (p *Pool) follow(h *Handle) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return driver.ErrClosed
	}
	p.handles[h] = struct{}{}
	h.enforce()
	p.wg.Go(func() {
		h.watch()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.handles, h)
	})
	return nil
}

// Close ends the idle workers and stops following tasks, which run on and can
// be adopted by another pool, of this process or the next.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	for h := range p.handles {
		h.abandon()
	}
	p.mu.Unlock()
	for _, w := range idle {
		p.discard(w)
	}
	p.wg.Wait()
	return nil
}

// discard ends a worker that has no task and removes its tree.
func (p *Pool) discard(w *process) {
	_ = w.signal(unix.SIGKILL)
	_, _ = w.reap()
	w.release()
	if id := w.id; id.PID != 0 {
		t := p.o.Parent.Existing(treeName(tree.Process{PID: id.PID, Start: id.Start}))
		_ = t.Remove()
	}
}
