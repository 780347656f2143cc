package bus

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Door is where child cells link to a cell that keeps its journal on an outside
// NATS server: a NATS server in this process that takes leaf nodes and nothing
// else, and keeps nothing. What the children ask it passes on to the outside
// server, under the same subject, and the answers back; so children may link to
// any of the servers of a cell, whichever leads.
type Door struct {
	server Server // without a store
	inside *nats.Conn
	subs   []*nats.Subscription
}

// OpenDoor takes leaf nodes and passes messages between them and outside.
func OpenDoor(ctx context.Context, l LeafListen, ask Authenticator, outside *nats.Conn, log *slog.Logger) (*Door, error) {
	d := &Door{server: Server{secret: rand.Text()}}
	err := d.open(ctx, l, ask, log)
	if err == nil {
		err = d.carry(outside)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("open the door for cells: %w", err)
	}
	return d, nil
}

func (d *Door) open(ctx context.Context, l LeafListen, ask Authenticator, log *slog.Logger) (err error) {
	if l.Port > 0 {
		if err := probe(l.options().Host, l.Port); err != nil {
			return err
		}
	}
	n, err := server.NewServer(&server.Options{
		ServerName: "door-" + d.server.secret[:8], DontListen: true, NoSigs: true, NoSystemAccount: true,
		CustomClientAuthentication: gate{secret: d.server.secret, ask: ask}, MaxPayload: MaxPayload, MaxPending: maxPending,
		MaxSubs: maxSubs, PingInterval: pingInterval, MaxPingsOut: 2, LeafNode: l.options(),
	})
	if err != nil {
		return err
	}
	d.server.nats = n
	n.SetLoggerV2(&bridge{log: log, fatal: make(chan string, 1)}, false, false, false)
	go n.Start()
	for !n.ReadyForConnections(pollReady) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	d.inside, err = Connect(ctx, Dial{Server: &d.server, Name: "door", Logger: log})
	return err
}

// carry passes on, each way, what may go that way; so nothing goes in circles.
func (d *Door) carry(outside *nats.Conn) error {
	for _, way := range []struct {
		subject  string
		from, to *nats.Conn
	}{
		{CellSubject("*", "*"), d.inside, outside},
		{CellSubject("*", "hint"), outside, d.inside},
		{CellInbox("*") + ".>", outside, d.inside},
	} {
		up := way.to == outside
		sub, err := way.from.Subscribe(way.subject, func(m *nats.Msg) {
			if up && strings.HasSuffix(m.Subject, ".hint") {
				return // only a parent hints
			}
			// Who waits for an answer asks again when this fails.
			_ = way.to.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: m.Reply, Header: m.Header, Data: m.Data})
		})
		if err != nil {
			return err
		}
		d.subs = append(d.subs, sub)
	}
	return nil
}

// URL is where leaf nodes connect.
func (d *Door) URL() string { return d.server.LeafURL() }

// Close ends all links. Further calls do nothing.
func (d *Door) Close() {
	for _, s := range d.subs {
		_ = s.Unsubscribe() // the connection may have gone
	}
	d.subs = nil
	if d.inside != nil {
		d.inside.Close()
	}
	d.server.Stop()
}
