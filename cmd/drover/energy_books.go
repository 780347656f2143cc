package main

import (
	"strings"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
)

func newEnergyBooksCmd(a *app) *cobra.Command {
	return a.readFlags(&cobra.Command{
		Use:   "books",
		Short: "Show what each tenant's finished tasks took",
		Long: `Show what the finished tasks of each tenant took since the cell began to count: energy
by what it rests on (a meter, the node's declared power, or that of usual cores),
carbon at the intensity of the grid while they ran, and cost. docs/energy.md has the
formulas.`,
		Args: args(0, 0, ""),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			rows, err := c.Books(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(list(rows), func() error { return bookTable(rows).Render(a.out, a.style()) })
		}),
	})
}

func bookTable(rows []api.BookView) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "TENANT"},
			{Title: "ATTEMPTS", Right: true},
			{Title: "MEASURED", Right: true},
			{Title: "MODELLED", Right: true},
			{Title: "ASSUMED", Right: true},
			{Title: "CARBON", Right: true},
			{Title: "COST"},
			{Title: "WITHOUT CARBON", Right: true, Wide: true},
		},
		Empty: "Nothing is booked yet: declare the power of nodes, or the zones of sites.",
	}
	for i := range rows {
		b := &rows[i]
		var costs []string
		for j := range b.Costs {
			costs = append(costs, costText(&b.Costs[j]))
		}
		t.Add(b.Tenant, report.Count(int64(b.Attempts)), energyText(b.Measured), energyText(b.Modelled), energyText(b.Assumed),
			carbonText(&b.Carbon), orDash(strings.Join(costs, ", ")), energyText(b.Unknown))
	}
	return t
}
