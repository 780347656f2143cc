// Package process runs commands of the node itself, each as a tree of
// processes that is limited, measured, suspended and ended as one.
//
// A worker starts the command through a last step, "drover worker exec",
// which enters the control group, drops what the task must not have and then
// becomes the command. The command runs in a session of its own, in work/,
// with nothing but the environment it was given, without new privileges, and
// as the user of the agent unless Options.User says otherwise. Tasks that run
// as the agent's own user can do what the agent can; give them a user of
// their own where they are not trusted.
package process

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
const Name = "process"

// User is whom tasks run as.
type User struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// Options configures the driver.
type Options struct {
	// User, when set, is whom tasks run as. It needs root. out/, work/ and
	// scratch volumes are given to that user; the task's other directories stay
	// the agent's.
	User *User
	// Idle is how many workers wait for tasks.
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
	User *User `json:"user,omitempty"`
}

// New makes a driver and starts its idle workers.
func New(o Options) (*Driver, error) {
	if o.User != nil && os.Geteuid() != 0 {
		return nil, fmt.Errorf("run tasks as user %d: %w: only root can", o.User.UID, driver.ErrUnsupported)
	}
	if o.Parent == nil {
		p := tree.Detect()
		o.Parent = &p
	}
	pool, err := worker.NewPool(worker.Options{
		Kind:    Name,
		Config:  config{User: o.User},
		Idle:    o.Idle,
		Parent:  *o.Parent,
		Prepare: func(s driver.Spec) error { return giveTo(o.User, s) },
	})
	if err != nil {
		return nil, err
	}
	return &Driver{pool}, nil
}

// giveTo lets the task into its directory, and nobody else.
func giveTo(u *User, s driver.Spec) error {
	if u == nil {
		return os.Chmod(s.Dir, 0o700)
	}
	errs := []error{os.Chown(s.Dir, -1, u.GID), os.Chmod(s.Dir, 0o710)}
	for _, space := range worker.Spaces(s) {
		for _, dir := range space.Dirs {
			errs = append(errs, os.Lchown(dir, u.UID, u.GID))
		}
	}
	return errors.Join(errs...)
}

// Kinds are the workers that worker.Main must know for this driver.
func Kinds() []worker.Kind {
	serve := func(args []string) int { return worker.Serve(args, prepare) }
	return []worker.Kind{{Name: Name, Main: serve}, {Name: execKind, Main: execMain}}
}

func prepare(c json.RawMessage, _ *tree.Tree) (worker.Runner, error) {
	var r runner
	return &r, json.Unmarshal(c, &r.config)
}

// Name implements driver.Driver.
func (d *Driver) Name() string { return Name }

// Start implements driver.Driver.
func (d *Driver) Start(ctx context.Context, s driver.Spec) (driver.Handle, error) {
	if s.Command == "" {
		return nil, errors.New("start task: the process driver needs a command")
	}
	for _, m := range s.Mounts {
		if os.Geteuid() != 0 && !seenAnyway(m) {
			return nil, fmt.Errorf("mount %s at %s: %w: only root can mount for a process", m.Source, m.Target, driver.ErrUnsupported)
		}
	}
	return d.Pool.Start(ctx, s)
}

// seenAnyway says whether a process sees the mount without one.
func seenAnyway(m driver.Mount) bool {
	return !m.ReadOnly && filepath.Clean(m.Source) == filepath.Clean(m.Target)
}
