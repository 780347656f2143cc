package client

import (
	"context"
	"fmt"

	"drover.dev/api"
)

// Signals lists the signals that the cell knows.
func (c *Client) Signals(ctx context.Context) ([]api.SignalView, error) {
	var list api.SignalList
	if _, err := c.do(ctx, newCall("GET", "signals"), &list); err != nil {
		return nil, fmt.Errorf("list signals: %w", err)
	}
	return list.Items, nil
}

// Signal shows all values of a signal.
func (c *Client) Signal(ctx context.Context, kind api.SignalKind, zone string) (*api.Signal, error) {
	var s api.Signal
	if _, err := c.do(ctx, newCall("GET", "signals", string(kind), zone), &s); err != nil {
		return nil, fmt.Errorf("show signal %s: %w", api.SignalKey(kind, zone), err)
	}
	return &s, nil
}

// PutSignal brings news of a signal.
func (c *Client) PutSignal(ctx context.Context, s *api.Signal) error {
	return c.put(ctx, newCall("PUT", "signals", string(s.Kind), s.Zone), s, "put signal "+s.Key())
}

// Books lists what finished tasks took, by api.BooksByTenant or another of api.BooksBy.
func (c *Client) Books(ctx context.Context, by string) ([]api.BookView, error) {
	var list api.BookList
	q := newCall("GET", "books")
	q.query.Set("by", by)
	if _, err := c.do(ctx, q, &list); err != nil {
		return nil, fmt.Errorf("list books: %w", err)
	}
	return list.Items, nil
}

// WorkloadBooks lists what finished tasks of a workload took on each of the days that are
// kept; rows without a workload hold others of its tenant, among which it may be.
func (c *Client) WorkloadBooks(ctx context.Context, tenant, workload string) ([]api.BookView, error) {
	var list api.BookList
	if _, err := c.do(ctx, newCall("GET", "books", tenant, workload), &list); err != nil {
		return nil, fmt.Errorf("list books of workload %s/%s: %w", tenant, workload, err)
	}
	return list.Items, nil
}
