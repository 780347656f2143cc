package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
)

func newEnergyBooksCmd(a *app) *cobra.Command {
	by := api.BooksByTenant
	cmd := a.readFlags(&cobra.Command{
		Use:   "books",
		Short: "Show what finished tasks took, by tenant, site, workload or day",
		Long: `Show what finished tasks took since the cell began to count, by tenant, site, workload
(all runs of one name together) or day: energy by what it rests on (a meter, the
node's declared power, or that of usual cores), carbon at the intensity of the grid
while they ran (location-based), carbon by what sites declare of the energy that
they buy (market-based), what of the making of nodes falls to them (embodied), and
cost. What of the energy sites made themselves is neither bought nor counted as
emitting anything; it has a column where there is any. The rows sum to the same whole, whatever they are by. docs/energy.md has the
formulas.`,
		Example: "  drover energy books --by site -o wide",
		Args:    args(0, 0, ""),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			if !slices.Contains(api.BooksBy(), by) {
				return usageError{errText("--by %.40s: books are by %s", by, strings.Join(api.BooksBy(), ", ")), "for example --by site"}
			}
			rows, err := c.Books(cmd.Context(), by)
			if err != nil {
				return err
			}
			return a.show(list(rows), func() error { return bookTable(rows, by).Render(a.out, a.style()) })
		}),
	})
	cmd.Flags().StringVar(&by, "by", by, strings.Join(api.BooksBy(), ", "))
	completeFlag(cmd, "by", api.BooksBy()...)
	return cmd
}

func bookTable(rows []api.BookView, by string) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: strings.ToUpper(by)},
			{Title: "ATTEMPTS", Right: true},
			{Title: "MEASURED", Right: true},
			{Title: "MODELLED", Right: true},
			{Title: "ASSUMED", Right: true},
			{Title: "CARBON", Right: true},
			{Title: "MARKET", Right: true},
			{Title: "EMBODIED", Right: true},
			{Title: "COST"},
			{Title: "WITHOUT CARBON", Right: true, Wide: true},
		},
		Empty: "Nothing is booked yet: declare the power of nodes, or the zones of sites.",
	}
	for i := range rows {
		b := &rows[i]
		t.Add(bookName(b, by), report.Count(int64(b.Attempts)), energyText(b.Measured), energyText(b.Modelled), energyText(b.Assumed),
			carbonText(&b.Carbon), carbonText(&b.Market), carbonText(&b.Embodied), costsText(b.Costs), energyText(b.Unknown))
	}
	const behindEnergy = 5
	addGenerated(t, behindEnergy, report.Column{Title: "GENERATED"}, rows, func(b *api.BookView) api.Microjoules { return b.Generated }, energyText)
	return t
}

// addGenerated gives a table, of a row for each item, a column of what sites made
// themselves, where they made anything.
func addGenerated[T any](t *report.Table, at int, c report.Column, items []T, generated func(*T) api.Microjoules, text func(api.Microjoules) string) {
	if !slices.ContainsFunc(items, func(item T) bool { return generated(&item) != 0 }) {
		return
	}
	c.Right = true
	t.Columns = slices.Insert(t.Columns, at, c)
	for i := range items {
		t.Rows[i] = slices.Insert(t.Rows[i], at, text(generated(&items[i])))
	}
}

func bookName(b *api.BookView, by string) string {
	switch by {
	case api.BooksBySite:
		return orDash(b.Site)
	case api.BooksByWorkload:
		if b.Workload == "" {
			return strings.TrimPrefix(b.Tenant+"/others", "/")
		}
		return b.Tenant + "/" + b.Workload
	case api.BooksByDay:
		return strings.TrimSuffix(dayText(b.Day)+" "+b.Site, " ")
	}
	return orDash(b.Tenant)
}

func dayText(t api.Time) string { return time.Unix(0, int64(t)).UTC().Format(time.DateOnly) }

func costsText(costs []api.Money) string {
	var texts []string
	for i := range costs {
		texts = append(texts, costText(&costs[i]))
	}
	return orDash(strings.Join(texts, ", "))
}
