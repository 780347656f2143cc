package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"github.com/nats-io/nats.go"
)

// How the link to a server is kept.
const (
	// rejoinAfter is how long a connection may be down until the node joins
	// anew: the server may have moved, or have forgotten its credentials.
	rejoinAfter = 3 * time.Second
	// joinMost is at most half the grace (6 s by default) that nodes get from a
	// server that is back: one that comes later counts as silent, and loses its
	// tasks to others for the server's absence.
	joinBase    = 200 * time.Millisecond
	joinMost    = 3 * time.Second
	joinTimeout = 10 * time.Second
)

// errDenied says that the server does not let this node in.
var errDenied = errors.New("the server does not let this node in")

// uplink is the Link and Store of a node that joined a server: messages over
// NATS, artifacts over HTTP, with the credentials that joining gave.
type uplink struct {
	node    string
	servers []string      // base URLs, without a slash at the end
	stall   time.Duration // see stallAfter
	token   string        // join token
	mine    tokenFile
	http    *http.Client
	log     *slog.Logger

	mu   sync.Mutex
	at   int // which of the servers is used
	conn *nats.Conn
	pass string // bearer token for artifacts
	late int    // heartbeats in a row without an answer
}

var (
	_ Link  = (*uplink)(nil)
	_ Store = (*uplink)(nil)
)

func newUplink(c *Config, mine string) *uplink {
	return &uplink{
		node: c.Node.Name, servers: serversOf(c.Server), token: c.JoinToken, mine: tokenFile(mine),
		http: c.HTTP, log: c.Logger, stall: stallAfter,
	}
}

