package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"

	"drover.dev/api"
	"drover.dev/internal/live"
	"drover.dev/internal/local"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// parentFlags say which cell a cell is a child of.
type parentFlags struct {
	server, token, tokenFile string
	site, layer              string
}

func (p *parentFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&p.server, "parent", "", "URL of the cell to be a child of; of several of its servers, with commas between them")
	f.StringVar(&p.token, "join-token", "", "the parent's join token; better in DROVER_JOIN_TOKEN or a file")
	f.StringVar(&p.tokenFile, "join-token-file", "", "file with that token; needed for the first start only")
	f.StringVar(&p.site, "site", "", "where the cell stands, as its parent knows it; its nodes' sites are added")
	f.StringVar(&p.layer, "layer", "", "cloud, edge or device (default edge)")
}

// parent is the configuration that the flags stand for; nil without --parent.
func (p *parentFlags) parent(a *app) (*live.Parent, error) {
	if p.server == "" {
		return nil, nil
	}
	out := &live.Parent{Server: p.server, JoinToken: p.token, Site: p.site, Layer: api.Layer(cmp.Or(p.layer, string(api.LayerEdge)))}
	switch out.Layer {
	case api.LayerCloud, api.LayerEdge, api.LayerDevice:
	default:
		return nil, usageError{fmt.Errorf("--layer %q: it is cloud, edge or device", p.layer), ""}
	}
	if p.tokenFile != "" {
		if out.JoinToken = readLine(p.tokenFile); out.JoinToken == "" {
			return nil, usageError{fmt.Errorf("there is no token in %s", p.tokenFile), "copy join.token from the parent's data directory"}
		}
	}
	var err error
	if out.HTTP, err = agentHTTP(a.set.ca); err == nil && out.HTTP != nil {
		if t, ok := out.HTTP.Transport.(*http.Transport); ok {
			out.TLS = t.TLSClientConfig.Clone()
			out.TLS.MinVersion = tls.VersionTLS12
		}
	}
	return out, err
}

func newEdgeCmd(a *app) *cobra.Command {
	cfg := local.Config{Build: buildVersion()}
	var l logging
	var user taskUser
	var parent parentFlags
	var name string
	cmd := &cobra.Command{
		Use:   "edge",
		Short: "Run an edge site: a cell of its own that is the child of another one",
		Long: `Run an edge site on this machine: a server with its own journal, a node, and a link
to a parent cell. The parent hands over workloads that are for this site; the site
owns them, runs them and reports back. It goes on when the link is cut, also
across a restart. See docs/cells.md.

Where the site has several machines, run drover server with --parent, and agents.`,
		Example: `  drover edge --parent https://drover.example.org:7420 --join-token-file join.token \
    --name plant-1 --site plant`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if cfg.Logger, err = l.logger(a); err != nil {
				return err
			}
			if err = user.check(); err != nil {
				return err
			}
			cfg.TaskUser = user.user
			if cfg.Parent, err = parent.parent(a); err != nil {
				return err
			}
			if cfg.Parent == nil {
				return usageError{errors.New("an edge site needs a parent"), "name it with --parent"}
			}
			if cfg.Dir, err = a.dataDir(); err != nil {
				return err
			}
			if name == "" {
				if name, err = os.Hostname(); err != nil {
					return fmt.Errorf("find a name for the cell: %w", err)
				}
			}
			cfg.Cell, cfg.Parent.Site = name, cmp.Or(cfg.Parent.Site, name)
			cfg.Nodes = []api.Node{{Name: name, Site: cfg.Parent.Site, Layer: cfg.Parent.Layer, Version: buildVersion()}}
			if !cmd.Flags().Changed("http") {
				cfg.HTTP = freeAddress(cmd.Context())
			}
			return a.dev(cmd.Context(), cfg, &l)
		},
	}
	f := cmd.Flags()
	parent.flags(f)
	f.StringVar(&name, "name", "", "name of the cell and of its node (default: the host's name)")
	f.StringVar(&cfg.HTTP, "http", defaultAddress, "host:port of the API, on loopback; another free port when this one is taken")
	f.StringSliceVar(&cfg.HostPaths, "allow-path", nil, "path that tasks may mount; may be repeated")
	f.StringVar(&cfg.SecretsDir, "secrets", "", "directory with one file a secret, not readable by others")
	f.BoolVar(&cfg.StopTasks, "stop-tasks", false, "stop all tasks at the end; else they run on and the next start takes them over")
	f.Var(&user, "task-user", taskUserHelp)
	f.BoolVar(&cfg.Noop, "noop", false, "offer the driver noop, which is for benchmarks")
	l.flags(f, "info")
	completeFlag(cmd, "layer", string(api.LayerCloud), string(api.LayerEdge), string(api.LayerDevice))
	return cmd
}
