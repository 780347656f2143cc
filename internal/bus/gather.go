package bus

import (
	"net"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// How a connection that gathers is read. While its reader rests, the server piles
// up what comes, at no other cost than copying it; messages that come one by one
// wake four goroutines each otherwise.
const (
	gatherFor = 10 * time.Millisecond // a rest, by which messages are late at most
	gatherNot = time.Second           // after the connection was opened: its handshake is not slowed
	// gatherPart is in what parts the server writes a pile of small messages. All but
	// the last are full: the reader rests at the end of a pile only, so the highest
	// goes down.
	gatherPart = 512
)

// gathering makes connections inside this process that are read in handfuls.
type gathering struct{ server *server.Server }

// InProcessConn implements nats.InProcessConnProvider.
func (g gathering) InProcessConn() (net.Conn, error) {
	c, err := g.server.InProcessConn()
	if err != nil {
		return nil, err
	}
	return &gathered{Conn: c, from: time.Now().Add(gatherNot), rest: func() { time.Sleep(gatherFor) }}, nil
}

// gathered is such a connection.
type gathered struct {
	net.Conn
	from time.Time // no rest before
	rest func()
}

// Read implements net.Conn.
func (g *gathered) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if err == nil && n%gatherPart != 0 && time.Now().After(g.from) {
		g.rest()
	}
	return n, err
}
