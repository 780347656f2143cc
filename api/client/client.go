package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"drover.dev/api"
)

// Config says which server to talk to, and how patiently.
type Config struct {
	// Server is the URL of the server: http://127.0.0.1:7420 or https://host. Servers
	// of one cell may be listed with commas between them: when one cannot be reached
	// or does not serve, the next is tried.
	Server string
	// Token is the bearer token; it is sent to these only.
	Token string
	// Tenant is whose workloads are meant. Default "default".
	Tenant string
	// CAFile names a PEM file with the authorities to trust instead of the
	// system's.
	CAFile string
	// Timeout bounds a call with all its retries; of streams and transfers, each
	// time without progress. Default 1 min.
	Timeout time.Duration
	// FailFast gives up at once on a server that cannot be reached and has never
	// been: right for people, wrong for programs that start beside the server.
	FailFast bool
	// At has reads of state answered as it stood in the past: after the record
	// with this number, or at this time (RFC 3339). "" is the present.
	At string
	// Transport carries the requests; nil is the network.
	Transport http.RoundTripper
}

// Client is safe for concurrent use.
type Client struct {
	servers   []string      // base URLs, without a slash at the end
	at        atomic.Uint64 // which of them is used, modulo their number
	config    Config
	http      *http.Client
	askAfter  time.Duration // see there
	reached   atomic.Bool   // the server has answered at least once
	own       atomic.Uint64 // sequence of the latest change of this client: reads reflect it
	stoodAt   atomic.Uint64
	stoodTime atomic.Int64
}

// New makes a client; it does not connect yet.
func New(config Config) (*Client, error) {
	servers, err := serversOf(config.Server)
	if err != nil {
		return nil, err
	}
	if config.Timeout <= 0 {
		config.Timeout = time.Minute
	}
	if config.Tenant == "" {
		config.Tenant = api.DefaultTenant
	}
	transport := config.Transport
	if transport == nil {
		if transport, err = transportOf(config.CAFile); err != nil {
			return nil, err
		}
	}
	return &Client{servers: servers, config: config, askAfter: askAfter, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func transportOf(caFile string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	if caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read authorities: %s holds no certificate in PEM form", caFile)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// serversOf reads a list of URLs.
func serversOf(list string) (servers []string, err error) {
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("server %q: %w", text, err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("server %q is not a URL: write for example http://127.0.0.1:7420", text)
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		servers = append(servers, u.String())
	}
	return servers, nil
}

// Server is the URL that the client talks to at present.
func (c *Client) Server() string { return c.servers[c.at.Load()%uint64(len(c.servers))] }

// turn goes on to the next server, unless somebody did so since at was read. It
// tells whether there is another one.
func (c *Client) turn(at uint64) bool {
	c.at.CompareAndSwap(at, at+1)
	return len(c.servers) > 1
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// An Error is a refusal by the server.
type Error struct {
	Status  int         // of HTTP
	Problem api.Problem // as the server wrote it
	Fields  []api.FieldError
}

func (e *Error) Error() string {
	text := e.Problem.Detail
	if text == "" {
		text = fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	}
	for _, f := range e.Fields {
		text += "\n  " + faultText(f)
	}
	return text
}

func faultText(f api.FieldError) string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// NotFound reports whether err says that there is no such thing.
func NotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// Conflict reports whether err says that the change does not fit what is there.
func Conflict(err error) bool { return hasStatus(err, http.StatusConflict) }

func hasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// An UnreachableError says that the server gave no answer.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("server %s cannot be reached: %v", e.Server, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }
