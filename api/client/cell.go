package client

import (
	"context"
	"fmt"

	"drover.dev/api"
)

// Status shows the server and its cell.
func (c *Client) Status(ctx context.Context) (api.CellStatus, error) {
	var s api.CellStatus
	if _, err := c.do(ctx, newCall("GET", "status"), &s); err != nil {
		return s, fmt.Errorf("get the status: %w", err)
	}
	return s, nil
}

// Nodes lists the nodes of the cell by name.
func (c *Client) Nodes(ctx context.Context) ([]api.NodeView, error) {
	var list api.NodeList
	if _, err := c.do(ctx, newCall("GET", "nodes"), &list); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return list.Items, nil
}

// Node shows one node.
func (c *Client) Node(ctx context.Context, node string) (api.NodeView, error) {
	var v api.NodeView
	if _, err := c.do(ctx, newCall("GET", "nodes", node), &v); err != nil {
		return v, fmt.Errorf("get node %s: %w", node, err)
	}
	return v, nil
}

// Drain moves all tasks off a node and places none there, or takes that back.
func (c *Client) Drain(ctx context.Context, node string, d api.DrainRequest) error {
	return c.put(ctx, newCall("POST", "nodes", node, "drain"), d, "drain node "+node)
}

// Power puts an idle node to sleep, or wakes it.
func (c *Client) Power(ctx context.Context, node string, r api.PowerRequest) error {
	what := "wake node "
	if r.Sleep {
		what = "put node to sleep: "
	}
	return c.put(ctx, newCall("POST", "nodes", node, "power"), r, what+node)
}

// RemoveNode forgets a node that holds no task.
func (c *Client) RemoveNode(ctx context.Context, node string) error {
	if _, err := c.do(ctx, newCall("DELETE", "nodes", node).withKey(), nil); err != nil {
		return fmt.Errorf("remove node %s: %w", node, err)
	}
	return nil
}

// Sites lists the declared sites by name.
func (c *Client) Sites(ctx context.Context) ([]api.Site, error) {
	list, err := c.SiteList(ctx)
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// SiteList lists the declared sites by name, and what their batteries do.
func (c *Client) SiteList(ctx context.Context) (*api.SiteList, error) {
	var list api.SiteList
	if _, err := c.do(ctx, newCall("GET", "sites"), &list); err != nil {
		return nil, fmt.Errorf("list sites: %w", err)
	}
	return &list, nil
}

// PutSite declares a site and its links, or replaces it.
func (c *Client) PutSite(ctx context.Context, s api.Site) error {
	return c.put(ctx, newCall("PUT", "sites", s.Name), s, "declare site "+s.Name)
}

// PutSettings changes settings of the cell; what is zero stays as it is.
func (c *Client) PutSettings(ctx context.Context, s api.SettingsRequest) error {
	return c.put(ctx, newCall("PUT", "settings"), s, "change settings")
}

func (c *Client) put(ctx context.Context, k *call, body any, what string) error {
	k, err := k.withKey().json(body)
	if err == nil {
		_, err = c.do(ctx, k, nil)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
