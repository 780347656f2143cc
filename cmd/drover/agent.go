package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/agent"
	"drover.dev/internal/failpoint"
	"drover.dev/internal/local"
	"drover.dev/internal/meter"
	"drover.dev/internal/power"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// agentFlags are the flags of an agent that need reading.
type agentFlags struct {
	cfg          agent.Config
	token        string
	tokenFile    string
	layer        string
	labels       map[string]string
	taints       []string
	accelerators []string
	devicePower  []string
	noop         bool
	power, meter string
	sleep        string
	embodied     string
	idle         int
	user         taskUser
	logging
}

func newAgentCmd(a *app) *cobra.Command {
	var g agentFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run an agent: make this machine a node",
		Long: `Run an agent: make this machine a node of a cell. It measures what the machine
has; flags say otherwise. When it is stopped its tasks run on, and the next agent
on the same data directory takes them over.`,
		Example: `  drover agent --server https://drover.example.org:7420 --join-token-file join.token \
    --name edge-1 --site hall-1 --layer edge --label rack=3`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := g.settle(a); err != nil {
				return err
			}
			return a.node(cmd.Context(), &g)
		},
	}
	g.flags(cmd.Flags())
	completeFlag(cmd, "layer", string(api.LayerCloud), string(api.LayerEdge), string(api.LayerDevice))
	return cmd
}

func (g *agentFlags) flags(f *pflag.FlagSet) {
	n := &g.cfg.Node
	f.StringVar(&g.token, "join-token", "", "token that lets nodes join; better in DROVER_JOIN_TOKEN or a file")
	f.StringVar(&g.tokenFile, "join-token-file", "", "file with that token (default: the one of this machine's server)")
	f.StringVar(&n.Name, "name", "", "name of the node (default: the host's name)")
	f.StringVar(&n.Site, "site", "", "where it stands (default: the name of its layer)")
	f.StringVar(&g.layer, "layer", "", "cloud, edge or device (default cloud)")
	f.StringToStringVar(&g.labels, "label", nil, "NAME=VALUE, may be repeated")
	f.StringArrayVar(&g.taints, "taint", nil, "KEY[=VALUE]:EFFECT, may be repeated; effects are noSchedule, avoid, noExecute")
	f.Var(textFlag{&n.Capacity.CPU, "amount"}, "cpu", "cores to offer (default: measured)")
	f.Var(textFlag{&n.Capacity.Memory, "size"}, "memory", "memory to offer (default: measured)")
	f.Var(textFlag{&n.Capacity.Storage, "size"}, "storage", "storage to offer (default: measured)")
	f.Var(textFlag{&n.Capacity.Bandwidth, "rate"}, "bandwidth", "bandwidth to offer")
	f.StringArrayVar(&g.accelerators, "accelerator", nil, "KIND[:MODEL]=COUNT, for example gpu:A100=2; may be repeated")
	f.StringSliceVar(&g.cfg.HostPaths, "allow-path", nil, "path that tasks may mount, with :ro at the end read-only; may be repeated")
	f.StringVar(&g.cfg.SecretsDir, "secrets", "", "directory with one file a secret, not readable by others")
	f.Var(sizeFlag{&g.cfg.CacheSize}, "cache", "size of the artifact cache (default a tenth of the free disk)")
	f.Var(sizeFlag{&g.cfg.TaskStorage}, "task-storage", "storage for a task that asks for none (default a tenth of --storage, at least 64Mi, at most 10Gi)")
	f.BoolVar(&g.cfg.StopTasks, "stop-tasks", false, "stop all tasks with the agent; they are placed elsewhere")
	f.DurationVar(&g.cfg.StopWait, "stop-wait", 30*time.Second, "how long that may take")
	f.IntVar(&g.idle, "idle-workers", 1, "workers that are kept ready for each driver")
	f.Var(&g.user, "task-user", taskUserHelp)
	f.StringVar(&g.power, "power", "", "what the node draws without load and at full load, in W, for example 60,180 (default: as usual cores do)")
	f.StringVar(&g.embodied, "embodied", "", "what the making of the node emitted, and over which time that is spread, for example 1200kg,1461d")
	f.StringArrayVar(&g.devicePower, "accelerator-power", nil, "what each accelerator draws without and at full load, in W, beside --power: KIND[:MODEL]=IDLE,FULL, for example gpu:A100=48,400; may be repeated (default: in --power)")
	f.StringVar(&g.meter, "meter", "", "energy meter to divide over the tasks: rapl, file:PATH:UNIT for a counter in uJ, mJ, J, Wh or kWh, or a .yaml file that declares a Prometheus query or a NATS subject")
	f.StringVar(&g.sleep, "sleep", "", "file that says how this machine falls asleep when it is idle: onSleep (a command with its arguments), watts, down, up")
	f.BoolVar(&g.noop, "noop", false, "offer the driver noop, which is for benchmarks")
	g.logging.flags(f, "info")
}

