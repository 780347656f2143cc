package client

import (
	"context"
	"fmt"

	"drover.dev/api"
)

// Ledger shows the cell's carbon: what was emitted and offset, and every offset.
func (c *Client) Ledger(ctx context.Context) (*api.LedgerView, error) {
	var v api.LedgerView
	if _, err := c.do(ctx, newCall("GET", "offsets"), &v); err != nil {
		return nil, fmt.Errorf("show the ledger: %w", err)
	}
	return &v, nil
}

// BuyOffset adds an offset to the ledger.
func (c *Client) BuyOffset(ctx context.Context, o api.Offset) error {
	return c.put(ctx, newCall("PUT", "offsets", o.Serial), o, "buy offset "+o.Serial)
}

// EndOffset retires an offset, or sells it.
func (c *Client) EndOffset(ctx context.Context, serial string, d api.OffsetDeed) error {
	return c.put(ctx, newCall("POST", "offsets", serial), d, "end offset "+serial)
}
