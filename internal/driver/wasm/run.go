package wasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"drover.dev/internal/driver/worker"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
	"golang.org/x/sys/unix"
)

// runner is the worker's side. All that does not depend on the task is done
// before there is one.
type runner struct {
	runtime wazero.Runtime
	joined  error // why the worker is in no control group
}

func newRunner(c config, t *tree.Tree) (*runner, error) {
	// No garbage collection unless the heap reaches the worker's limit: it is
	// what a looping guest would block, and with it the worker's own timers.
	// A guest's memory is not on the heap, so most tasks never get there.
	debug.SetGCPercent(-1)
	ctx := context.Background()
	conf := wazero.NewRuntimeConfig()
	if c.Cache != "" {
		cache, err := wazero.NewCompilationCacheWithDir(c.Cache)
		if err != nil {
			return nil, fmt.Errorf("open the cache of compiled modules: %w", err)
		}
		conf = conf.WithCompilationCache(cache)
	}
	r := &runner{runtime: wazero.NewRuntimeWithConfig(ctx, conf), joined: t.Join(0)}
	_, err := wasi_snapshot_preview1.Instantiate(ctx, r.runtime)
	return r, err
}

// overhead is what a worker needs beside the memory of its guest: Go's
// runtime, and the compilation of a large module.
const overhead = 256 << 20

// Run implements worker.Runner.
func (r *runner) Run(t *worker.Task) driver.Exit {
	g := &guest{runner: r, task: t, out: make(map[driver.Stream]*driver.LogWriter), full: make(chan *driver.Exit, 1)}
	for _, s := range []driver.Stream{driver.Stdout, driver.Stderr} {
		g.out[s] = driver.NewLogWriter(t.Dir, s, t.Limits.Log)
	}
	e := g.watch()
	for _, w := range g.out {
		e.DroppedLog += w.Close()
	}
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		e.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		e.MaxRSS = int64(usage.Maxrss) << 10
	}
	return e
}

// guest is one task inside its worker.
type guest struct {
	runner *runner
	task   *worker.Task
	out    map[driver.Stream]*driver.LogWriter
	full   chan *driver.Exit // gets the end of a guest that filled its space
	memory memory
}

// watch runs the guest and returns when it ends or has to. A guest that has
// to end dies with the process, which exits when its status is written.
func (g *guest) watch() driver.Exit {
	if err := g.limit(); err != nil {
		return failed(err)
	}
	ended := make(chan driver.Exit, 1)
	go func() { ended <- g.run() }()
	for {
		o := g.task.Order()
		switch {
		case o.Stop:
			return driver.Exit{Code: -1, Reason: driver.Stopped}
		case o.Left <= 0:
			return driver.Exit{Code: -1, Reason: driver.Timeout, Detail: "still running after its limit of " + g.task.Limits.Wall.String()}
		}
		select {
		case e := <-ended:
			select {
			case full := <-g.full: // which is why it ended
				return *full
			default:
				return e
			}
		case full := <-g.full:
			return *full
		case <-g.task.Wake:
		case <-time.After(min(o.Left, time.Second)):
		}
	}
}

// limit is for what the runtime itself cannot bound: the CPU, and the memory
// that compiling a hostile module takes.
func (g *guest) limit() error {
	l := g.task.Limits
	g.memory.limit = maxPages * PageSize
	if l.Memory > 0 {
		g.memory.limit = min(uint64(l.Memory), g.memory.limit)
	}
	if g.runner.joined != nil || !g.task.Tree.Grouped() {
		return nil
	}
	group := tree.Limits{CPU: l.CPU}
	if l.Memory > 0 {
		group.Memory = l.Memory + overhead
	}
	return g.task.Tree.Set(group)
}

func failed(err error) driver.Exit {
	return driver.Exit{Code: -1, Reason: driver.StartFailed, Detail: err.Error()}
}

func (g *guest) run() (e driver.Exit) {
	// Whatever a hostile module makes the runtime do is the task's failure.
	defer func() {
		if p := recover(); p != nil {
			e = failed(fmt.Errorf("the runtime gave up on the module: %v", p))
		}
	}()
	code, err := g.compile()
	if err != nil {
		return failed(err)
	}
	conf, err := g.config()
	if err != nil {
		return failed(err)
	}
	ctx := experimental.WithMemoryAllocator(context.Background(), &g.memory)
	_, err = g.runner.runtime.InstantiateModule(ctx, code, conf)
	return g.exit(err)
}

func (g *guest) compile() (wazero.CompiledModule, error) {
	m, err := Inspect(g.task.Module)
	if err != nil {
		return nil, err
	}
	if err := m.fits(g.memory.limit); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(g.task.Module)
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	code, err := g.runner.runtime.CompileModule(context.Background(), b)
	if err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	return code, nil
}

// fits says why a module cannot run within a memory limit in bytes.
func (m Module) fits(limit uint64) error {
	const entry = 8 // bytes of a table's entry in the runtime
	need := uint64(m.MinPages)*PageSize + m.TableEntries*entry
	switch {
	case need > limit:
		return fmt.Errorf("the module declares %d bytes of memory and tables; its limit is %d: raise resources.memory", need, limit)
	case m.MaxPages < maxPages && uint64(m.MaxPages)*PageSize > limit:
		return fmt.Errorf("the module declares up to %d bytes of memory; its limit is %d: raise resources.memory or link it with a lower maximum",
			uint64(m.MaxPages)*PageSize, limit)
	}
	for _, name := range m.Exports {
		if name == "_start" {
			return nil
		}
	}
	return errors.New("the module has no _start function: build it as a WASI command, not as a library")
}

func (g *guest) config() (wazero.ModuleConfig, error) {
	s := g.task.Spec
	mounts, err := g.mounts()
	if err != nil {
		return nil, err
	}
	name := s.Command
	if name == "" {
		name = filepath.Base(s.Module)
	}
	conf := wazero.NewModuleConfig().WithName("").
		WithArgs(append([]string{name}, s.Args...)...).
		WithFSConfig(mounts).
		WithStdout(g.out[driver.Stdout]).WithStderr(g.out[driver.Stderr]).
		WithSysWalltime().WithSysNanotime().WithSysNanosleep().
		WithRandSource(rand.Reader)
	for _, kv := range s.Env {
		k, v, _ := strings.Cut(kv, "=")
		if k == "" || strings.ContainsRune(kv, 0) {
			return nil, fmt.Errorf("environment entry %.40q is not KEY=value", kv)
		}
		conf = conf.WithEnv(k, v)
	}
	return conf, nil
}

// exit translates the end of a guest.
func (g *guest) exit(err error) driver.Exit {
	var code *sys.ExitError
	refused := g.memory.refused.Load()
	const refusal = "it was refused memory beyond its limit"
	switch {
	case err == nil:
		return driver.Exit{}
	case errors.As(err, &code):
		e := driver.Exit{Code: int(code.ExitCode())}
		if refused && e.Code != 0 {
			e.Detail = refusal + ", which may be why it failed"
		}
		return e
	case refused:
		// The guest trapped, as abort does, after it got no more memory.
		return driver.Exit{Code: -1, Reason: driver.OutOfMemory, Detail: refusal}
	}
	return driver.Exit{Code: -1, Detail: fmt.Sprintf("trap: %.1000s", err)}
}
