package httpapi

import (
	"net"
	"net/http"
	"sync"
)

// share is something of which there is so much at once: places of requests, bytes
// of bodies. Each party may hold as much as is left over (dynamic thresholds, as
// for the queue of inputs: control.Batcher): one alone gets half, of k busy ones
// each gets 1/(k+1), and there is always some left for one more.
type share struct {
	most int64

	mu      sync.Mutex
	used    int64
	by      map[string]int64
	refused int64
}

func newShare(most int64) *share { return &share{most: most, by: map[string]int64{}} }

// take gives a party n more; false when that is above its share.
func (s *share) take(party string, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[party]+n > s.most-s.used {
		s.refused++
		return false
	}
	s.used += n
	s.by[party] += n
	return true
}

func (s *share) giveBack(party string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	if s.by[party] -= n; s.by[party] <= 0 {
		delete(s.by, party)
	}
}

// now is how much is held, and how often it was refused so far.
func (s *share) now() (used, refused int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used, s.refused
}

// connections bounds how many there are. One more than that takes the place of one
// that carries no request; if all do, it is closed.
type connections struct {
	most int

	mu  sync.Mutex
	all map[net.Conn]http.ConnState
}

func newConnections(most int) *connections {
	return &connections{most: most, all: map[net.Conn]http.ConnState{}}
}

// changed is an http.Server's ConnState.
func (c *connections) changed(nc net.Conn, to http.ConnState) {
	if out := c.note(nc, to); out != nil {
		_ = out.Close() // its server notices
	}
}

// note follows a connection and returns the one that has to go.
func (c *connections) note(nc net.Conn, to http.ConnState) (out net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to == http.StateClosed || to == http.StateHijacked {
		delete(c.all, nc)
		return nil
	}
	if to == http.StateNew && len(c.all) >= c.most {
		out = c.idle(nc)
		delete(c.all, out)
	}
	if out != nc {
		c.all[nc] = to
	}
	return out
}

// idle finds a connection without a request; instead when there is none.
func (c *connections) idle(instead net.Conn) net.Conn {
	for nc, state := range c.all { // any of them will do
		if state == http.StateIdle {
			return nc
		}
	}
	return instead
}

func (c *connections) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}
