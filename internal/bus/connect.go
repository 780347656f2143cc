package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Dial says whom to connect to, and as whom.
type Dial struct {
	Server *Server // the embedded server of this process; then URL, User and TLS are unused
	URL    string  // nats://host:port or tls://host:port, without credentials in it; of a cluster, several with commas
	User   string
	// Password is sent to the server and never logged.
	Password string
	TLS      *tls.Config
	Node     string // set by a node: confines the connection's inbox to what the node may hear
	Name     string // shown in the server's connection list
	// Retry keeps on trying when the first attempt fails, as agents want;
	// otherwise Connect returns that failure.
	Retry bool
	// Gather has messages read in handfuls, up to 10 ms late, when there is a Server:
	// very many small ones that nobody waits for cost less so.
	Gather bool
	Logger *slog.Logger // gets losses and returns of the connection; nil drops them
}

// Connect opens a connection that reconnects for ever. While it is down, publishing
// fails at once instead of being kept for later: a record or a report that is
// sent when its sender has long given up would be worse than an error.
func Connect(ctx context.Context, d Dial) (*nats.Conn, error) {
	opts, err := d.options(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	nc, err := nats.Connect(d.URL, opts...)
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return nil, fmt.Errorf("connect to the bus at %s as %q: %w: check the token", d.URL, d.User, err)
	case err != nil:
		return nil, &UnreachableError{d.URL, err}
	}
	return nc, nil
}

// UnreachableError says that no connection was made, for reasons that may pass.
type UnreachableError struct {
	URL string
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("connect to the bus at %s: %v: check the address and that the server runs", e.URL, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

func (d *Dial) options(ctx context.Context) ([]nats.Option, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	opts := []nats.Option{
		nats.Name(d.Name), nats.CustomInboxPrefix(d.inbox()), nats.Timeout(timeout(ctx)),
		nats.MaxReconnects(-1), nats.CustomReconnectDelay(backoff), nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(), nats.RetryOnFailedConnect(d.Retry),
		nats.PingInterval(d.pingEvery()), nats.MaxPingsOutstanding(2),
		nats.NoCallbacksAfterClientClose(), nats.SyncQueueLen(syncQueue),
	}
	if d.Server != nil {
		opts = append(opts, nats.InProcessServer(d.inside()), nats.UserInfo(selfUser, d.Server.secret))
	} else {
		opts = append(opts, nats.UserInfo(d.User, d.Password))
		if d.TLS != nil {
			opts = append(opts, nats.Secure(d.TLS))
		}
	}
	return append(opts, d.logging()...), nil
}

// inside makes connections within this process.
func (d *Dial) inside() nats.InProcessConnProvider {
	if d.Gather {
		return gathering{d.Server.nats}
	}
	return d.Server.nats
}

// syncQueue is how many messages may wait in a subscription that is read one by one:
// two batches of the journal. Its room is taken with every subscription, and the
// journal is read many times a second; the default is eight times as much.
const syncQueue = 8192

// pingEvery is how often the connection is tried. A node's heartbeats do that, too,
// and oftener: pings on top of them would cost a server of ten thousand nodes as
// much again.
func (d *Dial) pingEvery() time.Duration {
	if d.Node != "" {
		return time.Minute
	}
	return pingInterval
}

func (d *Dial) check() error {
	if d.Node != "" && !ValidNode(d.Node) {
		return fmt.Errorf("%q is not a node name: use a-z, 0-9 and '-', at most 63 of them", d.Node)
	}
	if d.Server != nil {
		d.URL = ""
		return nil
	}
	for address := range strings.SplitSeq(d.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Host == "" {
			return errors.New("the address is not a URL: write nats://host:port") // not shown: it may hold a password
		}
		if u.User != nil {
			return errors.New("the address holds credentials, which would show in logs: pass them as user and password")
		}
	}
	return nil
}

func (d *Dial) inbox() string {
	if d.Node != "" {
		return AgentInbox(d.Node)
	}
	return serverInbox
}

func (d *Dial) logging() []nats.Option {
	log := d.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Warn("bus: connection lost, reconnecting", "err", err) }),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("bus: connected again", "url", c.ConnectedUrlRedacted()) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { log.Debug("bus: still no connection", "err", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			log.Warn("bus: "+err.Error(), "subject", subject(s))
		}),
	}
}

func subject(s *nats.Subscription) string {
	if s == nil {
		return ""
	}
	return s.Subject
}

// timeout of one attempt: what ctx leaves, at most 5 s.
func timeout(ctx context.Context) time.Duration {
	const most = 5 * time.Second
	if end, ok := ctx.Deadline(); ok {
		return max(time.Millisecond, min(most, time.Until(end)))
	}
	return most
}

// backoff doubles from 50 ms to 5 s; half of it is random, so that a thousand
// nodes do not return in the same instant.
func backoff(attempt int) time.Duration {
	d := min(5*time.Second, 50*time.Millisecond<<min(max(attempt, 1)-1, 10))
	return d/2 + rand.N(d/2)
}
