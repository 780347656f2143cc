// Package local runs a whole cell in one process: a server and its nodes, on
// loopback. The commands dev and demo are made of it.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/agent"
	"drover.dev/internal/driver"
	"drover.dev/internal/driver/noop"
	"drover.dev/internal/driver/process"
	"drover.dev/internal/driver/wasm"
	"drover.dev/internal/live"
)

// Config says what to run. Only Dir and Nodes are required.
type Config struct {
	// Dir holds the server's data in server/, each node's in nodes/NAME and the
	// code compiled for the wasm driver in compiled/.
	Dir string
	// HTTP is the host:port of the API; port 0 is any free one. Default
	// 127.0.0.1:0.
	HTTP string
	// Cell names the cell. Default "drover".
	Cell string
	// Parent is the cell that this one is a child of; nil is none.
	Parent *live.Parent
	// Nodes are the nodes to run. Empty fields are filled by the agent, so one
	// empty Node is this machine.
	Nodes []api.Node
	// HostPaths are the paths that tasks may mount, and SecretsDir the secrets
	// that they may use, on every node.
	HostPaths  []string
	SecretsDir string
	// TaskUser is whom process tasks run as; nil: the user of this process. It
	// needs root.
	TaskUser *process.User
	// Noop offers the driver noop, which is for benchmarks.
	Noop bool
	// StopTasks ends all tasks with the nodes; else they run on, and the next
	// start in Dir adopts them.
	StopTasks bool
	// Idle is how many idle workers each node's wasm driver keeps. Default 1.
	Idle int
	// Build is the version of the program.
	Build string
	// Logger gets what server and nodes do. nil drops it.
	Logger *slog.Logger
}

// Cell is a running cell with its nodes.
type Cell struct {
	URL   string
	Token string // of an administrator

	stopNodes  context.CancelFunc
	stopServer context.CancelFunc
	nodes      sync.WaitGroup
	served     chan struct{}
	server     *live.Cell
	failed     chan error // the first failure
}

// Start runs a cell and returns once its nodes are registered. The caller ends
// it with Close.
func Start(ctx context.Context, cfg Config) (*Cell, error) {
	if cfg.HTTP == "" {
		cfg.HTTP = "127.0.0.1:0"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	dir := filepath.Join(cfg.Dir, "server")
	server, err := live.Open(ctx, live.Config{
		Dir: dir, Cell: cfg.Cell, Parent: cfg.Parent, HTTP: cfg.HTTP, Bus: "127.0.0.1:0", Build: cfg.Build, Logger: cfg.Logger.With("part", "server"),
	})
	if err != nil {
		return nil, err
	}
	c := &Cell{URL: server.URL(), server: server, served: make(chan struct{}), failed: make(chan error, 1+len(cfg.Nodes))}
	serving, stopServer := context.WithCancel(context.WithoutCancel(ctx))
	running, stopNodes := context.WithCancel(context.WithoutCancel(ctx))
	c.stopServer, c.stopNodes = stopServer, stopNodes
	go func() {
		defer close(c.served)
		if err := server.Run(serving); err != nil {
			c.failed <- err
		}
	}()
	if err := c.start(ctx, running, dir, &cfg); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cell) start(ctx, running context.Context, dir string, cfg *Config) error {
	join, err := token(dir, "join.token")
	if err == nil {
		c.Token, err = token(dir, "admin.token")
	}
	if err != nil {
		return err
	}
	select {
	case <-c.server.Ready():
	case err := <-c.failed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	registered := make(chan struct{}, len(cfg.Nodes))
	for i := range cfg.Nodes {
		c.nodes.Go(func() {
			if err := c.node(running, cfg, cfg.Nodes[i], join, func() { registered <- struct{}{} }); err != nil {
				c.failed <- err
			}
		})
	}
	for range cfg.Nodes {
		select {
		case <-registered:
		case err := <-c.failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func token(dir, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return "", fmt.Errorf("read the token that the server made: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// node runs one node until ctx ends.
func (c *Cell) node(ctx context.Context, cfg *Config, n api.Node, join string, ready func()) (err error) {
	drivers, closeDrivers, err := Drivers(filepath.Join(cfg.Dir, "compiled"), max(cfg.Idle, 1), cfg.Noop, cfg.TaskUser)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDrivers()) }()
	name := n.Name
	if name == "" {
		name = "this"
	}
	dir := filepath.Join(cfg.Dir, "nodes", name)
	if cfg.TaskUser != nil {
		if err := OpenWay(cfg.Dir, filepath.Dir(dir), dir); err != nil {
			return err
		}
	}
	return agent.Run(ctx, agent.Config{
		Server: c.URL, JoinToken: join, DataDir: dir, Node: n, Drivers: drivers,
		HostPaths: cfg.HostPaths, SecretsDir: cfg.SecretsDir, StopTasks: cfg.StopTasks,
		Logger: cfg.Logger.With("part", "node", "node", name), OnReady: func(api.Node) { ready() },
	})
}

// OpenWay makes directories that other users can pass through, but not list, so
// that tasks with a user of their own reach their directories by path.
func OpenWay(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("open the way to the tasks: %w", err)
		}
		info, err := os.Stat(dir)
		if err == nil {
			err = os.Chmod(dir, info.Mode().Perm()|0o011)
		}
		if err != nil {
			return fmt.Errorf("open the way to the tasks: %w", err)
		}
	}
	return nil
}

// Drivers makes the drivers of a node; compiled is where the wasm driver keeps
// the code that it compiled, and user whom process tasks run as (nil: the user of
// this process).
func Drivers(compiled string, idle int, withNoop bool, user *process.User) (list []driver.Driver, closeAll func() error, err error) {
	p, err := process.New(process.Options{Idle: 1, User: user})
	if err != nil {
		return nil, nil, err
	}
	w, err := wasm.New(wasm.Options{Cache: compiled, Idle: idle})
	if err != nil {
		return nil, nil, errors.Join(err, p.Close())
	}
	list = []driver.Driver{p, w}
	if withNoop {
		list = append(list, noop.Driver{})
	}
	return list, func() error { return errors.Join(p.Close(), w.Close()) }, nil
}

// Client returns a client with an administrator's rights.
func (c *Cell) Client() (*client.Client, error) {
	return client.New(client.Config{Server: c.URL, Token: c.Token})
}

// Failed yields the failure that ended the server or a node before Close.
func (c *Cell) Failed() <-chan error { return c.failed }

// Close ends the nodes, then the server.
func (c *Cell) Close() error {
	c.stopNodes()
	c.nodes.Wait()
	c.stopServer()
	<-c.served
	return c.server.Close()
}
