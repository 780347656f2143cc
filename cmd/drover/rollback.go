package main

import (
	"drover.dev/api/client"
	"github.com/spf13/cobra"
)

func newRollbackCmd(a *app) *cobra.Command {
	var revision uint32
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Give a service an earlier revision again",
		Args:  args(1, 1, "the name of a service"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			name, err := wholeArg(args[0])
			if err != nil {
				return err
			}
			applied, err := c.Rollback(cmd.Context(), name, revision)
			if err != nil {
				return err
			}
			return a.show(applied, func() error {
				a.say("%s %s: revision %d", applied.Name, applied.Action, applied.Revision)
				return nil
			})
		}),
	}
	cmd.Flags().Uint32Var(&revision, "revision", 0, "which one; default the last one that was healthy before")
	return cmd
}
