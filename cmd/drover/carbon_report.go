package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/energy/account"
	"drover.dev/internal/report"
)

// carbonReport are the flags of a report.
type carbonReport struct {
	standard, format, from, to, per, workload string

	period account.Period
	unit   account.Unit
}

func newCarbonReportCmd(a *app) *cobra.Command {
	var o carbonReport
	cmd := &cobra.Command{
		Use:   "report --standard sci|scope2",
		Short: "Report carbon by ISO/IEC 21031 (SCI), or by scope 2 of the GHG Protocol",
		Long: `Report what finished tasks emitted, by one of two standards.

sci: the Software Carbon Intensity (E·I + M) per R: operational carbon by the grid of each site and
what is embodied in the nodes, for each task or run that succeeded, or by what you counted yourself.
scope2: location-based beside market-based, with the instruments that the latter rests on.

A day is the UTC day on which attempts ended. What rests on meters, on models and on assumptions is
told apart, and what is not known is said.`,
		Example: `  drover carbon report --standard scope2 --from 2026-01-01 --to 2026-03-31 --format html > scope2.html
  drover carbon report --standard sci --per requests=120000 --workload shop
  drover carbon report --standard sci --workload shop --from 2026-03-01 --to 2026-03-31`,
		Args: args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			if err := o.settle(a); err != nil {
				return err
			}
			if o.standard == "sci" {
				return a.reportSCI(cmd, c, &o)
			}
			return a.reportScope2(cmd, c, &o)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.standard, "standard", "scope2", "sci or scope2")
	f.StringVar(&o.format, "format", "", "table, csv, json or html (default: as --output says)")
	f.StringVar(&o.from, "from", "", "first day, such as 2026-01-01 (default: the first that is kept)")
	f.StringVar(&o.to, "to", "", "last day (default: today)")
	f.StringVar(&o.per, "per", account.UnitTasks, "unit of sci: tasks, runs, or NAME=COUNT for what you counted")
	f.StringVar(&o.workload, "workload", "", "sci of this workload of the tenant alone, all its runs; with --from or --to by day, of the last 62 days")
	completeFlag(cmd, "standard", "sci", "scope2")
	completeFlag(cmd, "format", "table", "csv", "json", "html")
	return cmd
}

// settle reads what the flags say.
func (o *carbonReport) settle(a *app) (err error) {
	const help = "drover carbon report --help has examples"
	switch {
	case o.standard != "sci" && o.standard != "scope2":
		return usageError{errText("--standard %.40s: it is sci or scope2", o.standard), help}
	case o.workload != "" && o.standard != "sci":
		return usageError{errText("--workload: scope 2 is reported of the whole cell; write --standard sci"), help}
	}
	if err := o.settleFormat(a, help); err != nil {
		return err
	}
	name, count, own := strings.Cut(o.per, "=")
	o.unit.Name = name
	if own {
		if o.unit.Count, err = strconv.ParseUint(count, 10, 63); err != nil || o.unit.Count == 0 || name == "" {
			return usageError{errText("--per %.60s: NAME=COUNT needs a name and a number from 1", o.per), help}
		}
	}
	return nil
}

// settleFormat reads in what form a report is, and of what time.
func (o *carbonReport) settleFormat(a *app, help string) (err error) {
	if o.format == "" {
		o.format = a.set.output
	}
	if !slices.Contains([]string{"table", "wide", "csv", "json", "yaml", "html"}, o.format) {
		return usageError{errText("--format %.40s: it is table, csv, json or html", o.format), help}
	}
	if o.format == "json" || o.format == "yaml" {
		a.set.output = o.format
	} else {
		a.set.output = "table"
	}
	if o.period.From, err = dayFlag("--from", o.from); err != nil {
		return err
	}
	if o.period.To, err = dayFlag("--to", o.to); err != nil {
		return err
	}
	if o.to != "" {
		o.period.To = o.period.To.Add(api.Day)
	}
	if o.to != "" && o.period.To <= o.period.From {
		return usageError{errText("--to %s is before --from %s", o.to, o.from), help}
	}
	return nil
}

// number is how tables write numbers: exactly for programs.
func (o *carbonReport) number() func(float64) string {
	if o.format == "csv" {
		return decimals
	}
	return report.Number
}

func dayFlag(flag, text string) (api.Time, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return 0, usageError{errText("%s %.40q is not a day", flag, text), "write for example 2026-01-31"}
	}
	return api.Time(t.UnixNano()), nil
}

func (a *app) reportSCI(cmd *cobra.Command, c *client.Client, o *carbonReport) error {
	r, err := a.makeSCI(cmd, c, o)
	if err != nil {
		return err
	}
	return a.formatted(o.format, r, sciPairs(r), []*report.Table{sciTable(r, o.number())}, func(w io.Writer) error { return sciPage(w, r, a.madeBy()) })
}

// makeSCI reports on the cell, on a workload since the cell began to count, or on a
// workload in a part of the time.
func (a *app) makeSCI(cmd *cobra.Command, c *client.Client, o *carbonReport) (*account.SCI, error) {
	scope, reports := a.set.tenant+"/"+o.workload, account.MakeSCI
	var rows []api.BookView
	var err error
	switch {
	case o.workload == "":
		scope = "cell"
		rows, err = c.Books(cmd.Context(), api.BooksByDay)
	case o.period != (account.Period{}):
		reports = account.WorkSCI
		rows, err = c.WorkloadBooks(cmd.Context(), a.set.tenant, o.workload)
	default:
		rows, err = c.Books(cmd.Context(), api.BooksByWorkload)
		rows = slices.DeleteFunc(rows, func(b api.BookView) bool { return b.Tenant != a.set.tenant || b.Workload != o.workload })
		if err == nil && len(rows) == 0 {
			err = codeError{exitNotFound, fmt.Sprintf("nothing is booked of workload %s by itself; drover energy books --by workload lists those that are", scope)}
		}
	}
	if err != nil {
		return nil, err
	}
	r, err := reports(scope, rows, o.period, o.unit)
	if err != nil {
		return nil, usageError{err, "drover carbon report --help has examples"}
	}
	return r, nil
}

func (a *app) reportScope2(cmd *cobra.Command, c *client.Client, o *carbonReport) error {
	days, err := c.Books(cmd.Context(), api.BooksByDay)
	if err != nil {
		return err
	}
	sites, err := c.Sites(cmd.Context())
	if err != nil {
		return err
	}
	ledger, err := c.Ledger(cmd.Context())
	if err != nil {
		return err
	}
	r := account.MakeScope2(days, sites, ledger.Items, o.period)
	tables := []*report.Table{scope2Table(r, o.number())}
	if o.format != "csv" && len(r.Certificates) > 0 {
		tables = append(tables, certificateTable(r))
	}
	return a.formatted(o.format, r, scope2Pairs(r), tables, func(w io.Writer) error { return scope2Page(w, r, a.madeBy()) })
}

func (a *app) madeBy() string {
	return "made at " + a.now().UTC().Format(time.RFC3339) + " by drover " + buildVersion()
}

// formatted writes a report in the form that was asked for.
func (a *app) formatted(format string, v any, pairs []report.Pair, tables []*report.Table, page func(io.Writer) error) error {
	switch format {
	case "html":
		return page(a.out)
	case "csv":
		return tables[0].CSV(a.out)
	}
	return a.show(v, func() error {
		if err := report.Pairs(a.out, a.style(), pairs); err != nil {
			return err
		}
		for _, t := range tables {
			fmt.Fprintln(a.out)
			if err := t.Render(a.out, a.style()); err != nil {
				return err
			}
		}
		return nil
	})
}
