// Package live is the live shell around the engine: the real clock, the journal
// in JetStream, agents over NATS and the HTTP API.
//
// One goroutine decides (lead.go): it takes what waits in the queue, has the
// engine decide a batch, and appends the record. While that is under way the
// next batch gathers. What is acknowledged goes to the shadow (shadow.go), a
// second state of which everything is made that anybody sees: answers to reads,
// watches, the nodes' assignments, snapshots.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"

	"drover.dev/internal/artifact"
	"drover.dev/internal/bus"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/failpoint"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/lockfile"
	"drover.dev/internal/state"
)

// Cell is a server of one cell. Several may live in one process.
type Cell struct {
	cfg   Config
	log   *slog.Logger
	fail  *failpoint.Point
	creds *credentials
	codec messages

	lock      *lockfile.Lock
	bus       *bus.Server // nil with an outside server
	door      *bus.Door   // nil with the embedded one, and when no children are taken
	nc        *nats.Conn  // for the journal
	agents    *nats.Conn  // for the agents: what they send cannot hold the journal up
	pulse     *nats.Conn  // for their heartbeats, which come in handfuls
	journal   journal.Journal
	snapshots *journal.Snapshots
	archive   *journal.Archive
	witness   *journal.Witness
	artifacts artifacts
	http      net.Listener // nil when it does not listen

	queue    *queue
	post     *post
	beats    *beats
	readers  readers
	alive    *alive
	shadow   *shadow
	audit    *auditing // nil: it is off
	observer *observer // nil: its series cannot be kept
	travel   travel
	recent   *lines        // the end of the log
	plans    chan struct{} // of capacity 1: a plan may be asked for
	trial    chan struct{} // of capacity 1: a strategy may be in its shadow stage
	bundling chan struct{} // of capacity 1: one bundle at a time
	start    control.Mark  // the last record when the cell was opened
	lost     int           // entries that were given up then, as accepted
	// cluster is this server's place among those of the cell; set once the bus is
	// there.
	cluster  *cluster
	lending  chan struct{} // of capacity 1: records are read for another server
	parentAt atomic.Uint32 // which of the parent's servers is asked over HTTP

	leading    atomic.Bool
	term       atomic.Uint64 // epoch that this server leads
	last       atomic.Uint64 // sequence of the last record known to be stored
	archived   atomic.Uint64 // number of the last record in the archive
	ready      chan struct{} // closed when it leads or follows for the first time
	readyOnce  sync.Once
	background sync.WaitGroup
	count      counters

	mu      sync.Mutex
	storage error // why the journal cannot be written
	stop    context.CancelFunc
	stopped chan struct{} // closed when Run has returned; nil before it is called
	closed  bool
}

var _ httpapi.Cell = (*Cell)(nil)

var errStopped = fmt.Errorf("%w: the server has stopped", httpapi.ErrNotLeader)

// messages are the modes of what agents and servers say to each other.
type messages struct {
	enc cbor.EncMode
	dec cbor.DecMode
	// reports reads what agents report. Text need not be UTF-8: one bad text must
	// not keep a node's other reports back; engine.Reports.Clean mends it.
	reports cbor.DecMode
}

func newMessages() (messages, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	o := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxArrayElements: 4096, MaxMapPairs: 4096, MaxNestedLevels: 16,
	}
	dec, err2 := o.DecMode()
	o.UTF8 = cbor.UTF8DecodeInvalid
	reports, err3 := o.DecMode()
	return messages{enc: enc, dec: dec, reports: reports}, errors.Join(err, err2, err3)
}

// Open prepares a server: it takes the data directory, opens the journal,
// replays it and listens. It serves nobody before Run. The data directory is
// released by Close.
func Open(ctx context.Context, cfg Config) (*Cell, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	keep := newRecent(cfg.Logger.Handler())
	cfg.Logger = slog.New(keep)
	c := &Cell{
		recent: keep.lines, bundling: make(chan struct{}, 1),
		cfg: cfg, log: cfg.Logger, queue: newQueue(cfg.Limits), post: newPost(control.DefaultIntakeLimits()), beats: newBeats(), alive: newAlive(cfg.SilentAfter, cfg.Wall), ready: make(chan struct{}),
		lending: make(chan struct{}, 1), plans: make(chan struct{}, 1), trial: make(chan struct{}, 1),
	}
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open cell %s in %s: %w", cfg.Cell, cfg.Dir, err), c.Close())
	}
	return c, nil
}

func (c *Cell) open(ctx context.Context) (err error) {
	if c.fail, err = failpoint.New(c.cfg.Failpoint, Failpoints()); err != nil {
		return err
	}
	if c.codec, err = newMessages(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("create the data directory: %w", err)
	}
	if c.lock, err = lockfile.Take(filepath.Join(c.cfg.Dir, "lock"), "server"); err != nil {
		return err
	}
	if c.creds, err = openCredentials(c.cfg.Dir, c.cfg.CellSecret); err != nil {
		return err
	}
	if err := c.openStores(); err != nil {
		return err
	}
	if err := c.openBus(ctx); err != nil {
		return err
	}
	if err := c.openDoor(ctx); err != nil {
		return err
	}
	if c.cfg.Artifacts == ArtifactsNATS {
		shared, err := artifact.OpenObjects(ctx, c.nc, c.cfg.Cell, c.cfg.Replicas, c.artifacts.(*artifact.Files))
		if err != nil {
			return err
		}
		c.artifacts = shared
	}
	c.cluster = newCluster(c)
	if err := c.recall(ctx); err != nil {
		return err
	}
	if c.lost > 0 {
		if err := c.beginAnew(ctx); err != nil {
			return fmt.Errorf("go on without what was given up: %w", err)
		}
	}
	if !c.cfg.NoAudit {
		c.audit = newAuditing(c)
	}
	c.shadow.tracked = c.alive.track
	return c.openHTTP(ctx)
}

func (c *Cell) openStores() (err error) {
	at := func(name string) string { return filepath.Join(c.cfg.Dir, name) }
	if c.snapshots, err = journal.OpenSnapshots(at("snapshots"), 2); err != nil {
		return err
	}
	if c.archive, err = journal.OpenArchive(at("archive"), 0); err != nil {
		return err
	}
	c.snapshots.RetireTo(c.archive)
	if c.witness, err = journal.OpenWitness(at("head")); err != nil {
		return err
	}
	files, err := artifact.OpenFiles(at("artifacts"), artifact.Options{MaxSize: int64(c.cfg.MaxArtifact)})
	if err != nil {
		return err
	}
	c.artifacts = files
	c.openSeries(at("series"), files)
	return nil
}

// Close ends Run, if it is running, and releases everything. Further calls do
// nothing.
func (c *Cell) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	stop, stopped := c.stop, c.stopped
	c.mu.Unlock()
	if stop != nil {
		stop()
		<-stopped
	}
	var errs []error
	if c.http != nil {
		if err := c.http.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if c.journal != nil {
		errs = append(errs, c.journal.Close())
	}
	if c.door != nil {
		c.door.Close()
	}
	for _, nc := range []*nats.Conn{c.pulse, c.agents, c.nc} {
		if nc != nil {
			nc.Close()
		}
	}
	if c.bus != nil {
		c.bus.Stop()
	}
	if c.witness != nil {
		errs = append(errs, c.witness.Close())
	}
	if c.artifacts != nil {
		errs = append(errs, c.artifacts.Close())
	}
	if c.observer != nil {
		errs = append(errs, c.observer.store.Close())
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Release())
	}
	return errors.Join(errs...)
}

// Ready is closed when this server serves for the first time: it leads its cell, or
// follows another one that does.
func (c *Cell) Ready() <-chan struct{} { return c.ready }

// opened begins to serve: the record that opens the epoch stands in the journal.
func (c *Cell) opened(epoch uint64, st *state.State, at time.Time) {
	c.alive.begin(st)
	c.term.Store(epoch)
	c.leading.Store(true)
	poke(c.plans) // one may be open that the leader before was asked for
	poke(c.trial)
	c.cluster.won(epoch, at)
	c.queue.open()
	c.readyOnce.Do(func() { close(c.ready) })
	c.count.leaderships.Add(1)
	c.log.Info("leading", "cell", c.cfg.Cell, "epoch", epoch)
}

func (c *Cell) epoch() uint64 { return c.term.Load() }

// losses tells the journal what was given up when the cell was opened, as accepted.
func (c *Cell) losses() []engine.Input {
	if c.lost == 0 {
		return nil
	}
	return []engine.Input{&engine.Loss{From: c.cfg.AcceptLossFrom, Entries: uint64(c.lost)}}
}

// room says whether so many bytes fit into the journal's store.
func (c *Cell) room(size int) error {
	if c.bus == nil {
		return nil
	}
	return c.bus.Room(size)
}

// storageLost notes that the journal cannot be written.
func (c *Cell) storageLost(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.storage == nil {
		c.log.Error("nothing can be recorded", "error", err)
	}
	c.storage = err
}

func (c *Cell) storageError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.storage
}

// stored notes that a batch is in the journal.
func (c *Cell) stored(f *flight, seq uint64, took time.Duration) {
	c.last.Store(seq)
	c.queue.drained(f.bytes, took)
	c.count.batch(f, took)
	poke(c.cluster.say)
	c.storageFound()
}

// storageFound notes that the journal can be written, or that another server
// writes it.
func (c *Cell) storageFound() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.storage != nil {
		c.log.Info("the journal can be written again")
		c.storage = nil
	}
}

// following notes that the journal was read to its end behind a leader.
func (c *Cell) following() {
	if c.cluster.caughtUp() {
		c.storageFound()
		c.readyOnce.Do(func() {
			close(c.ready)
			c.log.Info("following", "cell", c.cfg.Cell)
		})
	}
}
