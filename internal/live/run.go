package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/bus"
	"drover.dev/internal/control"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
)

// Run leads the cell, or follows the server that does, and serves it until ctx
// ends; the error is nil then. It may be called once.
func (c *Cell) Run(parent context.Context) error {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	c.mu.Lock()
	if c.closed || c.stopped != nil {
		c.mu.Unlock()
		return errors.New("run cell: it is closed, or was run before")
	}
	c.stop, c.stopped = func() { stop(nil) }, make(chan struct{})
	c.mu.Unlock()
	defer close(c.stopped)

	folded := c.follow(ctx, stop)
	c.background.Go(func() { c.sweep(ctx) })
	c.background.Go(func() { c.plan(ctx) })
	c.background.Go(func() { c.signals(ctx) })
	c.background.Go(func() { c.wakeNodes(ctx) })
	c.background.Go(func() { c.chargeBatteries(ctx) })
	if c.observer != nil {
		c.background.Go(func() { c.observe(ctx) })
		c.background.Go(func() { c.observer.ahead.Run(ctx) })
		c.background.Go(func() { c.scale(ctx) })
		c.background.Go(func() { c.resize(ctx) })
		c.background.Go(func() { c.lookAhead(ctx) })
		c.background.Go(func() { c.relieve(ctx) })
	}
	c.background.Go(func() { c.tellShadow(ctx) })
	if c.audit != nil {
		c.background.Go(func() { c.audit.run(ctx) })
	}
	c.cluster.begin(c.start.Epoch)
	c.alive.begin(c.shadow.engine.State())
	subs, err := c.cluster.listen()
	if err == nil {
		var agents []*nats.Subscription
		agents, err = c.listen(ctx)
		subs = append(subs, agents...)
	}
	if err == nil && !c.cluster.sole {
		c.background.Go(func() { c.cluster.run(ctx) })
	}
	if err == nil {
		var more []*nats.Subscription
		more, err = c.listenToCells(ctx)
		subs = append(subs, more...)
	}
	if err == nil {
		c.heard()
	}
	if err == nil && c.cfg.Parent != nil {
		c.background.Go(func() { c.forward(ctx) })
	}
	if err == nil {
		err = c.serve(ctx, stop)
	}
	if err == nil {
		err = c.lead(ctx)
	}
	if err == nil && parent.Err() == nil && !errors.Is(context.Cause(ctx), context.Canceled) {
		err = context.Cause(ctx) // a part of the server has failed
	}
	stop(err)
	c.leading.Store(false)
	c.queue.shut(errStopped)
	for _, s := range subs {
		_ = s.Unsubscribe() // the connection may have gone
	}
	close(c.shadow.in)
	folding := <-folded
	c.background.Wait()
	if err = cmp.Or(err, folding); err != nil {
		return fmt.Errorf("run cell %s: %w", c.cfg.Cell, err)
	}
	return nil
}

// whileLeading does something at times until ctx ends, as long as this server leads; what
// is the warning where it fails.
func (c *Cell) whileLeading(ctx context.Context, every time.Duration, what string, do func() error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !c.leading.Load() {
			continue
		}
		if err := do(); err != nil && ctx.Err() == nil {
			c.log.Warn(what, "error", err)
		}
	}
}

// heard waits until the bus knows what the server listens to, so that nobody is
// told that it is ready before it can be asked. A bus that is out of reach learns
// it when the connection is back.
func (c *Cell) heard() {
	for _, nc := range []*nats.Conn{c.agents, c.pulse} {
		if err := nc.FlushTimeout(flushWait); err != nil {
			c.log.Warn("the bus does not answer yet", "error", err)
		}
	}
}

const flushWait = 2 * time.Second

// follow runs the shadow; what comes gives its end.
func (c *Cell) follow(ctx context.Context, stop func(error)) <-chan error {
	keep := newKeeper(c)
	folded := make(chan error, 1)
	go func() {
		err := c.shadow.run(func(f *fold, nodes []string) {
			c.saw(f)
			c.dispatch(nodes)
			keep.due(context.WithoutCancel(ctx), f)
		})
		if err != nil {
			stop(err)
		}
		folded <- err
	}()
	return folded
}

func (c *Cell) lead(ctx context.Context) error {
	l := &leader{
		cell: c, rules: control.NewLeader(c.start), last: journal.Link{N: c.start.N, Hash: c.start.Hash},
		appended: make(chan control.Appended, 1), read: make(chan readBack, 1), checked: make(chan checked, 1),
		own: c.losses(),
	}
	return l.lead(ctx)
}

