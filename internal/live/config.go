package live

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/control"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/power"
	"drover.dev/internal/signal"
)

// Config says what a server is and how it behaves. Only Dir is required. Nothing
// in it can change a decision: what can, such as retention, is in the cell's
// settings, which are in the journal.
type Config struct {
	// Dir holds everything of this server: bus/ (the journal, unless NATS is
	// set), snapshots/, archive/, artifacts/, secret, admin.token, join.token.
	// One server at a time may use it. It is created with mode 0700.
	Dir string
	// Cell names the cell and its journal: 1 to 63 of a-z, 0-9, '-'. Default
	// "drover".
	Cell string
	// Name is this server's name in the journal. Default is the host's name.
	Name string
	// Build is the version of the program, written into every record. Default
	// "devel".
	Build string

	// HTTP is the host:port of the API; port 0 is any free one. "" does not
	// listen. An address other than loopback needs TLS.
	HTTP string
	// Bus is the host:port where agents connect to the embedded NATS server;
	// port 0 is any free one. "" does not listen, agents of this process apart.
	// An address other than loopback needs TLS. Unused with NATS.
	Bus string
	// AdvertiseBus is the URL by which agents reach the bus, given to them when
	// they join. Default is the address listened on.
	AdvertiseBus string
	// Leaf is the host:port where child cells link; port 0 is any free one. "" takes
	// none. An address other than loopback needs TLS.
	Leaf string
	// AdvertiseLeaf is the URL by which child cells reach it; of several servers of
	// the cell, with commas between them. Default is the address listened on.
	AdvertiseLeaf string
	// Parent is the cell that this one is a child of; nil is none.
	Parent *Parent
	// AdvertiseHTTP is the URL by which clients reach the API, shown to those who
	// ask for the servers of the cell. Default is the address listened on.
	AdvertiseHTTP string
	// TLSCert and TLSKey are the files of the certificate for HTTP, Bus and Leaf.
	TLSCert, TLSKey string

	// NATS is the URL of an outside NATS server or cluster with JetStream, in
	// place of the embedded one.
	NATS string
	// NATSUser and NATSPassword are this server's credentials there.
	NATSUser, NATSPassword string
	// AgentUser and AgentPassword are the credentials there that joining nodes
	// are given. What they may do is then set in that server's configuration.
	AgentUser, AgentPassword string
	// CellSecret is what the servers of one cell share: the credentials of its
	// nodes and its tokens follow from it, and by it they know each other. With ""
	// the one in Dir is used, which then only this server has.
	CellSecret string
	// NewCellSecret leads a cell that was made with another secret. Its nodes must
	// join again.
	NewCellSecret bool
	// Artifacts is where they are kept: ArtifactsFiles in Dir, or ArtifactsNATS in a
	// bucket that the servers of the cell share. Default is the bucket with several
	// replicas or a CellSecret, else files.
	Artifacts string
	// Replicas is how many copies of the journal, and of shared artifacts, the
	// outside cluster keeps: 1, 3 or 5. Default 1.
	Replicas int
	// AcceptUnsynced leads although the outside server answers before its disk
	// has the record, which loses acknowledged work when the power fails.
	AcceptUnsynced bool

	// AcceptLossFrom gives up the records from this number on that do not
	// continue the journal's hash chain. 0 refuses to start on such a journal.
	AcceptLossFrom uint64

	// NoAudit does not decide every record a second time behind the leader. The
	// audit takes a copy of the state, and a twentieth of a processor while there is
	// other work.
	NoAudit bool

	// Heartbeat is how often agents report that they live. Default 2 s.
	Heartbeat time.Duration
	// SilentAfter is after how long without a heartbeat a node counts as
	// silent. Default three heartbeats.
	SilentAfter time.Duration
	// AppendTimeout bounds the wait for the journal; after it the outcome is
	// unknown and the journal is read back. Default 10 s, with NATS at most 4 s.
	AppendTimeout time.Duration

	// Limits bound batches and the queue of inputs. Zero is the default.
	Limits control.Limits
	// MaxArtifact is the largest artifact. Default 1 GiB.
	MaxArtifact api.Bytes
	// MaxStore bounds what the embedded server may take on disk, in bytes.
	// Default: three quarters of what is free at the start.
	MaxStore api.Bytes
	// SnapshotEvery and SnapshotBytes are after how many records, and how many
	// bytes of them, a snapshot is written. Defaults 20,000 and 64 MiB.
	SnapshotEvery int
	SnapshotBytes api.Bytes
	// WatchEvents is how many changes are kept for watches to resume from.
	// Default 32,768.
	WatchEvents int
	// SweepEvery is how often artifacts that nothing refers to are removed, and
	// SweepGrace how old they must be. Defaults 10 min and 1 h.
	SweepEvery, SweepGrace time.Duration

	// Signals says where carbon intensity, prices and weather come from. nil: yearly
	// means of countries only, for the zones of declared sites.
	Signals *signal.Config
	// SignalClient asks the feeds. nil is the usual one.
	SignalClient *signal.Client
	// SignalTick is how often is looked which signals are due. Default 2 s.
	SignalTick time.Duration

	// Wake says how nodes are woken, by name. Nodes that are not there are never put to
	// sleep.
	Wake map[string]power.Waker
	// Batteries says how batteries are told what to do, by site. Those of other sites do
	// nothing.
	Batteries map[string]power.Charger
	// WakeTick is how often is looked which nodes are to be woken, and which batteries told
	// what to do. Default 1 s.
	WakeTick time.Duration

	// Wall tells the time of day, by which records are dated. nil is the machine's
	// clock.
	Wall func() api.Time

	// API bounds what clients of the HTTP API may do.
	API httpapi.Options
	// Logger gets what the server does, never a secret. nil drops it.
	Logger *slog.Logger
	// Failpoint is the value of failpoint.Env. "" is none.
	Failpoint string
}

