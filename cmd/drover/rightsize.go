package main

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newRightsizeCmd(a *app) *cobra.Command {
	var all, changes bool
	cmd := &cobra.Command{
		Use:   "rightsize",
		Short: "Show what tasks should ask for, by what their runs used",
		Long: `Show what tasks should ask for, by what their runs used in the last fortnight: CPU as
much as 95 % of the time is not exceeded, and 15 % more; memory as much as the largest
use seen, and 15 % more, but half as much again as they ask for once a run was killed
for its memory. Twelve measurements are enough to rely on.`,
		Args: args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.Rightsize(cmd.Context(), all)
			if err != nil {
				return err
			}
			if changes {
				kept := []api.Rightsizing{}
				for _, r := range list.Items {
					if r.Change {
						kept = append(kept, r)
					}
				}
				list.Items = kept
			}
			return a.show(list, func() error { return a.rightsizeTable(list.Items).Render(a.out, a.style()) })
		}),
	}
	cmd.Flags().BoolVar(&all, "all-tenants", false, "of every tenant")
	cmd.Flags().BoolVar(&changes, "changes", false, "only what is worth a change")
	return cmd
}

func (a *app) rightsizeTable(items []api.Rightsizing) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "TASK"},
			{Title: "CPU", Right: true},
			{Title: "USED", Right: true},
			{Title: "SHOULD", Right: true},
			{Title: "MEMORY", Right: true},
			{Title: "USED", Right: true},
			{Title: "SHOULD", Right: true},
			{Title: "N", Right: true},
			{Title: "NOTE"},
		},
		Empty: "Nothing to say: no task of which use is known.",
	}
	for _, r := range items {
		note := ""
		switch {
		case r.Killed > 0:
			note = fmt.Sprintf("killed for its memory %d times", r.Killed)
		case !r.Enough:
			note = "too few measurements to rely on"
		case !r.Change:
			note = "as it is"
		}
		t.Add(r.Tenant+"/"+r.Workload+"."+r.Task, r.Asked.CPU.String(), r.UsedCPU.String(), r.Recommended.CPU.String(),
			r.Asked.Memory.String(), r.UsedMemory.String(), r.Recommended.Memory.String(), fmt.Sprint(r.Samples), note)
	}
	return t
}
