package main

import (
	"context"
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"github.com/spf13/cobra"
)

func newDrainCmd(a *app) *cobra.Command {
	var off, wait bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move all tasks off a node and place none there",
		Example: `  drover drain edge-1 --grace 5m --wait
  drover drain edge-1 --off`,
		Args: args(1, 1, "the name of a node"), ValidArgsFunction: a.completeNodes(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			node := args[0]
			if off {
				n, err := c.Node(cmd.Context(), node)
				if err != nil {
					return err
				}
				if !n.Drained && n.Status != "draining" && n.Status != "drained" {
					return a.did(node, "unchanged", "node %s is not drained: unchanged")
				}
			}
			if err := c.Drain(cmd.Context(), node, api.DrainRequest{Off: off, Grace: api.Duration(grace)}); err != nil {
				return err
			}
			if off {
				return a.did(node, "ready", "node %s takes work again")
			}
			if !wait {
				return a.did(node, "draining", "node %s is draining")
			}
			if err := waitEmpty(cmd.Context(), c, node); err != nil {
				return err
			}
			return a.did(node, "empty", "node %s is empty")
		}),
	}
	f := cmd.Flags()
	f.BoolVar(&off, "off", false, "let the node take work again")
	f.BoolVar(&wait, "wait", false, "until the node holds no task")
	f.DurationVar(&grace, "grace", 0, "how long running jobs may go on before they are moved")
	return cmd
}

// waitEmpty waits for a node to let go of its last task.
func waitEmpty(ctx context.Context, c *client.Client, node string) error {
	for {
		n, err := c.Node(ctx, node)
		if err != nil || n.Tasks == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for node %s: %w", node, context.Cause(ctx))
		case <-time.After(300 * time.Millisecond):
		}
	}
}
