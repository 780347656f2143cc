package agent

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/driver"
	"drover.dev/internal/meter"
	"drover.dev/internal/power"
)

// Config says what an agent is and how it behaves. Only DataDir, Drivers and
// Server (or Link and Store) are required.
type Config struct {
	// Server is the base URL of the server's HTTP API, such as
	// "https://drover.example.org:7420". The agent joins there. Several servers of
	// one cell are listed with commas between them.
	Server string
	// JoinToken lets the node in. It is never logged.
	JoinToken string
	// HTTP makes the requests to Server; nil is a client with sensible
	// timeouts. Its TLS configuration is where a private authority goes.
	HTTP *http.Client
	// Link and Store, when set, are used instead of joining Server.
	Link  Link
	Store Store

	// DataDir holds everything of this node: tasks, cache, ledger. It belongs to
	// one agent at a time. It is created with mode 0700; for tasks that run as
	// another user it must be made 0711.
	DataDir string

	// Node is what the node registers as. Empty fields are filled: Name from the
	// host name, Layer "cloud", Site from Layer, Capacity and Speed measured,
	// Drivers from Drivers below. Capacity fields that are not zero stand.
	Node api.Node
	// Meter counts what the node draws; its readings are divided over the tasks. nil:
	// what tasks take is modelled.
	Meter meter.Meter
	// Sleeper has the machine fall asleep when the server asks for it. nil: it never does.
	Sleeper *power.Sleeper
	// Drivers run the tasks. The caller closes them after Run.
	Drivers []driver.Driver

	// HostPaths are the paths of the node that tasks may mount, with all below
	// them; with ":ro" at the end, read-only. None by default.
	HostPaths []string
	// SecretsDir holds one file a secret, not readable by others. "" is none.
	SecretsDir string
	// CacheSize bounds the artifact cache in bytes. 0 is a tenth of the free
	// disk, at most 10 GiB.
	CacheSize api.Bytes
	// TaskStorage bounds the directories of a task that asks for no storage, in
	// bytes. 0 is a tenth of the node's storage, at least 64 MiB and at most
	// 10 GiB.
	TaskStorage api.Bytes
	// KeptLogs bounds the logs of ended tasks that are kept, in bytes; at most
	// 1000 tasks' are. 0 is 256 MiB.
	KeptLogs api.Bytes

	// StopTasks makes the end of Run stop all tasks and report them as lost, so
	// that they are placed elsewhere. By default they run on and the next agent
	// on DataDir adopts them.
	StopTasks bool
	// StopWait bounds how long StopTasks may take. 0 is 30 s.
	StopWait time.Duration

	// Logger gets what the agent does, never a secret. nil drops it.
	Logger *slog.Logger
	// Failpoint is the value of failpoint.Env. "" is none.
	Failpoint string
	// PullEvery is how often to pull unasked. 0 is a minute.
	PullEvery time.Duration
	// OnReady, when set, is called once, when the node is registered for the
	// first time.
	OnReady func(api.Node)
}

// ErrConfig says that an agent cannot run as it is configured.
var ErrConfig = errors.New("configure agent")

// validate fills in defaults and names every fault at once.
func (c *Config) validate() error {
	c.defaults()
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(c.DataDir == "", "no data directory given")
	fault(len(c.Drivers) == 0, "no drivers given")
	fault(!bus.ValidNode(c.Node.Name), "%q is not a node name: use a-z, 0-9 and '-', at most 63 of them", c.Node.Name)
	fault(!bus.ValidNode(c.Node.Site), "%q is not a site name: use a-z, 0-9 and '-', at most 63 of them", c.Node.Site)
	fault(c.Node.Layer != api.LayerCloud && c.Node.Layer != api.LayerEdge && c.Node.Layer != api.LayerDevice,
		"%q is not a layer: it is cloud, edge or device", c.Node.Layer)
	fault((c.Link == nil) != (c.Store == nil), "a link needs a store, and a store a link")
	if c.Link == nil {
		for _, server := range serversOf(c.Server) {
			u, err := url.Parse(server)
			fault(err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"), "the server is not a URL: write http://host:port")
			fault(err == nil && u.User != nil, "the server's URL holds credentials, which would show in logs: pass a join token")
		}
	}
	for _, p := range c.HostPaths {
		fault(!filepath.IsAbs(strings.TrimSuffix(p, ":ro")), "host path %q is not absolute", p)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

func (c *Config) defaults() {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.StopWait = cmp.Or(c.StopWait, 30*time.Second)
	c.HTTP = cmp.Or(c.HTTP, newHTTP())
	c.KeptLogs = cmp.Or(c.KeptLogs, 256*api.MiB)
	n := &c.Node
	if c.Sleeper != nil {
		n.Sleep = c.Sleeper.Spec()
	}
	n.Name = cmp.Or(n.Name, hostName())
	n.Layer = cmp.Or(n.Layer, api.LayerCloud)
	n.Site = cmp.Or(n.Site, string(n.Layer))
	if len(n.Drivers) == 0 {
		for _, d := range c.Drivers {
			n.Drivers = append(n.Drivers, d.Name())
		}
	}
}

// newHTTP bounds what can hang, but not how long a large artifact may take.
func newHTTP() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.MaxIdleConnsPerHost = 8
	t.IdleConnTimeout = 30 * time.Second
	return &http.Client{Transport: t}
}

// hostName makes a node name of the host's name.
func hostName() string {
	h, err := os.Hostname()
	if err != nil {
		return ""
	}
	h, _, _ = strings.Cut(strings.ToLower(h), ".")
	name := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, h)
	return strings.Trim(name[:min(len(name), 63)], "-")
}
