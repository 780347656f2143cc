package bus

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// CellSubject is where a child cell and its parent speak to each other: the child
// says what, the parent only "hint".
func CellSubject(cell, what string) string { return "drover.cell." + cell + "." + what }

// CellInbox is the only inbox prefix that a child may listen on.
func CellInbox(cell string) string { return "_CELL." + cell }

// CellGrant allows what a child cell needs, for the child of this name only, and
// only over a leaf connection.
func CellGrant(cell string) Grant { return Grant{cell: cell} }

// CellSender is the child that sent a message on a cell subject; permissions make
// it trustworthy. False for any other subject, and when the answer would go
// elsewhere than to the child.
func CellSender(m *nats.Msg) (cell string, ok bool) {
	rest, ok := strings.CutPrefix(m.Subject, "drover.cell.")
	if !ok {
		return "", false
	}
	cell, _, ok = strings.Cut(rest, ".")
	return cell, ok && ValidNode(cell) && strings.HasPrefix(m.Reply, CellInbox(cell)+".")
}

func cellPermissions(cell string) *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{CellSubject(cell, ">")}},
		Subscribe: &server.SubjectPermission{Allow: []string{CellSubject(cell, "hint"), CellInbox(cell) + ".>"}},
	}
}

// LeafListen is where a bus takes the leaf nodes of child cells.
type LeafListen struct {
	Host string // "" is 127.0.0.1
	Port int    // 0: it takes none; -1: any free one
	TLS  *tls.Config
}

// options of the hub. Leaves are told no other address than the one that they
// know, which may be a way through a tunnel, and nothing of one another.
func (l *LeafListen) options() server.LeafNodeOpts {
	if l.Port == 0 {
		return server.LeafNodeOpts{}
	}
	host := l.Host
	if host == "" {
		host = "127.0.0.1"
	}
	return server.LeafNodeOpts{
		Host: host, Port: l.Port, TLSConfig: l.TLS, TLSTimeout: 5, AuthTimeout: 5,
		NoAdvertise: true, IsolateLeafnodeInterest: true,
	}
}

// LeafURL is where leaf nodes connect; "" when the server takes none.
func (s *Server) LeafURL() string {
	o, err := s.nats.Varz(nil)
	if err != nil || o.LeafNode.Port <= 0 {
		return ""
	}
	scheme := "nats"
	if o.LeafNode.TLSRequired {
		scheme = "tls"
	}
	return scheme + "://" + net.JoinHostPort(o.LeafNode.Host, strconv.Itoa(o.LeafNode.Port))
}

// LeafDial says which hub a leaf node connects to, and as whom.
type LeafDial struct {
	URL      string // of the hub's leaf port, without credentials in it; of several servers of the hub, with commas
	Cell     string // the user: this child's name
	Password string
	TLS      *tls.Config
	Logger   *slog.Logger // gets warnings and errors; nil drops them
}

// Leaf is this cell's end of the link to its parent: a NATS server of its own in
// this process, without a listener and without JetStream, whose only neighbour is
// the hub. So nothing of the cell's own bus, journal and nodes can be seen or
// reached over the link, whatever the hub permits.
type Leaf struct {
	nats *server.Server
	conn *nats.Conn
	stop sync.Once
}

// leafReconnect is how long a leaf waits before it dials again.
const leafReconnect = 250 * time.Millisecond

// StartLeaf starts the leaf node. It connects, and connects again, by itself;
// requests fail with nats.ErrNoResponders while there is no link.
func StartLeaf(ctx context.Context, d LeafDial) (*Leaf, error) {
	hubs, secure, err := d.hubs()
	if err != nil {
		return nil, fmt.Errorf("start leaf node: %w", err)
	}
	secret := rand.Text()
	n, err := server.NewServer(&server.Options{
		ServerName: "leaf-" + d.Cell + "-" + secret[:8], DontListen: true, NoSigs: true, NoSystemAccount: true,
		CustomClientAuthentication: gate{secret: secret}, MaxPayload: MaxPayload, MaxPending: maxPending,
		PingInterval: pingInterval, MaxPingsOut: 2,
		LeafNode: server.LeafNodeOpts{
			ReconnectInterval: leafReconnect, DialTimeout: 2 * time.Second,
			Remotes: []*server.RemoteLeafOpts{{
				URLs: hubs, TLS: d.TLS != nil || secure, TLSConfig: d.TLS, TLSTimeout: 5,
				FirstInfoTimeout: 2 * time.Second, IgnoreDiscoveredServers: true,
			}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start leaf node: %w", err)
	}
	l := &Leaf{nats: n}
	n.SetLoggerV2(&bridge{log: d.Logger, fatal: make(chan string, 1)}, false, false, false)
	go n.Start()
	for !n.ReadyForConnections(pollReady) {
		if ctx.Err() != nil {
			l.Stop()
			return nil, fmt.Errorf("start leaf node: %w", ctx.Err())
		}
	}
	l.conn, err = nats.Connect("", nats.InProcessServer(n), nats.UserInfo(selfUser, secret), nats.Name("cell "+d.Cell),
		nats.CustomInboxPrefix(CellInbox(d.Cell)), nats.MaxReconnects(-1), nats.NoCallbacksAfterClientClose())
	if err != nil {
		l.Stop()
		return nil, fmt.Errorf("connect to the leaf node: %w", err)
	}
	return l, nil
}

// hubs reads the addresses, and tells whether one of them asks for TLS.
func (d *LeafDial) hubs() (list []*url.URL, secure bool, err error) {
	if !ValidNode(d.Cell) {
		return nil, false, fmt.Errorf("%q is not a cell name: use a-z, 0-9 and '-', at most 63 of them", d.Cell)
	}
	for address := range strings.SplitSeq(d.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Host == "" || u.User != nil {
			return nil, false, errors.New("the hub's address is not a URL without credentials: write nats://host:port") // not shown: it may hold a password
		}
		u.User = url.UserPassword(d.Cell, d.Password)
		list, secure = append(list, u), secure || u.Scheme == "tls"
	}
	return list, secure, nil
}

// Conn speaks to the hub.
func (l *Leaf) Conn() *nats.Conn { return l.conn }

// Linked reports whether the leaf node has its hub.
func (l *Leaf) Linked() bool { return l.nats.NumLeafNodes() > 0 }

// Stop ends the link. Further calls do nothing.
func (l *Leaf) Stop() {
	l.stop.Do(func() {
		if l.conn != nil {
			l.conn.Close()
		}
		l.nats.Shutdown()
		l.nats.WaitForShutdown()
	})
}
