package main

import (
	"errors"

	"drover.dev/api"
	"drover.dev/api/client"
	"github.com/spf13/cobra"
)

func newCancelCmd(a *app) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "cancel NAME...",
		Short: "Cancel workloads",
		Args:  args(1, -1, "the name of a workload"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var done []api.Applied
			var names []string
			var errs []error
			for _, name := range args {
				whole, err := wholeArg(name)
				var applied api.Applied
				if err == nil {
					applied, err = c.Cancel(cmd.Context(), whole)
				}
				if err != nil {
					errs = append(errs, err)
					continue
				}
				done, names = append(done, applied), append(names, whole)
			}
			if wait && len(names) > 0 {
				_, err := c.WaitFinished(cmd.Context(), names...)
				errs = append(errs, err)
			}
			err := a.show(list(done), func() error {
				for _, d := range done {
					a.say("%s %s", d.Name, d.Action)
				}
				return nil
			})
			return errors.Join(append(errs, err)...)
		}),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "until nothing of them runs any more")
	return cmd
}
