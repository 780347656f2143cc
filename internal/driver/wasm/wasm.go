// Package wasm runs WebAssembly modules with WASI preview 1.
//
// A guest sees its arguments and environment, the directories /in (read-only),
// /out and /work, the mounts of its Spec, clocks and random bytes; paths
// relative to nothing are below /work. It sees no network and nothing else of
// the node. Each guest runs in a worker process of its own, because a guest
// that loops holds up Go's garbage collector, and with it every other
// goroutine of the process.
//
// Compiled code is kept in a directory that all workers share and that must
// be writable for the agent alone, because what lies there is executed.
package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"drover.dev/internal/driver/worker"
)

// Name of the driver.
const Name = "wasm"

// Options configures the driver.
type Options struct {
	// Cache is a directory for compiled code; empty: each task compiles.
	Cache string
	// Idle is how many workers wait for tasks with their runtime ready.
	Idle int
	// Parent is where control groups are made; nil: what tree.Detect finds.
	Parent *tree.Parent
}

// Driver implements driver.Driver, and of the optional abilities Suspender,
// Pooler and Meter.
type Driver struct{ *worker.Pool }

var (
	_ driver.Driver    = (*Driver)(nil)
	_ driver.Suspender = (*Driver)(nil)
	_ driver.Pooler    = (*Driver)(nil)
	_ driver.Meter     = (*Driver)(nil)
)

// config is what the workers of this driver know before their task.
type config struct {
	Cache string `json:"cache,omitempty"`
}

// New makes a driver and starts its idle workers.
func New(o Options) (*Driver, error) {
	if o.Cache != "" {
		cache, err := filepath.Abs(o.Cache)
		if err == nil {
			err = os.MkdirAll(cache, 0o700)
		}
		if err != nil {
			return nil, fmt.Errorf("make the cache of compiled modules: %w", err)
		}
		o.Cache = cache
	}
	if o.Parent == nil {
		p := tree.Detect()
		o.Parent = &p
	}
	pool, err := worker.NewPool(worker.Options{
		Kind:   Name,
		Config: config{Cache: o.Cache},
		Idle:   o.Idle,
		Parent: *o.Parent,
		Inside: true,
	})
	if err != nil {
		return nil, err
	}
	return &Driver{pool}, nil
}

// Kinds are the workers that worker.Main must know for this driver.
func Kinds() []worker.Kind {
	return []worker.Kind{{Name: Name, Main: func(args []string) int { return worker.Serve(args, prepare) }}}
}

func prepare(c json.RawMessage, t *tree.Tree) (worker.Runner, error) {
	var conf config
	if err := json.Unmarshal(c, &conf); err != nil {
		return nil, err
	}
	return newRunner(conf, t)
}

// Name implements driver.Driver.
func (d *Driver) Name() string { return Name }

// Start implements driver.Driver.
func (d *Driver) Start(ctx context.Context, s driver.Spec) (driver.Handle, error) {
	if !filepath.IsAbs(s.Module) {
		return nil, errors.New("start task: the wasm driver needs the absolute path of a module")
	}
	return d.Pool.Start(ctx, s)
}
