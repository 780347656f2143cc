package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"drover.dev/api"
	"drover.dev/internal/failpoint"
	"drover.dev/internal/live"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newServerCmd(a *app) *cobra.Command {
	var cfg live.Config
	var l logging
	var secretFile, signals, wake, batteries string
	var parent parentFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a server: one cell with its journal and its API",
		Long: `Run a server: one cell with its journal and its API.

The first start makes a token for administrators (admin.token) and one for
joining nodes (join.token) in the data directory. An address that other machines
can reach needs a TLS certificate. What can change a decision is not set here but
in the cell's settings, which stand in the journal.

Several servers of one cell share an outside NATS server or cluster (--nats) and a
secret (--cell-secret-file). One leads, the others follow: they answer reads, pass
changes on, and one of them takes over within seconds when the leader falls silent.`,
		Example: `  drover server --data /var/lib/drover
  drover server --nats nats://n1:4222,nats://n2:4222,nats://n3:4222 --replicas 3 --cell-secret-file cell.secret
  drover server --http :7420 --bus :7421 --tls-cert cert.pem --tls-key key.pem`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if cfg.Logger, err = l.logger(a); err != nil {
				return err
			}
			if cfg.CellSecret, err = sharedSecret(secretFile); err != nil {
				return err
			}
			if cfg.Parent, err = parent.parent(a); err != nil {
				return err
			}
			if cfg.Signals, err = readSignals(signals); err != nil {
				return err
			}
			if cfg.Wake, err = readWakers(wake); err != nil {
				return err
			}
			if cfg.Batteries, err = readChargers(batteries); err != nil {
				return err
			}
			cfg.Failpoint, cfg.Build = a.getenv(failpoint.Env), buildVersion()
			if cfg.Dir = a.set.data; cfg.Dir == "" {
				dir, err := a.dataDir()
				if err != nil {
					return err
				}
				cfg.Dir = filepath.Join(dir, "server")
			}
			return a.serve(cmd.Context(), cfg, &l)
		},
	}
	serverFlags(cmd.Flags(), &cfg, &secretFile)
	cmd.Flags().StringVar(&signals, "signals", "", "file that says where carbon intensity, prices and weather come from; see drover signals feeds")
	cmd.Flags().StringVar(&wake, "wake", "", "file that says how nodes are woken that sleep, by name: onWake (a command with its arguments) or mac")
	cmd.Flags().StringVar(&batteries, "batteries", "", "file that says how the batteries of sites are told what to do, by name: onSet (a command with its arguments)")
	parent.flags(cmd.Flags())
	l.flags(cmd.Flags(), "info")
	return cmd
}

