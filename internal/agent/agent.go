// Package agent is a node: it registers with a server, pulls what it should run,
// runs it through drivers, and reports how it ended until that is recorded.
//
// What an agent decides is decided by agent/core; this package is the shell
// around it. [Run] is the whole of it. One loop goroutine owns the core, one
// writer goroutine the ledger; all other goroutines do one thing and post its
// outcome to the loop.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"drover.dev/internal/artifact"
	"drover.dev/internal/driver"
	"drover.dev/internal/failpoint"
	"drover.dev/internal/lockfile"
)

// Run is an agent: it returns when ctx ends, or when its data directory, its
// configuration or its link is of no use. Tasks run on without it unless
// Config.StopTasks says otherwise. Several agents may run in one process, each
// with a data directory of its own.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.validate(); err != nil {
		return err
	}
	n, err := open(ctx, &cfg)
	if err != nil {
		return fmt.Errorf("start agent: %w", err)
	}
	return errors.Join(n.work(ctx), n.close())
}

// harmless lists the drivers whose tasks have no effect outside the agent.
func harmless() []string { return []string{api.DriverNoop} }

// open makes the node ready to work: everything of it that lies on disk.
func open(ctx context.Context, cfg *Config) (_ *node, err error) {
	n := &node{
		cfg: cfg, log: cfg.Logger, probes: newProbes(), use: use{root: "/"}, busy: busy{root: "/"},
		drivers: map[string]driver.Driver{}, inbox: inbox{signal: make(chan struct{}, 1)},
		transfer: make(chan struct{}, transfers), jobs: map[api.Attempt]*transferJob{},
		handles: map[api.Attempt]driver.Handle{}, open: map[api.Attempt]struct{}{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	// Work outlives the wish to end when tasks are to be stopped.
	n.ctx, n.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	past, end := context.WithCancel(n.ctx)
	end()
	n.past = past
	for _, d := range cfg.Drivers {
		n.drivers[d.Name()] = d
	}
	if n.fail, err = failpoint.New(cfg.Failpoint, Failpoints()); err != nil {
		return nil, err
	}
	if n.codec, err = newCodec(); err != nil {
		return nil, err
	}
	if n.dirs, err = openDirs(cfg.DataDir); err != nil {
		return nil, err
	}
	if n.lock, err = lockfile.Take(n.dirs.lock(), "agent"); err != nil {
		return nil, err
	}
	if n.kept, err = openKept(n.dirs.logs(), cfg.KeptLogs); err != nil {
		return nil, err
	}
	n.self = cfg.Node
	measure(&n.self, "/", n.dirs.root)
	n.energy = newAccountant(cfg.Meter, &n.self, (&use{root: "/"}).worked, cfg.Logger)
	cfg.TaskStorage = cmp.Or(cfg.TaskStorage, taskStorage(n.self.Capacity.Storage))
	n.connect()
	return n, n.recall()
}

// connect chooses how to reach the server and its store.
func (n *node) connect() {
	n.link, n.store = n.cfg.Link, n.cfg.Store
	if n.link == nil {
		u := newUplink(n.cfg, n.dirs.token())
		n.link, n.store = u, u
	}
}

// recall reads what the agents before this one left.
func (n *node) recall() (err error) {
	size := n.cfg.CacheSize
	if size <= 0 {
		size = min(max(freeDisk(n.dirs.root)/10, 64*api.MiB), 10*api.GiB)
	}
	if err := lockfile.Patiently(artifact.ErrInUse, func() (err error) {
		n.cache, err = artifact.OpenCache(n.dirs.cache(), int64(size), artifact.Options{})
		return err
	}); err != nil {
		return err
	}
	n.supplier = supplier{cache: n.cache, store: n.store}
	n.core = core.New(core.Config{
		Node: n.self.Name, Boot: n.self.Boot, Harmless: harmless(), PullEvery: api.Duration(n.cfg.PullEvery),
	})
	if n.ledger, err = openLedger(n.dirs.ledger(), n.core.Replay); err != nil {
		return err
	}
	if n.ledger.cut > 0 {
		n.log.Info("cut off the unfinished end of the ledger, which a crash left", "bytes", n.ledger.cut)
	}
	return n.dirs.sweep(n.core.Holds)
}

// work runs the loop and the link until one of them is over.
func (n *node) work(ctx context.Context) error {
	link := make(chan error, 1)
	serve, cancel := context.WithCancel(n.ctx)
	defer cancel()
	loop, give := context.WithCancel(ctx)
	defer give()
	go func() {
		link <- n.link.Serve(serve, n)
		give() // without a link there is nothing to do
	}()
	n.run(loop)
	cancel()
	n.stopWork()
	n.wg.Wait()
	return <-link
}

// close gives back what open took; it may be called on a half-open node.
func (n *node) close() error {
	var errs []error
	if n.stopWork != nil {
		n.stopWork()
	}
	if n.ledger != nil {
		errs = append(errs, n.ledger.close())
	}
	if n.cache != nil {
		errs = append(errs, n.cache.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Release())
	}
	n.cfg.HTTP.CloseIdleConnections()
	return errors.Join(errs...)
}
