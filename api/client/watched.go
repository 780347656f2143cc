package client

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// A server that has not answered for askAfter is asked whether it lives, which may
// take as long again; while it does, it is asked ever more rarely.
const (
	askAfter = 2 * time.Second
	askMost  = 16 * time.Second
)

// watched ends ctx when the server that is used at present has gone silent: a
// process that is stopped, or a link that carries nothing, takes requests and never
// answers them. With one server only there is nobody else to ask, and it may yet
// come back.
func (c *Client) watched(ctx context.Context) (context.Context, context.CancelFunc) {
	if len(c.servers) == 1 {
		return context.WithCancel(ctx)
	}
	server := c.Server()
	ctx, cancel := context.WithCancelCause(ctx)
	first := time.AfterFunc(c.askAfter, func() {
		for pause := c.askAfter; ; pause = min(2*pause, askMost) {
			if err := c.lives(ctx, server); err != nil {
				cancel(&UnreachableError{server, err})
				return
			}
			if !sleep(ctx, pause) {
				return
			}
		}
	})
	return ctx, func() {
		first.Stop()
		cancel(nil)
	}
}

// lives asks a server for any answer at all.
func (c *Client) lives(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, c.askAfter)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/healthz", http.NoBody)
	if err != nil {
		return fmt.Errorf("ask whether it lives: %w", err)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("it does not say that it lives: %w", cause(err))
	}
	return res.Body.Close()
}
