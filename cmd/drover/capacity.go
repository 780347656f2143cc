package main

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newCapacityCmd(a *app) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "capacity",
		Short: "Show what will be short, when, and how likely that is",
		Long: `Show what will be short, when, and how likely that is: for each resource of each layer
the forecast of what is asked for, by what runs and by what waits, against what the
nodes that take work have now. Work that several layers may take counts for the cell.`,
		Example: "  drover capacity --horizon 24h",
		Args:    args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			horizon, err := api.ParseDuration(text)
			if err != nil || horizon < api.Minute || horizon > api.MaxPlanHorizon {
				return usageError{errText("--horizon %s is not a time from 1m to 7d", text), "write one such as 24h"}
			}
			plan, err := c.Capacity(cmd.Context(), horizon)
			if err != nil {
				return err
			}
			return a.show(plan, func() error { return a.capacityTable(plan).Render(a.out, a.style()) })
		}),
	}
	cmd.Flags().StringVar(&text, "horizon", "7d", "how far to look ahead, at most 7d")
	return cmd
}

func (a *app) capacityTable(plan api.CapacityPlan) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "LAYER"},
			{Title: "RESOURCE"},
			{Title: "CAPACITY", Right: true},
			{Title: "ASKED FOR", Right: true},
			{Title: "PEAK (90 %)", Right: true},
			{Title: "CHANCE", Right: true},
			{Title: "AT"},
			{Title: "SHORT FOR", Right: true},
			{Title: "NOTE"},
		},
		Empty: "No capacity is known yet. Start a node, and wait some seconds.",
	}
	for _, s := range plan.Items {
		chance, at, peak, short := "–", "", "–", "–"
		if len(s.Chances) > 0 {
			chance, peak, short = fmt.Sprintf("%.1f %%", 100*s.Probability), amountOf(s.Resource, s.Peak), s.Short.Std().Round(1e9).String()
			if s.Probability >= 0.01 {
				at = s.ProbabilityAt.Std().Format("2006-01-02 15:04 MST")
			}
		}
		t.Add(s.Layer, s.Resource, amountOf(s.Resource, s.Capacity), amountOf(s.Resource, s.Demand), peak, chance, at, short, s.Note)
	}
	return t
}

// amountOf writes an amount of a resource in its unit.
func amountOf(resource string, v float64) string {
	if resource == "memory" {
		return api.Bytes(v).String()
	}
	return api.Milli(v).String()
}
