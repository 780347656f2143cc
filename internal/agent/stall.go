package agent

import (
	"context"
	"errors"
	"io"
	"time"
)

// stallAfter is for how long nothing may move in a request before it is given up:
// a server that is stopped, or behind a dead link, takes requests and never answers.
// What was sent whole has another second for each MiB to be stored in.
const (
	stallAfter = 20 * time.Second
	storePace  = 1 << 20
)

var errStalled = errors.New("nothing moved for too long")

// guard ends one request that stalls.
type guard struct {
	ctx   context.Context
	give  context.CancelCauseFunc
	idle  *time.Timer
	limit time.Duration
}

// guard is for a request that sends so many bytes.
func (u *uplink) guard(ctx context.Context, size int64) *guard {
	g := &guard{limit: u.stall + time.Duration(max(size, 0)/storePace)*time.Second}
	g.ctx, g.give = context.WithCancelCause(ctx)
	g.idle = time.AfterFunc(g.limit, func() {
		if g.ctx.Err() == nil {
			u.turn()
			g.give(errStalled)
		}
	})
	return g
}

// why names a stall as what it is.
func (g *guard) why(err error) error {
	if errors.Is(context.Cause(g.ctx), errStalled) {
		return errStalled
	}
	return err
}

func (g *guard) end() {
	g.idle.Stop()
	g.give(nil)
}

// moving is a body that tells its guard of all that passes.
type moving struct {
	io.Reader
	of    *guard
	close func() error
}

func (m *moving) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	if n > 0 {
		m.of.idle.Reset(m.of.limit)
	}
	if err != nil && err != io.EOF {
		err = m.of.why(err)
	}
	return n, err
}

func (m *moving) Close() error { return m.close() }
