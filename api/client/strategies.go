package client

import (
	"context"
	"fmt"

	"drover.dev/api"
)

// Strategies lists the strategies that the cell knows, the built-in ones first.
func (c *Client) Strategies(ctx context.Context) ([]api.StrategyView, error) {
	var list api.StrategyList
	if _, err := c.do(ctx, newCall("GET", "strategies"), &list); err != nil {
		return nil, fmt.Errorf("list strategies: %w", err)
	}
	return list.Items, nil
}

// PutStrategy declares a strategy, or replaces it.
func (c *Client) PutStrategy(ctx context.Context, s api.Strategy) error {
	return c.put(ctx, newCall("PUT", "strategies", s.Name), s, "declare strategy "+s.Name)
}

// Tenants lists the tenants of which something was declared, and what they use.
func (c *Client) Tenants(ctx context.Context) ([]api.TenantView, error) {
	var list api.TenantList
	if _, err := c.do(ctx, newCall("GET", "tenants"), &list); err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	return list.Items, nil
}

// PutTenant declares what holds for a tenant, or replaces it.
func (c *Client) PutTenant(ctx context.Context, t api.Tenant) error {
	return c.put(ctx, newCall("PUT", "tenants", t.Name), t, "declare tenant "+t.Name)
}