func serverFlags(f *pflag.FlagSet, c *live.Config, secretFile *string) {
	f.StringVar(&c.Cell, "cell", "drover", "name of the cell")
	f.StringVar(&c.Name, "name", "", "name of this server in the journal (default: the host's name)")
	f.StringVar(&c.HTTP, "http", defaultAddress, "host:port of the API")
	f.StringVar(&c.Bus, "bus", "127.0.0.1:7421", "host:port where agents connect")
	f.StringVar(&c.AdvertiseHTTP, "advertise-http", "", "URL by which clients reach the API (default: the address listened on)")
	f.StringVar(&c.AdvertiseBus, "advertise-bus", "", "URL by which agents reach the bus (default: the address listened on)")
	f.StringVar(&c.Leaf, "leaf", "", "host:port where child cells connect (default: none can)")
	f.StringVar(&c.AdvertiseLeaf, "advertise-leaf", "", "URL by which child cells reach that (default: the address listened on); of several servers of the cell, with commas between them")
	f.StringVar(&c.TLSCert, "tls-cert", "", "file of the certificate for API and bus")
	f.StringVar(&c.TLSKey, "tls-key", "", "file of its key")
	f.StringVar(&c.NATS, "nats", "", "URL of an outside NATS server with JetStream, in place of the embedded one; of a cluster, several with commas between them")
	f.StringVar(&c.NATSUser, "nats-user", "", "this server's user there")
	f.StringVar(&c.NATSPassword, "nats-password", "", "its password; better in DROVER_NATS_PASSWORD")
	f.StringVar(&c.AgentUser, "agent-user", "", "the user there that joining nodes are given")
	f.StringVar(&c.AgentPassword, "agent-password", "", "its password; better in DROVER_AGENT_PASSWORD")
	f.StringVar(secretFile, "cell-secret-file", "", "file with the secret that all servers of the cell share; needed when there are several")
	f.BoolVar(&c.NewCellSecret, "new-cell-secret", false, "lead a cell that was made with another secret; its nodes must join again")
	f.StringVar(&c.Artifacts, "artifacts", "", "where artifacts are kept: files, or nats for several servers (default nats with --cell-secret-file or replicas, else files)")
	f.IntVar(&c.Replicas, "replicas", 1, "copies of the journal that the outside cluster keeps: 1, 3 or 5")
	f.BoolVar(&c.AcceptUnsynced, "accept-unsynced", false, "lead although the outside server answers before its disk has the record")
	f.Uint64Var(&c.AcceptLossFrom, "accept-loss-from", 0, "give up the records from this number on that do not continue the journal")
	f.BoolVar(&c.NoAudit, "no-audit", false, "do not decide every record a second time behind the leader")
	f.DurationVar(&c.Heartbeat, "heartbeat", 0, "how often agents say that they live (default 2s)")
	f.DurationVar(&c.SilentAfter, "silent-after", 0, "silence after which a node counts as silent (default three heartbeats)")
	f.Var(sizeFlag{&c.MaxArtifact}, "max-artifact", "the largest artifact (default 1Gi)")
	f.IntVar(&c.SnapshotEvery, "snapshot-every", 0, "records between two snapshots (default 20000)")
	f.Var(sizeFlag{&c.MaxStore}, "max-store", "what the embedded bus may take on disk (default three quarters of what is free)")
	f.DurationVar(&c.SweepGrace, "sweep-grace", 0, "how long artifacts that nothing refers to are kept (default 1h)")
}

// sharedSecret reads the secret of a cell that several servers share.
func sharedSecret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s can be read by others (mode %v): make it 0600, and replace it if they may have seen it", path, info.Mode().Perm())
	}
	if err != nil {
		return "", usageError{fmt.Errorf("read the cell's secret: %w", err), ""}
	}
	secret := readLine(path)
	if secret == "" {
		return "", usageError{fmt.Errorf("there is no secret in %s", path), "write a line of at least 16 random characters into it"}
	}
	return secret, nil
}

// sizeFlag reads a size as the workload file writes it.
type sizeFlag struct{ to *api.Bytes }

func (s sizeFlag) Type() string { return "size" }

func (s sizeFlag) String() string {
	if s.to == nil || *s.to == 0 {
		return ""
	}
	return s.to.String()
}

func (s sizeFlag) Set(text string) error { return s.to.UnmarshalText([]byte(text)) }

// collectAt is how much a server's heap grows, in percent, before it is collected.
// At Go's 100 every seventh part of the processor's time under load went there, and
// reads waited behind it; at 400 it is hardly less than at 200.
const collectAt = 200

// serve runs a server until ctx ends.
func (a *app) serve(ctx context.Context, cfg live.Config, l *logging) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	cell, err := live.Open(ctx, cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- cell.Run(ctx) }()
	select {
	case err = <-ran:
	case <-cell.Ready():
		end, telling := a.announced(cell.URL(), cfg, l)
		if telling != nil {
			stop()
		}
		err = errors.Join(telling, <-ran)
		end()
	}
	return errors.Join(err, cell.Close())
}

// announced tells people and programs that the server is ready; end takes it
// back.
func (a *app) announced(url string, cfg live.Config, l *logging) (end func(), err error) {
	end, err = announce(cfg.Dir, url)
	if err != nil {
		return func() {}, err
	}
	cfg.Logger.Info("ready", "url", url, "data", cfg.Dir)
	if a.terminal {
		fmt.Fprintf(a.err, "Nodes join with: drover agent --server %s --join-token-file %s\n", url, filepath.Join(cfg.Dir, live.JoinTokenFile))
	}
	return end, l.tellReady(url)
}
