package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"drover.dev/api"
	"drover.dev/internal/local"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newDevCmd(a *app) *cobra.Command {
	cfg := local.Config{Build: buildVersion()}
	var layers []string
	var l logging
	var user taskUser
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a cell on this machine: server and nodes in one process",
		Long: `Run a cell on this machine: a server and its nodes in one process, on loopback.
What was submitted is still there at the next start. Other commands find it by
themselves.`,
		Example: `  drover dev
  drover dev --layers cloud,edge,device --data ./cell`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if cfg.Logger, err = l.logger(a); err != nil {
				return err
			}
			if err = user.check(); err != nil {
				return err
			}
			cfg.TaskUser = user.user
			if err = secretsDir(cfg.SecretsDir); err != nil {
				return err
			}
			if cfg.Dir, err = a.dataDir(); err != nil {
				return err
			}
			if cfg.Nodes, err = devNodes(layers); err != nil {
				return err
			}
			if !cmd.Flags().Changed("http") {
				cfg.HTTP = freeAddress(cmd.Context())
			}
			return a.dev(cmd.Context(), cfg, &l)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.HTTP, "http", defaultAddress, "host:port of the API; another free port when this one is taken")
	f.StringSliceVar(&layers, "layers", []string{"cloud"}, "one node for each of these layers: cloud, edge, device")
	f.StringSliceVar(&cfg.HostPaths, "allow-path", nil, "path that tasks may mount; may be repeated")
	f.StringVar(&cfg.SecretsDir, "secrets", "", "directory with one file a secret, not readable by others")
	f.BoolVar(&cfg.StopTasks, "stop-tasks", false, "stop all tasks at the end; else they run on and the next start takes them over")
	f.Var(&user, "task-user", taskUserHelp)
	f.BoolVar(&cfg.Noop, "noop", false, "offer the driver noop, which is for benchmarks")
	l.flags(f, "warn")
	completeFlag(cmd, "layers", "cloud", "edge", "device")
	return cmd
}

// devNodes is one node a layer; each may use the whole machine.
func devNodes(layers []string) (nodes []api.Node, err error) {
	for _, layer := range layers {
		n := api.Node{Name: layer + "-1", Site: layer, Layer: api.Layer(layer), Version: buildVersion()}
		switch n.Layer {
		case api.LayerCloud, api.LayerEdge, api.LayerDevice:
		default:
			return nil, usageError{fmt.Errorf("--layers %q: it is cloud, edge or device", layer), ""}
		}
		for _, other := range nodes {
			if other.Name == n.Name {
				return nil, usageError{fmt.Errorf("--layers names %s twice", layer), ""}
			}
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// freeAddress is the usual address, or one with any free port when another
// program has it.
func freeAddress(ctx context.Context) string {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", defaultAddress)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close() // it was only tried
	return defaultAddress
}

// dev runs a cell until ctx ends or a part of it fails.
func (a *app) dev(ctx context.Context, cfg local.Config, l *logging) (err error) {
	began := a.now()
	cell, err := local.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		if closing := cell.Close(); err == nil {
			err = closing
		}
	}()
	end, err := announce(filepath.Join(cfg.Dir, "server"), cell.URL)
	if err != nil {
		return err
	}
	defer end()
	a.welcome(cell.URL, &cfg, a.now().Sub(began))
	if err := l.tellReady(cell.URL); err != nil {
		return err
	}
	select {
	case err := <-cell.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
}

// welcome says where to go next.
func (a *app) welcome(url string, cfg *local.Config, took time.Duration) {
	fmt.Fprintf(a.out, "Drover is ready after %s: %s\n\n", report.Duration(api.Duration(took)), url)
	style, data := a.style(), ""
	if a.set.data != "" {
		data = " --data " + a.set.data
	}
	names := ""
	for i, n := range cfg.Nodes {
		if i > 0 {
			names += ", "
		}
		names += n.Name
	}
	_ = report.Pairs(a.out, style, []report.Pair{ // a closed output must not end the cell
		{Key: "Nodes", Value: names},
		{Key: "Data", Value: cfg.Dir},
		{Key: "API", Value: url + "/openapi.json"},
	})
	if (&taskUser{cfg.TaskUser}).asRoot() {
		a.note(rootWarning)
	}
	fmt.Fprintf(a.out, "\nIn another terminal:\n\n")
	for _, line := range []string{"run --driver process -- uname -a", "ls", "explain NAME"} {
		fmt.Fprintf(a.out, "  drover%s %s\n", data, line)
	}
	fmt.Fprintf(a.out, "\nCtrl-C ends it; what was submitted is still there at the next start.\n")
}
