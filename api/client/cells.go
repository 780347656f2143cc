package client

import (
	"context"
	"fmt"

	"drover.dev/api"
)

// Cells lists the child cells by name.
func (c *Client) Cells(ctx context.Context) ([]api.CellView, error) {
	var list api.CellList
	if _, err := c.do(ctx, newCall("GET", "cells"), &list); err != nil {
		return nil, fmt.Errorf("list cells: %w", err)
	}
	return list.Items, nil
}

// RemoveCell forgets a silent child cell. What it owns has failed and is not run
// again here.
func (c *Client) RemoveCell(ctx context.Context, cell string) error {
	if _, err := c.do(ctx, newCall("DELETE", "cells", cell).withKey(), nil); err != nil {
		return fmt.Errorf("remove cell %s: %w", cell, err)
	}
	return nil
}