// Serve implements Link: join, connect, and again when the connection stays away.
func (u *uplink) Serve(ctx context.Context, p Peer) error {
	for failures := 0; ctx.Err() == nil; {
		err := u.session(ctx, p, &failures)
		if ctx.Err() != nil {
			break
		}
		level := slog.LevelWarn
		if errors.Is(err, errDenied) {
			level = slog.LevelError
		}
		wait := joinPause(failures)
		failures++
		u.log.Log(ctx, level, "not connected to the server, trying again", "server", u.server(), "in", wait, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// joinPause is how long to wait after so many failures in a row.
func joinPause(failures int) time.Duration {
	wait := min(joinMost, joinBase<<min(failures, 10))
	return wait/2 + rand.N(wait/2)
}

// session joins, and lasts as long as its connection is of use.
func (u *uplink) session(ctx context.Context, p Peer, failures *int) error {
	joined, err := u.join(ctx)
	if err != nil {
		return err
	}
	state := make(chan bool, 16)
	conn, err := u.connect(ctx, joined, state)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := u.listen(conn, p); err != nil {
		return fmt.Errorf("listen for the server: %w", err)
	}
	*failures = 0
	u.log.Info("joined", "server", u.server(), "cell", joined.Cell, "node", u.node)
	u.use(conn, joined.Token)
	defer u.use(nil, joined.Token)
	p.Up()
	defer p.Down()
	return watch(ctx, p, state)
}

// watch passes losses and returns of the connection on, until it has been away
// for too long.
func watch(ctx context.Context, p Peer, state <-chan bool) error {
	var patience <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience:
			return errDown
		case up := <-state:
			if up {
				patience = nil
				p.Up()
				continue
			}
			p.Down()
			if patience == nil {
				patience = time.After(rejoinAfter)
			}
		}
	}
}

// join asks for the node's credentials. It shows the token of an earlier join, and
// keeps the one that it gets: without it the node could not come back.
func (u *uplink) join(ctx context.Context) (api.JoinReply, error) {
	var reply api.JoinReply
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	mine, err := u.mine.read()
	if err != nil {
		return reply, fmt.Errorf("join: %w", err)
	}
	body, err := json.Marshal(api.JoinRequest{Node: u.node, Token: mine})
	if err != nil {
		return reply, fmt.Errorf("join: %w", err)
	}
	resp, err := u.do(ctx, http.MethodPost, "/v1/join", u.token, bytes.NewReader(body), -1)
	if err != nil {
		return reply, fmt.Errorf("join: %w", err)
	}
	defer drain(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated:
	case http.StatusUnauthorized:
		return reply, fmt.Errorf("%w: check the join token", errDenied)
	case http.StatusForbidden:
		return reply, fmt.Errorf("%w: %s", errDenied, whyNot(resp.Body))
	default:
		return reply, fmt.Errorf("join: the server answers %s", resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxMessage)).Decode(&reply); err != nil {
		return reply, fmt.Errorf("join: the answer is not what a Drover server says: %w", err)
	}
	if reply.Token != "" && reply.Token != mine {
		if err := u.mine.write(reply.Token); err != nil {
			return reply, fmt.Errorf("join: %w", err)
		}
	}
	return reply, nil
}

// whyNot reads why the server refuses.
func whyNot(body io.Reader) string {
	var p api.Problem
	if err := json.NewDecoder(io.LimitReader(body, maxMessage)).Decode(&p); err != nil || p.Detail == "" {
		return "check the join token"
	}
	return fmt.Sprintf("%.300q", p.Detail)
}

func (u *uplink) connect(ctx context.Context, j api.JoinReply, state chan<- bool) (*nats.Conn, error) {
	conn, err := bus.Connect(ctx, bus.Dial{
		URL: j.NATS, User: j.User, Password: j.Password, Node: u.node, Name: "agent " + u.node, Logger: u.log,
	})
	if err != nil {
		return nil, err
	}
	tell := func(up bool) {
		select {
		case state <- up:
		default: // the reader is far behind; a later state will say it all
		}
	}
	conn.SetDisconnectErrHandler(func(*nats.Conn, error) { tell(false) })
	conn.SetReconnectHandler(func(*nats.Conn) { tell(true) })
	return conn, nil
}

func (u *uplink) listen(conn *nats.Conn, p Peer) error {
	for _, verb := range []string{"hint", "log"} {
		_, err := conn.Subscribe(bus.NodeSubject(u.node, verb), func(m *nats.Msg) {
			if answer := p.Answer(verb, m.Data); answer != nil && m.Reply != "" {
				_ = m.Respond(answer) // who asked will ask again
			}
		})
		if err != nil {
			return err
		}
	}
	return conn.Flush()
}

func (u *uplink) use(conn *nats.Conn, token string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conn, u.pass, u.late = conn, token, 0
}

func (u *uplink) current() (*nats.Conn, string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conn, u.pass
}

// errorHeader carries the server's refusal of a request.
const errorHeader = "Drover-Error"

// Request implements Link.
func (u *uplink) Request(ctx context.Context, verb string, body []byte) ([]byte, error) {
	conn, _ := u.current()
	if conn == nil {
		return nil, errDown
	}
	m, err := conn.RequestWithContext(ctx, bus.AgentSubject(u.node, verb), body)
	if verb == "beat" {
		u.beaten(conn, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	if text := m.Header.Get(errorHeader); text != "" {
		return nil, fmt.Errorf("%s: the server answers: %.300s", verb, text)
	}
	return m.Data, nil
}

// deadBeats is how many heartbeats in a row go unanswered on a connection that is
// not used any more: a link may die without a word.
const deadBeats = 2

// beaten takes the outcome of a heartbeat.
func (u *uplink) beaten(conn *nats.Conn, err error) {
	u.mu.Lock()
	if u.late++; !errors.Is(err, context.DeadlineExceeded) {
		u.late = 0
	}
	dead := u.late == deadBeats
	u.mu.Unlock()
	if dead {
		u.log.Warn("the server does not answer, connecting anew", "server", u.server())
		_ = conn.ForceReconnect() // it fails when the connection was given up already
	}
}

// Fetch implements Store.
func (u *uplink) Fetch(ctx context.Context, d api.Digest) (io.ReadCloser, error) {
	_, token := u.current()
	resp, err := u.do(ctx, http.MethodGet, artifactPath(d), token, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", d, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Body, nil
	case http.StatusNotFound:
		err = ErrNoArtifact
	default:
		err = fmt.Errorf("the server answers %s", resp.Status)
	}
	drain(resp.Body)
	return nil, fmt.Errorf("fetch %s: %w", d, err)
}

// Push implements Store.
func (u *uplink) Push(ctx context.Context, d api.Digest, size api.Bytes, r io.Reader) error {
	_, token := u.current()
	if u.has(ctx, d, token) {
		return nil
	}
	resp, err := u.do(ctx, http.MethodPut, artifactPath(d), token, r, int64(size))
	if err != nil {
		return fmt.Errorf("push %s: %w", d, err)
	}
	defer drain(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return fmt.Errorf("push %s: %w: %s", d, ErrRefused, resp.Status)
	default:
		return fmt.Errorf("push %s: the server answers %s", d, resp.Status)
	}
}

func (u *uplink) has(ctx context.Context, d api.Digest, token string) bool {
	resp, err := u.do(ctx, http.MethodHead, artifactPath(d), token, nil, 0)
	if err != nil {
		return false
	}
	drain(resp.Body)
	return resp.StatusCode == http.StatusOK
}

func artifactPath(d api.Digest) string { return "/v1/artifacts/" + string(d) }

// do sends one request. A size of -1 leaves the length to the reader's type. The
// next server is asked from now on when this one cannot be reached, does not serve,
// or stands still.
func (u *uplink) do(ctx context.Context, method, path, token string, body io.Reader, size int64) (*http.Response, error) {
	g := u.guard(ctx, size)
	req, err := http.NewRequestWithContext(g.ctx, method, u.server()+path, body)
	if err != nil {
		g.end()
		return nil, err
	}
	if req.Body != nil {
		req.Body = &moving{req.Body, g, req.Body.Close}
	}
	if size > 0 {
		req.ContentLength = size
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", contentType(method))
	}
	resp, err := cmp.Or(u.http, http.DefaultClient).Do(req)
	if err != nil {
		if err = g.why(err); !errors.Is(err, context.Canceled) && !errors.Is(err, errStalled) {
			u.turn()
		}
		g.end()
		return nil, err
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		u.turn()
	}
	from := resp.Body
	resp.Body = &moving{from, g, func() error {
		g.end()
		return from.Close()
	}}
	return resp, nil
}

// serversOf reads a list of URLs with commas between them.
func serversOf(list string) (servers []string) {
	for s := range strings.SplitSeq(list, ",") {
		servers = append(servers, strings.TrimRight(strings.TrimSpace(s), "/"))
	}
	return servers
}

// server is the one that is asked at present.
func (u *uplink) server() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.servers[u.at%len(u.servers)]
}

// turn asks the next server from now on.
func (u *uplink) turn() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.at++
}

func contentType(method string) string {
	if method == http.MethodPost {
		return "application/json"
	}
	return "application/octet-stream"
}

// drain lets the connection be used again, unless much is left to read.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}
