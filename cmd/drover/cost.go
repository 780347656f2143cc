package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/energy/account"
	"drover.dev/internal/report"
)

// costReport are the flags of a report in money.
type costReport struct {
	by, page string
	carbonReport
}

// chartRows is how many rows of a currency are drawn.
const chartRows = 20

func newCostCmd(a *app) *cobra.Command {
	o := costReport{by: api.BooksByTenant}
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Report what finished tasks cost, by tenant, site, workload or day",
		Long: `Report what finished tasks cost: their energy at the price of their sites, and the part that they held of
their nodes at the price of these. What a site made itself costs nothing. Currencies stand beside each other and are never added. Days are UTC,
an attempt counts on the day on which it ended. What no price is known of is not in it. Budgets in money
are in drover tenants; docs/energy.md has the rules.`,
		Example: "  drover cost --by workload\n  drover cost --by day --from 2026-01-01 --html cost.html\n  drover cost --by site --format csv > cost.csv",
		Args:    args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			if err := o.settle(a); err != nil {
				return err
			}
			rows, err := c.Books(cmd.Context(), o.books())
			if err != nil {
				return err
			}
			r := account.MakeCosts(o.by, rows, o.period, func(b *api.BookView) string { return costName(b, o.by) })
			if o.page != "" {
				f, err := os.Create(o.page)
				if err != nil {
					return usageError{err, "choose another name for the page"}
				}
				if err := errors.Join(costPage(f, r, a.madeBy()), f.Close()); err != nil {
					return err
				}
			}
			return a.showCosts(r, &o)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.by, "by", o.by, strings.Join(api.BooksBy(), ", "))
	f.StringVar(&o.format, "format", "", "table, csv, json or html (default: as --output says)")
	f.StringVar(&o.from, "from", "", "first day, such as 2026-01-01, by day or site (default: the first that is kept)")
	f.StringVar(&o.to, "to", "", "last day (default: today)")
	f.StringVar(&o.page, "html", "", "write a page with charts to this file, too")
	completeFlag(cmd, "by", api.BooksBy()...)
	completeFlag(cmd, "format", "table", "csv", "json", "html")
	return cmd
}

// settle reads what the flags say.
func (o *costReport) settle(a *app) error {
	const help = "drover cost --help has examples"
	switch {
	case !slices.Contains(api.BooksBy(), o.by):
		return usageError{errText("--by %.40s: costs are by %s", o.by, strings.Join(api.BooksBy(), ", ")), help}
	case (o.from != "" || o.to != "") && o.by != api.BooksByDay && o.by != api.BooksBySite:
		return usageError{errText("--from, --to: books of days are kept by site; write --by day or --by site"), help}
	}
	return o.settleFormat(a, help)
}

// books are those that the report is made of: a part of the time is known by day and site.
func (o *costReport) books() string {
	if o.period != (account.Period{}) {
		return api.BooksByDay
	}
	return o.by
}

// costName is under what name a row of a book is added up.
func costName(b *api.BookView, by string) string {
	if by == api.BooksByDay {
		return dayText(b.Day)
	}
	return strings.TrimPrefix(bookName(b, by), "–")
}

func (a *app) showCosts(r *account.Costs, o *costReport) error {
	switch o.format {
	case "html":
		return costPage(a.out, r, a.madeBy())
	case "csv":
		return costTable(r, decimals).CSV(a.out)
	}
	return a.show(r, func() error {
		for _, m := range r.Total.Costs {
			if err := report.Bars(a.out, a.style(), costBars(r, m.Currency)); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s in all, %s\n\n", costText(&m), periodText(r.Period))
		}
		return costTable(r, report.Number).Render(a.out, a.style())
	})
}

// costBars are the rows that cost something in a currency: of days the last, else those
// with most.
func costBars(r *account.Costs, currency string) (bars []report.Bar) {
	for i := range r.Items {
		if n := r.Items[i].In(currency); n != 0 {
			bars = append(bars, report.Bar{Label: orDash(r.Items[i].Name), Value: float64(n) / 1e6, Text: costText(&api.Money{Micro: n, Currency: currency})})
		}
	}
	if r.By == api.BooksByDay {
		return bars[max(len(bars)-chartRows, 0):]
	}
	return bars[:min(len(bars), chartRows)]
}

// costTable has a column for each currency.
func costTable(r *account.Costs, number func(float64) string) *report.Table {
	t := &report.Table{
		Columns: []report.Column{{Title: strings.ToUpper(r.By)}, {Title: "ATTEMPTS", Right: true}, {Title: "KWH", Right: true}},
		Empty:   "Nothing is booked in this time: declare the price of nodes, or tariffs of sites.",
	}
	for _, m := range r.Total.Costs {
		t.Columns = append(t.Columns, report.Column{Title: m.Currency, Right: true})
	}
	for i := range r.Items {
		c := &r.Items[i]
		row := []string{orDash(c.Name), strconv.FormatUint(c.Attempts, 10), number(float64(c.Energy) / kilowattHour)}
		for _, m := range r.Total.Costs {
			row = append(row, number(float64(c.In(m.Currency))/1e6))
		}
		t.Add(row...)
	}
	const behindEnergy = 3
	addGenerated(t, behindEnergy, report.Column{Title: "GENERATED KWH"}, r.Items, func(c *account.Cost) api.Microjoules { return c.Generated },
		func(e api.Microjoules) string { return number(float64(e) / kilowattHour) })
	return t
}

func costPage(w io.Writer, r *account.Costs, subtitle string) error {
	p := &report.Page{Title: "Cost by " + r.By, Subtitle: subtitle}
	pairs := []report.Pair{{Key: "time", Value: periodText(r.Period)}, {Key: "attempts", Value: report.Count(int64(min(r.Total.Attempts, 1<<62)))}, {Key: "energy", Value: energyText(r.Total.Energy)}}
	if r.Total.Generated > 0 {
		pairs = append(pairs, generatedPair(r.Total.Generated, "it costs nothing"))
	}
	for i := range r.Total.Costs {
		pairs = append(pairs, report.Pair{Key: r.Total.Costs[i].Currency, Value: costText(&r.Total.Costs[i]), Tone: report.Strong})
	}
	p.Pairs(pairs)
	for _, m := range r.Total.Costs {
		p.Bars(m.Currency, costBars(r, m.Currency))
	}
	p.Table(costTable(r, report.Number))
	p.Text("Energy at the price of its site, and the part that a task held of its node at the node's price. Currencies are never added. What no price is known of is not in it.")
	return p.Render(w)
}