// parsePower reads the draw of a node in W: without load, and at full load.
func parsePower(text string) (*api.PowerModel, error) {
	if text == "" {
		return nil, nil
	}
	idle, full, _ := strings.Cut(text, ",")
	i, err := strconv.ParseFloat(strings.TrimSpace(idle), 64)
	f, err2 := strconv.ParseFloat(strings.TrimSpace(full), 64)
	if err != nil || err2 != nil || !(i >= 0 && f >= i && f <= 1e6) {
		return nil, fmt.Errorf("--power %.40q is not two numbers of W, the second at least the first: write for example 60,180", text)
	}
	return &api.PowerModel{Idle: int64(i * 1000), Full: int64(f * 1000)}, nil
}

// parseEmbodied reads what is embodied in a node and its lifetime.
func parseEmbodied(text string) (*api.Embodied, error) {
	if text == "" {
		return nil, nil
	}
	amount, lifetime, _ := strings.Cut(text, ",")
	g, err := api.ParseMass(strings.TrimSpace(amount))
	d, err2 := api.ParseDuration(strings.TrimSpace(lifetime))
	if err != nil || err2 != nil || g <= 0 || g > api.MaxEmbodied || d < api.MinLifetime || d > api.MaxLifetime {
		return nil, fmt.Errorf("--embodied %.40q is not an amount of at most 100 t and a lifetime of 30 to 3653 days: write for example 1200kg,1461d", text)
	}
	return &api.Embodied{Carbon: g, Lifetime: d}, nil
}

// addDevicePower adds to a node's power what each of its accelerators draws.
func addDevicePower(p *api.PowerModel, texts []string) error {
	if p == nil && len(texts) > 0 {
		return errors.New("--accelerator-power says what accelerators draw beside the machine: give --power, too")
	}
	for _, text := range texts {
		name, watts, _ := strings.Cut(text, "=")
		kind, model, _ := strings.Cut(name, ":")
		one, err := parsePower(watts)
		if err != nil || one == nil || kind == "" {
			return fmt.Errorf("--accelerator-power %.60q: write KIND:MODEL=IDLE,FULL in W, for example gpu:A100=48,400", text)
		}
		p.Devices = append(p.Devices, api.DevicePower{Kind: kind, Model: model, Idle: one.Idle, Full: one.Full})
	}
	return nil
}

// textFlag reads a quantity as the workload file writes it.
type textFlag struct {
	to interface {
		UnmarshalText([]byte) error
	}
	kind string
}

func (t textFlag) Type() string          { return t.kind }
func (t textFlag) String() string        { return "" }
func (t textFlag) Set(text string) error { return t.to.UnmarshalText([]byte(text)) }

// settle reads what the flags say and fills in what they leave out.
func (g *agentFlags) settle(a *app) (err error) {
	n := &g.cfg.Node
	n.Layer, n.Labels, n.Version = api.Layer(g.layer), g.labels, buildVersion()
	var errs []error
	for _, t := range g.taints {
		taint, err := parseTaint(t)
		n.Taints, errs = append(n.Taints, taint), append(errs, err)
	}
	for _, x := range g.accelerators {
		accelerator, err := parseAccelerator(x)
		n.Capacity.Accelerators, errs = append(n.Capacity.Accelerators, accelerator), append(errs, err)
	}
	draw, err := parsePower(g.power)
	errs = append(errs, err)
	if err == nil {
		errs = append(errs, addDevicePower(draw, g.devicePower))
	}
	n.Power = draw
	n.Embodied, err = parseEmbodied(g.embodied)
	errs = append(errs, err)
	if g.meter != "" {
		m, err := meter.Open(g.meter, meter.Options{Root: "/", Power: draw})
		g.cfg.Meter, errs = m, append(errs, err)
	}
	if g.sleep != "" {
		s, err := power.ReadSleeper(g.sleep)
		g.cfg.Sleeper, errs = s, append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return usageError{err, "see drover agent --help"}
	}
	if g.cfg.Logger, err = g.logger(a); err != nil {
		return err
	}
	g.cfg.Failpoint = a.getenv(failpoint.Env)
	if err := g.user.check(); err != nil {
		return err
	}
	if err := secretsDir(g.cfg.SecretsDir); err != nil {
		return err
	}
	if err := g.findServer(a); err != nil {
		return err
	}
	if g.cfg.DataDir = a.set.data; g.cfg.DataDir == "" {
		dir, err := a.dataDir()
		if err != nil {
			return err
		}
		g.cfg.DataDir = filepath.Join(dir, "nodes", cmp.Or(n.Name, "this"))
	}
	g.cfg.HTTP, err = agentHTTP(a.set.ca)
	return err
}