// openBus starts the embedded server, or connects to the outside one, and opens
// the journal there.
func (c *Cell) openBus(ctx context.Context) error {
	dial := bus.Dial{URL: c.cfg.NATS, User: c.cfg.NATSUser, Password: c.cfg.NATSPassword, Name: "drover " + c.cfg.Name, Logger: c.log}
	o := journal.StreamOptions{Cell: c.cfg.Cell, Replicas: c.cfg.Replicas}
	if c.cfg.NATS == "" {
		b, err := c.startBus(ctx)
		if err != nil {
			return err
		}
		c.bus, dial.Server, o.Room = b, b, b.Room
	}
	var err error
	if c.nc, err = bus.Connect(ctx, dial); err != nil {
		return err
	}
	if c.agents, err = bus.Connect(ctx, dial); err != nil {
		return err
	}
	dial.Gather = true
	if c.pulse, err = bus.Connect(ctx, dial); err != nil {
		return err
	}
	if c.bus == nil && !c.cfg.AcceptUnsynced {
		if err := c.mustSync(ctx); err != nil {
			return err
		}
	}
	if c.bus == nil {
		o.Owner, o.NewOwner = c.creds.fingerprint(), c.cfg.NewCellSecret
	}
	if err := c.notAnothers(ctx); err != nil {
		return err
	}
	stream, err := journal.OpenStream(ctx, c.nc, o)
	if errors.Is(err, journal.ErrOwner) {
		return fmt.Errorf("%w (%w)", ErrSecret, err)
	}
	if err == nil {
		c.journal = stream
	}
	return err
}

// notAnothers refuses a data directory that was made for a cell of another name.
// That one's journal would not be found, and all that it holds be taken for lost.
func (c *Cell) notAnothers(ctx context.Context) error {
	if c.bus == nil {
		return nil
	}
	cells, err := journal.Cells(ctx, c.nc)
	if err != nil || len(cells) == 0 || slices.Contains(cells, c.cfg.Cell) {
		return err
	}
	return fmt.Errorf("%w: the data directory is that of cell %s: start it under this name, or choose another directory", ErrConfig, cells[0])
}

func (c *Cell) startBus(ctx context.Context) (*bus.Server, error) {
	tls, err := c.cfg.tls()
	if err != nil {
		return nil, err
	}
	o := bus.Options{
		StoreDir: c.cfg.Dir + "/bus", TLS: tls, Authenticate: c.creds.bus, Name: c.cfg.Name,
		MaxStore: int64(c.cfg.MaxStore), Logger: c.log, Domain: c.cfg.domain(),
	}
	if o.Leaf, err = c.cfg.leafListen(); err != nil {
		return nil, err
	}
	if c.cfg.Bus != "" {
		host, port, err := net.SplitHostPort(c.cfg.Bus)
		if err != nil {
			return nil, fmt.Errorf("the address of the bus: %w", err)
		}
		o.Host = host
		if o.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("the port of the bus: %w", err)
		}
		if o.Port == 0 {
			o.Port = -1
		}
	}
	return bus.Start(ctx, o)
}

// fastestSync is the shortest time in which a disk can have a record, network
// included. Less means that the server answers from memory.
const fastestSync = 100 * time.Microsecond

func (c *Cell) mustSync(ctx context.Context) error {
	took, err := bus.MeasureSync(ctx, c.nc)
	if err != nil {
		return err
	}
	if took < fastestSync {
		return fmt.Errorf("the server at %s acknowledges a record in %v, so it does not sync: set sync_interval to always there, "+
			"or accept that a loss of power loses acknowledged work with --accept-unsynced", c.cfg.NATS, took)
	}
	return nil
}

func (c *Cell) openHTTP(ctx context.Context) (err error) {
	if c.cfg.HTTP == "" {
		return nil
	}
	if c.http, err = new(net.ListenConfig).Listen(ctx, "tcp", c.cfg.HTTP); err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	return nil
}

// URL is the base of the API; "" when it does not listen.
func (c *Cell) URL() string {
	switch {
	case c.http == nil:
		return ""
	case c.cfg.TLSCert != "":
		return "https://" + c.http.Addr().String()
	}
	return "http://" + c.http.Addr().String()
}

// serve answers the API until ctx ends.
func (c *Cell) serve(ctx context.Context, stop func(error)) error {
	if c.http == nil {
		return nil
	}
	tls, err := c.cfg.tls()
	if err != nil {
		return err
	}
	s := httpapi.New(c, c.cfg.API).HTTPServer(ctx)
	s.TLSConfig = tls
	c.background.Go(func() {
		var err error
		if tls != nil {
			err = s.ServeTLS(c.http, "", "")
		} else {
			err = s.Serve(c.http)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			stop(fmt.Errorf("serve the API: %w", err))
		}
	})
	c.background.Go(func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
		defer cancel()
		if s.Shutdown(late) != nil {
			_ = s.Close() // cuts what did not end
		}
	})
	return nil
}

// shutdownWait is how long requests under way may take to end.
const shutdownWait = 2 * time.Second
