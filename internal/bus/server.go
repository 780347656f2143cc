// Package bus carries messages between the server and its nodes, and holds the
// journal's streams: a NATS server with JetStream, embedded in this process or
// running outside of it.
//
// A node may speak only under drover.agent.<node>.> and hear only
// drover.node.<node>.> and its own inbox; see [Grant].
package bus

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Limits of the embedded server.
const (
	// MaxPayload is the largest message in bytes, headers included.
	MaxPayload = 1 << 20

	maxPending   = 32 << 20 // bytes queued for one slow reader before it is cut off
	maxSubs      = 1024     // subscriptions of one connection
	pingInterval = 5 * time.Second
	readyWait    = 2 * time.Minute // recovery of a large store reads all of its blocks
	pollReady    = 50 * time.Millisecond
)

// Options says how the embedded server stores and who may reach it.
type Options struct {
	StoreDir string // required; created when missing, locked while the server runs
	Host     string // address to listen on; "" is 127.0.0.1
	Port     int    // 0: in-process connections only; -1: any free port
	TLS      *tls.Config
	// Authenticate decides about every connection from outside; nil refuses all of them.
	Authenticate Authenticator
	Name         string // shown to clients; "" is "drover"
	Domain       string // JetStream domain, told apart when cells are linked; "" is none
	// Unsynced answers a publish before the disk has it. Only for measuring:
	// acknowledged records die with the power.
	Unsynced bool
	MaxStore int64        // bytes all streams may take; 0: three quarters of what is free at start
	Leaf     LeafListen   // where child cells connect
	Logger   *slog.Logger // gets warnings and errors; nil drops them
}

// Server is a running embedded NATS server.
type Server struct {
	nats   *server.Server
	dir    string
	secret string // password of this process's own connections
	lock   *os.File
	stop   sync.Once
}

// Start runs the embedded server and returns when it serves. Recovery of a large
// store counts into that; ctx bounds the wait.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.StoreDir == "" {
		return nil, errors.New("start bus: no store directory given")
	}
	if err := os.MkdirAll(o.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("start bus: create the store directory: %w", err)
	}
	lock, err := lockDir(o.StoreDir)
	if err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	s := &Server{dir: o.StoreDir, secret: rand.Text(), lock: lock}
	if err := s.run(ctx, o); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start bus in %s: %w", o.StoreDir, err)
	}
	return s, nil
}

func (s *Server) run(ctx context.Context, o Options) error {
	if o.Port != 0 {
		if err := probe(o.host(), o.Port); err != nil {
			return err
		}
	}
	if o.Leaf.Port > 0 {
		if err := probe(o.Leaf.options().Host, o.Leaf.Port); err != nil {
			return err
		}
	}
	n, err := server.NewServer(o.nats(s.secret))
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	s.nats = n
	log := &bridge{log: o.Logger, fatal: make(chan string, 1)}
	n.SetLoggerV2(log, false, false, false)
	go n.Start()
	return s.await(ctx, log.fatal)
}

// await returns when the server serves, has given up (it says so by a fatal log
// line only), or ctx ends.
func (s *Server) await(ctx context.Context, fatal <-chan string) error {
	for end := time.Now().Add(readyWait); ; {
		ready := s.nats.ReadyForConnections(pollReady)
		select {
		case why := <-fatal:
			return fmt.Errorf("%s: check that the disk has room and that this user may write there", why)
		default:
		}
		switch {
		case ready && s.nats.JetStreamEnabled():
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("recovery was interrupted: %w", ctx.Err())
		case time.Now().After(end):
			return fmt.Errorf("not ready within %v: look at the log for what it waits on", readyWait)
		}
	}
}

// Stop ends all connections, flushes the store and waits until nothing runs.
// Further calls do nothing.
func (s *Server) Stop() {
	s.stop.Do(func() {
		if s.nats != nil {
			s.nats.Shutdown()
			s.nats.WaitForShutdown()
		}
		unlockDir(s.lock)
	})
}

// URL is where clients connect; "" when the server does not listen.
func (s *Server) URL() string {
	if s.nats.Addr() == nil {
		return ""
	}
	return s.nats.ClientURL()
}

func (o Options) host() string {
	if o.Host == "" {
		return "127.0.0.1"
	}
	return o.Host
}

func (o Options) nats(secret string) *server.Options {
	n := &server.Options{
		ServerName: o.Name, Host: o.host(), Port: o.Port, DontListen: o.Port == 0,
		TLSConfig: o.TLS, TLS: o.TLS != nil, TLSTimeout: 5,
		NoSigs: true, NoSystemAccount: true, DisableJetStreamBanner: true,
		CustomClientAuthentication: gate{secret: secret, ask: o.Authenticate},
		MaxPayload:                 MaxPayload, MaxPending: maxPending, MaxSubs: maxSubs,
		PingInterval: o.pingEvery(), MaxPingsOut: 2,
		NoSublistCache: true, // every node and every answer has a subject of its own: a cache would only churn
		JetStream:      true, StoreDir: o.StoreDir, JetStreamMaxStore: o.MaxStore,
		JetStreamDomain: o.Domain, SyncAlways: !o.Unsynced,
		LeafNode: o.Leaf.options(),
	}
	if n.ServerName == "" {
		n.ServerName = "drover"
	}
	return n
}

// pingEvery is how often a connection is tried. Leaf nodes need it often: nothing
// else tells that their link is dead. Nodes beat, and for ten thousand of them the
// timers alone would be two thousand wake-ups a second.
func (o Options) pingEvery() time.Duration {
	if o.Leaf.Port != 0 {
		return pingInterval
	}
	return time.Minute
}

// probe finds out whether the port can be had at all: the server itself only
// logs that and would let us wait.
func probe(host string, port int) error {
	if port < 0 {
		port = 0
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}
