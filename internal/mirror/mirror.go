// Package mirror is the twin in live-sync: it follows a running cell's journal over the
// API, keeps a state of its own, predicts what comes of each job that arrives, and
// grades its predictions when the journal tells the truth. It is a process of its own,
// so that none of this takes a processor from the leader.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/grade"
	"drover.dev/internal/journal"
	"drover.dev/internal/lockfile"
	"drover.dev/internal/state"
)

// Source is the server of a cell. *client.Client is one.
type Source interface {
	Journal(ctx context.Context, after uint64, hash [32]byte, take func(client.JournalRecord) error) error
	Bundle(ctx context.Context, w io.Writer, records uint64, anonymise bool) error
	Server() string
}

var _ Source = (*client.Client)(nil)

// Config says what is mirrored, where to, and what it may cost.
type Config struct {
	Dir    string // of the mirror alone; it is made where missing
	Source Source
	Seeds  int          // worlds of a prediction, 1 to 1000; default 20
	Ahead  api.Duration // how far predictions look; default 7 days
	// Budget is the share of one processor that predictions may take, more than 0 and up
	// to 1; default 0.25.
	Budget float64
	Quiet  bool      // nothing is predicted
	Keep   api.Bytes // of predictions; default 64 MiB
	// Records is how far back the first start learns from. Default 20,000.
	Records uint64
	Log     *slog.Logger
	Now     func() time.Time // the wall clock; default time.Now
}

func (c *Config) withDefaults() {
	setDefault(&c.Seeds, 20)
	setDefault(&c.Ahead, 7*api.Day)
	setDefault(&c.Budget, 0.25)
	setDefault(&c.Keep, 64*api.MiB)
	setDefault(&c.Records, 20_000)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Bounds of a mirror.
const (
	maxArrived  = 10_000 // jobs that wait to be predicted
	firstPause  = 100 * time.Millisecond
	longestWait = 5 * time.Second
)

// Mirror is a copy of a running cell. Its methods are safe for concurrent use.
type Mirror struct {
	cfg         Config
	lock        *lockfile.Lock
	checkpoints *journal.Snapshots
	store       *store
	wake        chan struct{} // a job has come
	saving      chan struct{} // of capacity 1
	background  sync.WaitGroup
	started     time.Time

	mu      sync.Mutex
	state   *state.State
	chain   *journal.Verifier
	memory  *memory
	open    map[grade.Key]*grade.Prediction
	handled uint64      // the last job that was predicted before this start
	rounds  uint64      // the last round before it
	count   Predictions // Made, Graded and Stopped, of what is kept and since
	conform grade.Conform
	drift   grade.Drift
	arrived []uint64
	plans   []*grade.Prediction // whose job has not come yet
	lag     lag
	last    uint64 // record that the server has, as far as is known
	on      bool   // connected
	trouble string // why it is not
	reached uint64 // connections
	unsaved int    // records since the last checkpoint
	saved   time.Time
	kept    Checkpoint
	full    bool // the store fails
	broken  bool // the state is between two records: one of them could not be folded in
	busy    time.Duration
	fits    FitStatus

	drifting map[string]bool // quantities of the last fit; only fit has to do with it
}

// Open goes on from the directory's last checkpoint, if there is one. Another process
// on the directory is a *lockfile.HeldError.
func Open(cfg Config) (m *Mirror, err error) {
	cfg.withDefaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the mirror: %w", err)
	}
	lock, err := lockfile.Take(filepath.Join(cfg.Dir, LockName), "mirror")
	if err != nil {
		return nil, err
	}
	m = &Mirror{
		cfg: cfg, lock: lock, wake: make(chan struct{}, 1), saving: make(chan struct{}, 1), open: map[grade.Key]*grade.Prediction{},
		started: cfg.Now(), saved: cfg.Now(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open the mirror in %s: %w", cfg.Dir, err), lock.Release())
		}
	}()
	if err = os.RemoveAll(filepath.Join(cfg.Dir, fetchDir)); err != nil { // a kill left it
		return nil, err
	}
	if m.checkpoints, err = journal.OpenSnapshots(filepath.Join(cfg.Dir, checkpointDir), 2); err != nil {
		return nil, err
	}
	if m.store, err = openStore(cfg.Dir, int64(cfg.Keep), m.remember); err != nil {
		return nil, err
	}
	m.fitted()
	if _, err := m.resume(); err != nil {
		return nil, errors.Join(err, m.store.close())
	}
	return m, nil
}

// LockName is the file of a mirror's directory that is locked while it runs.
const LockName = "lock"

// Forget removes what a mirror's directory holds of a cell, unless a mirror runs on it.
func Forget(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := lockfile.Take(filepath.Join(dir, LockName), "mirror")
	if err != nil {
		return err
	}
	numbers, err := segmentsIn(dir)
	for _, n := range numbers {
		err = errors.Join(err, os.Remove(filepath.Join(dir, fmt.Sprintf(segmentName, n))))
	}
	for _, name := range [...]string{checkpointDir, fetchDir, plansDir, statusName, fitsName} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
	}
	err = errors.Join(err, lock.Release())
	if err != nil {
		return fmt.Errorf("forget the mirror: %w", err)
	}
	return nil
}

// Folders of a mirror's directory: its checkpoints, and the bundle that it begins with
// while that is read.
const (
	checkpointDir = "checkpoints"
	fetchDir      = "fetch"
)

func (m *Mirror) now() time.Time { return m.cfg.Now() }

// begin starts at a state.
func (m *Mirror) begin(st *state.State, at journal.Link, learnt *memory) {
	m.state, m.chain, m.memory, m.arrived = st, journal.NewVerifier(at), learnt, nil
	m.last, m.broken = max(m.last, at.N), false
	learnt.Count.Rounds = max(learnt.Count.Rounds, m.rounds)
}

// Close releases the directory. Call it once after Run has returned.
func (m *Mirror) Close() error {
	m.background.Wait()
	return errors.Join(m.store.close(), m.lock.Release())
}

// Run mirrors the cell until ctx ends, whatever becomes of the connection. The error
// says why it cannot go on: the cell's journal is another one, or a record makes no
// sense.
func (m *Mirror) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() { m.tell(ctx) })
	others.Go(func() { m.refit(ctx) })
	if !m.cfg.Quiet {
		others.Go(func() { m.predict(ctx) })
	}
	err := m.follow(ctx)
	cancel()
	others.Wait()
	m.end()
	return err
}

// end leaves everything as the next start wants it.
func (m *Mirror) end() {
	m.background.Wait()
	m.mu.Lock()
	if m.unsaved > 0 {
		m.checkpoint()
	}
	m.on = false
	m.mu.Unlock()
	m.background.Wait()
	m.writeStatus()
}
