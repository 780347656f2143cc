package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"drover.dev/api"
	"drover.dev/internal/lockfile"
	"drover.dev/internal/mirror"
	"github.com/spf13/cobra"
)

// syncFlags are those of drover twin sync.
type syncFlags struct {
	dir, listen, ahead string
	anew               bool
	cfg                mirror.Config
}

func newTwinSyncCmd(a *app) *cobra.Command {
	var o syncFlags
	var l logging
	o.cfg.Budget = 0.25
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Mirror a running cell, predict each job that comes, and grade the predictions",
		Long: `Follows the journal of a running cell over its API and keeps a copy of its state, in
a process of its own: predictions take no processor from the leader. It runs until it
is interrupted. Killed at any moment, it goes on from its last checkpoint when it is
started again, and catches up.

Of each job that comes, start and end are predicted with the twin, from the state as
it stands then, and kept; when the journal tells the truth they are graded. drover
twin status shows the lag and the alarms, drover twin scores the grades.`,
		Example: "  drover twin sync\n  drover twin sync --server https://cell.example:7420 --listen 127.0.0.1:7425",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.cfg.Log, err = l.logger(a); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			if o.cfg.Dir, err = a.mirrorDir(o.dir); err != nil {
				return err
			}
			return a.mirror(cmd.Context(), &o, &l)
		},
	}
	f := cmd.Flags()
	mirrorDirFlag(cmd, &o.dir)
	f.StringVar(&o.listen, "listen", "", "host:port where /metrics tells how it does (default: nowhere)")
	f.BoolVar(&o.anew, "anew", false, "forget what the directory holds: another cell, or one whose journal was given up in part")
	f.IntVar(&o.cfg.Seeds, "seeds", 20, "how often to look ahead for a prediction, each time with other run times")
	f.StringVar(&o.ahead, "horizon", "7d", "how far to look ahead")
	f.Float64Var(&o.cfg.Budget, "budget", o.cfg.Budget, "share of one processor that predictions may take, up to 1; 0 predicts nothing")
	f.Var(sizeFlag{&o.cfg.Keep}, "keep", "what predictions may take on disk; the oldest go (default 64Mi)")
	l.flags(f, "info")
	return cmd
}

func mirrorDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "directory of the mirror (default: twin in the data directory)")
}

// mirrorDir is where the mirror keeps what it has.
func (a *app) mirrorDir(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	data, err := a.dataDir()
	return filepath.Join(data, "twin"), err
}

func (o *syncFlags) check() (err error) {
	if o.cfg.Seeds < 1 || o.cfg.Seeds > 1000 {
		return usageError{errText("--seeds %d is not from 1 to 1000", o.cfg.Seeds), "20 give a rough interval"}
	}
	if b := o.cfg.Budget; b != 0 && !(b >= 0.001 && b <= 1) {
		return usageError{errText("--budget %g is neither 0 nor from 0.001 to 1", b), "0.25 is a quarter of one processor"}
	}
	if o.cfg.Ahead, err = api.ParseDuration(o.ahead); err != nil || o.cfg.Ahead <= 0 || o.cfg.Ahead > api.MaxDuration {
		return usageError{errText("--horizon %.40q is no time to look ahead", o.ahead), "for example --horizon 24h"}
	}
	o.cfg.Quiet = o.cfg.Budget == 0
	return nil
}

// mirror runs until ctx ends.
func (a *app) mirror(ctx context.Context, o *syncFlags, l *logging) (err error) {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	o.cfg.Source = c
	if o.anew {
		if err := mirror.Forget(o.cfg.Dir); err != nil {
			return mirrorError(err)
		}
	}
	m, err := mirror.Open(o.cfg)
	if err != nil {
		return mirrorError(err)
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	end, at, err := serveMetrics(o.listen, m)
	if err != nil {
		return err
	}
	defer end()
	o.cfg.Log.Info("mirroring", "server", c.Server(), "dir", o.cfg.Dir, "metrics", at)
	if err := l.tellReady(o.cfg.Dir); err != nil {
		return err
	}
	return m.Run(ctx)
}

// mirrorError says whose fault it is that a mirror does not run.
func mirrorError(err error) error {
	var held *lockfile.HeldError
	if errors.As(err, &held) {
		return codeError{exitConflict, held.Error()}
	}
	return err
}

// serveMetrics serves /metrics; nowhere when there is no address.
func serveMetrics(address string, m *mirror.Mirror) (end func(), at string, err error) {
	if address == "" {
		return func() {}, "", nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", usageError{fmt.Errorf("--listen: %w", err), "name a free address, for example 127.0.0.1:7425"}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s := m.Status()
		_ = s.WriteMetrics(w) // the client may have gone
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // it ends when it is closed
	}()
	return func() {
		_ = srv.Close() // nobody waits for these answers
		<-done
	}, l.Addr().String(), nil
}
