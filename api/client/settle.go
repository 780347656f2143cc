package client

import (
	"context"
	"fmt"
	"time"
)

// settleTimeout is how long Settle waits: reads follow what was accepted within milliseconds.
const settleTimeout = time.Second

// Settle waits until the server's reads reflect what this client has changed, so that another
// client that is started next finds it there; this one's own reads do so anyway. It waits a
// second at most, and not at all when nothing was changed. What was changed was accepted, also
// when Settle fails.
func (c *Client) Settle(ctx context.Context) error {
	if c.own.Load() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	k := newCall("GET", "workloads")
	k.query.Set("limit", "1")
	if _, err := c.do(ctx, k, nil); err != nil {
		return fmt.Errorf("wait for reads to reflect a change: %w", err)
	}
	return nil
}