// Where artifacts are kept.
const (
	ArtifactsFiles = "files"
	ArtifactsNATS  = "nats"
)

// ErrConfig says that a server cannot be opened as it is configured.
var ErrConfig = errors.New("configure server")

// validate fills in defaults and names every fault at once.
func (c *Config) validate() error {
	c.defaults()
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(c.Dir == "", "no data directory given")
	fault(!bus.ValidNode(c.Cell), "%q is not a cell name: use a-z, 0-9 and '-', at most 63 of them", c.Cell)
	fault((c.TLSCert == "") != (c.TLSKey == ""), "a TLS certificate needs its key, and a key its certificate")
	fault(c.NATS != "" && strings.Contains(c.NATS, "@"), "the NATS URL holds credentials, which would show in logs: pass user and password")
	fault(c.CellSecret != "" && len(c.CellSecret) < minSecret, "the cell's secret has %d characters, at least %d are needed", len(c.CellSecret), minSecret)
	fault(c.Artifacts != ArtifactsFiles && c.Artifacts != ArtifactsNATS, "artifacts in %q: it is files or nats", c.Artifacts)
	fault(c.Artifacts == ArtifactsNATS && c.NATS == "", "artifacts in nats need an outside NATS server")
	fault(c.Heartbeat < 10*time.Millisecond, "a heartbeat every %v is too often: the least is 10ms", c.Heartbeat)
	fault(c.SilentAfter < 2*c.Heartbeat, "silent after %v is less than two heartbeats of %v: one lost message would move work", c.SilentAfter, c.Heartbeat)
	fault(c.Replicas < 1 || c.Replicas > 5 || c.Replicas%2 == 0, "%d replicas: it is 1, 3 or 5", c.Replicas)
	for _, a := range []struct{ what, addr string }{{"the API", c.HTTP}, {"the bus", c.Bus}, {"the bus for cells", c.Leaf}} {
		if a.addr == "" {
			continue
		}
		host, port, err := net.SplitHostPort(a.addr)
		fault(err != nil, "the address of %s, %q, is not host:port", a.what, a.addr)
		_, badPort := strconv.ParseUint(port, 10, 16)
		fault(err == nil && badPort != nil, "the port of %s, %q, is not a number from 0 to 65535", a.what, port)
		fault(err == nil && !loopback(host) && c.TLSCert == "",
			"%s on %q can be reached from other machines: give a TLS certificate and key, or listen on 127.0.0.1", a.what, a.addr)
	}
	fault(c.Parent != nil && c.Parent.Server == "", "the parent has no address")
	if c.AdvertiseBus != "" {
		u, err := url.Parse(c.AdvertiseBus)
		fault(err != nil || u.Host == "" || u.User != nil, "the advertised address of the bus is not a URL: write nats://host:port")
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

func (c *Config) defaults() {
	if c.Wall == nil {
		c.Wall = func() api.Time { return api.Time(time.Now().UnixNano()) }
	}
	c.Cell = cmp.Or(c.Cell, "drover")
	if host, err := os.Hostname(); c.Name == "" && err == nil {
		c.Name = host
	}
	c.Name = cmp.Or(c.Name, "server")
	c.Build = cmp.Or(c.Build, "devel")
	c.Replicas = cmp.Or(c.Replicas, 1)
	if c.Artifacts == "" && c.NATS != "" && (c.Replicas > 1 || c.CellSecret != "") {
		c.Artifacts = ArtifactsNATS
	}
	c.Artifacts = cmp.Or(c.Artifacts, ArtifactsFiles)
	c.Heartbeat = cmp.Or(c.Heartbeat, 2*time.Second)
	c.SilentAfter = cmp.Or(c.SilentAfter, 3*c.Heartbeat)
	c.AppendTimeout = cmp.Or(c.AppendTimeout, 10*time.Second)
	c.Limits = cmp.Or(c.Limits, control.DefaultLimits())
	c.MaxArtifact = cmp.Or(c.MaxArtifact, api.GiB)
	c.SnapshotEvery = cmp.Or(c.SnapshotEvery, 20_000)
	c.SnapshotBytes = cmp.Or(c.SnapshotBytes, 64*api.MiB)
	c.WatchEvents = cmp.Or(c.WatchEvents, 1<<15)
	c.SweepEvery = cmp.Or(c.SweepEvery, 10*time.Minute)
	c.SweepGrace = cmp.Or(c.SweepGrace, time.Hour)
	if c.Signals == nil {
		c.Signals = &signal.Config{}
	}
	c.SignalClient = cmp.Or(c.SignalClient, &signal.Client{})
	c.SignalTick = cmp.Or(c.SignalTick, 2*time.Second)
	c.WakeTick = cmp.Or(c.WakeTick, time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.API.Version = cmp.Or(c.API.Version, c.Build)
	c.API.MaxArtifact = cmp.Or(c.API.MaxArtifact, c.MaxArtifact)
	c.API.Log = cmp.Or(c.API.Log, c.Logger)
	if c.API.Now == nil {
		c.API.Now = c.Wall
	}
}

// tls reads the certificate; nil when there is none.
func (c *Config) tls() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("%w: read the TLS certificate %s and key %s: %w", ErrConfig, c.TLSCert, c.TLSKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// advertised is the URL by which others reach this server's API; "" when it does
// not listen.
func (c *Cell) advertised() string {
	if c.cfg.AdvertiseHTTP != "" {
		return c.cfg.AdvertiseHTTP
	}
	return c.URL()
}