// secretsDir refuses a directory of secrets that is not there: its absence would
// show only when a task needs one.
func secretsDir(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	if err != nil {
		return usageError{fmt.Errorf("the directory of secrets: %w", err), "name a directory with --secrets that holds one file a secret"}
	}
	return nil
}

// findServer fills in server and join token: what the flags say, else the server
// of this machine.
func (g *agentFlags) findServer(a *app) error {
	here, err := a.local("join.token")
	if err != nil {
		return err
	}
	g.cfg.Server, g.cfg.JoinToken = cmp.Or(a.set.server, here.url), g.token
	if g.cfg.Server == "" {
		return usageError{errors.New("no server is named, and none was found on this machine"), "name one with --server"}
	}
	switch {
	case g.tokenFile != "":
		text, err := os.ReadFile(g.tokenFile)
		if g.cfg.JoinToken = strings.TrimSpace(string(text)); err == nil && g.cfg.JoinToken == "" {
			err = fmt.Errorf("%s is empty", g.tokenFile)
		}
		if err != nil {
			return usageError{fmt.Errorf("read the join token: %w", err), "copy join.token from the server's data directory"}
		}
	case g.token == "" && g.cfg.Server == here.url:
		g.cfg.JoinToken = here.token
	}
	if g.cfg.JoinToken == "" {
		return usageError{errors.New("a node needs the join token"), "give it with --join-token-file; it stands in join.token in the server's data directory"}
	}
	return nil
}

// agentHTTP trusts the authorities of a file; nil is the agent's own client.
func agentHTTP(ca string) (*http.Client, error) {
	if ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, usageError{fmt.Errorf("read the authorities: %w", err), ""}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usageError{fmt.Errorf("%s holds no certificate in PEM form", ca), ""}
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ResponseHeaderTimeout: time.Minute, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
	}}, nil
}

func parseTaint(s string) (t api.Taint, err error) {
	key, effect, ok := strings.Cut(s, ":")
	t.Key, t.Value, _ = strings.Cut(key, "=")
	t.Effect = api.Effect(effect)
	if !ok || t.Key == "" {
		return t, fmt.Errorf("taint %q: write KEY=VALUE:EFFECT", s)
	}
	return t, nil
}

func parseAccelerator(s string) (x api.Accelerator, err error) {
	name, count, ok := strings.Cut(s, "=")
	kind, model, named := strings.Cut(name, ":")
	n, convErr := strconv.ParseUint(count, 10, 16)
	if !ok || convErr != nil || n == 0 || kind == "" {
		return x, fmt.Errorf("accelerator %q: write KIND:MODEL=COUNT, for example gpu:A100=2", s)
	}
	x.Kind, x.Count = kind, api.Milli(1000*n)
	if named {
		x.Models = []string{model}
	}
	return x, nil
}

// node runs an agent until ctx ends.
func (a *app) node(ctx context.Context, g *agentFlags) (err error) {
	drivers, closeDrivers, err := local.Drivers(filepath.Join(g.cfg.DataDir, "compiled"), g.idle, g.noop, g.user.user)
	if err != nil {
		return err
	}
	g.cfg.Drivers = drivers
	if g.user.asRoot() {
		g.cfg.Logger.Warn(rootWarning)
	}
	if g.user.user != nil {
		if err := local.OpenWay(g.cfg.DataDir); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, closeDrivers()) }()
	if m, ok := g.cfg.Meter.(io.Closer); ok {
		defer m.Close() //nolint:errcheck // it holds nothing that could be lost
	}
	g.cfg.OnReady = func(n api.Node) {
		if err := g.tellReady(n.Name); err != nil {
			g.cfg.Logger.Error("tell that the node is ready", "error", err)
		}
		g.cfg.Logger.Info("ready", slog.String("node", n.Name), slog.String("layer", string(n.Layer)))
	}
	return agent.Run(ctx, g.cfg)
}
