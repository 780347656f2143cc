package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newBenchDatacentreCmd(a *app) *cobra.Command {
	p := rehearse.DatacentrePlan{
		Servers: 1000, Days: 30, Batch: 0.5, Load: 0.6, PUE: 1.58,
		Objective: rehearse.ObjectiveBalanced, Forecast: rehearse.ForecastAuto, Sensitivity: true, Workers: runtime.GOMAXPROCS(0),
	}
	data, start, slack, batch, load := "", "2023-06-01T00:00:00Z", 24*time.Hour, 50.0, 60.0
	cmd := &cobra.Command{
		Use:   "datacentre",
		Short: "What a data centre of 1,000 servers takes in a month, zone by zone, against two baselines",
		Long: `Runs a month of services, which cannot wait, and of jobs, which can, on 1,000 servers,
in each zone of which there are carbon intensities and prices: energy, carbon and cost
against everything spread over servers that are always on, and against packing by what
is asked for with servers off after ten idle minutes, which is the honest baseline.

Services are kept together by what they use, jobs start by hourly plans on forecasts
that see only the past, and take the servers that they add the least power to. The
bound says what no plan can beat; where an aim is missed, it says why. The mix and the
sources are in docs/benchmarks.md.

--data is a folder with carbon/ZONE_YEAR.csv.gz, prices/ZONE_YEAR.csv.gz,
bitbrains/vms.csv.gz and gaia/pai-100k.csv.gz.`,
		Example: "  drover bench datacentre --data data -o json\n  drover bench datacentre --zones DE-LU,CA-ON --start 2023-01-01T00:00:00Z --batch 75",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			p.Data = cmp.Or(data, os.Getenv("DROVER_DATA"), "../shared/data")
			p.Slack, p.Batch, p.Load = api.Duration(slack), batch/100, load/100
			if p.Start, err = api.ParseTime(start); err != nil {
				return usageError{errText("--start: %v", err), "for example 2023-06-01T00:00:00Z"}
			}
			begin := a.now()
			bar := report.NewProgress(a.err, a.terminal, a.style(), "per cent", 100, time.Now)
			p.Progress = bar.Set
			r, err := rehearse.RunDatacentre(cmd.Context(), p)
			bar.Done("")
			switch {
			case err != nil && cmd.Context().Err() != nil:
				return cmd.Context().Err()
			case errors.Is(err, fs.ErrNotExist):
				return usageError{err, "docs/benchmarks.md says where the data come from; name their folder with --data"}
			case err != nil:
				return usageError{err, "see drover bench datacentre --help"}
			}
			r.Seconds = a.now().Sub(begin).Seconds()
			return a.show(r, func() error { return a.datacentre(r) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "folder of the data (default: $DROVER_DATA, or ../shared/data)")
	f.StringSliceVar(&p.Zones, "zones", nil, "only these zones")
	f.IntVar(&p.Servers, "servers", p.Servers, "how many servers")
	f.IntVar(&p.Days, "days", p.Days, "how many days")
	f.StringVar(&start, "start", start, "when they begin; forecasts learn from the year before")
	f.Float64Var(&batch, "batch", batch, "share of the work that may wait, in per cent of the CPU time used")
	f.DurationVar(&slack, "slack", slack, "by how much the start of a job may be put off, up to 72h")
	f.Float64Var(&load, "load", load, "share of the servers' CPU that all work asks for, in per cent")
	f.StringVar(&p.Objective, "objective", p.Objective, "what jobs wait for: carbon, cost or balanced")
	f.Float64Var(&p.PUE, "pue", p.PUE, "power usage effectiveness of the site")
	f.BoolVar(&p.Sensitivity, "sensitivity", p.Sensitivity, "also 25, 50 and 75 per cent of batch, with 6 and 24 hours of slack")
	forecastFlag(cmd, &p.Forecast)
	completeFlag(cmd, "objective", rehearse.Objectives()...)
	return cmd
}

func (a *app) datacentre(r *rehearse.DatacentreReport) error {
	m := &r.Mix
	a.say("%s servers, %d days from %s, PUE %g; %s services that use %.1f %% of what they ask for, %s jobs with %.3gh of slack",
		report.Count(int64(r.Servers)), r.Days, r.Start, r.PUE, report.Count(int64(m.Services)), 100*m.ServiceUse, report.Count(int64(m.Jobs)), m.SlackHours)
	a.say("%.1f %% of the CPU is asked for and %.1f %% used, %.0f %% of this by jobs", m.AskedPercent, m.UsedPercent, m.BatchPercent)
	a.say("")
	if err := datacentreTable(r).Render(a.out, a.style()); err != nil {
		return err
	}
	a.say("")
	h := &r.Headline
	for _, line := range []struct {
		what string
		aim  *rehearse.Aim
	}{{"energy", &h.Energy}, {"carbon", &h.Carbon}, {"cost", &h.Cost}} {
		a.say("%s: −%.1f to −%.1f %% against best fit with idle servers off; the aim of −%.0f %% is met in %s, and can be in %s",
			line.what, line.aim.Least, line.aim.Most, line.aim.Percent, places(line.aim.Met), places(line.aim.Allowed))
	}
	for i := range r.Zones {
		for _, miss := range r.Zones[i].Missed {
			a.say("%s, %s: −%.1f %%; %s", r.Zones[i].Zone, miss.Aim, miss.SavedPercent, miss.Why)
		}
	}
	if len(r.Sensitivity) == 0 {
		return nil
	}
	a.say("")
	return mixTable(r).Render(a.out, a.style())
}

func places(zones []string) string {
	if len(zones) == 0 {
		return "no zone"
	}
	return strings.Join(zones, ", ")
}

func datacentreTable(r *rehearse.DatacentreReport) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "ZONE"},
		{Title: "OF"},
		{Title: "SPREAD", Right: true},
		{Title: "BEST FIT", Right: true},
		{Title: "DROVER", Right: true},
		{Title: "BOUND", Right: true},
		{Title: "VS SPREAD", Right: true},
		{Title: "VS BEST FIT", Right: true},
		{Title: "BOUND VS BEST FIT", Right: true},
	}}
	for i := range r.Zones {
		z := &r.Zones[i]
		row := func(zone, of string, w rehearse.Ways, spread, best, bound *float64) {
			t.Add(zone, of, report.Number(w.Spread), report.Number(w.BestFit), report.Number(w.Drover), report.Number(w.Bound), fewer(spread), fewer(best), fewer(bound))
		}
		s, b := &z.SavedPercent, &z.BoundPercent
		row(z.Zone, "energy, kWh", z.EnergyKWh, &s.Spread.Energy, &s.BestFit.Energy, &b.Energy)
		row("", "carbon, kg", z.CarbonKg, &s.Spread.Carbon, &s.BestFit.Carbon, &b.Carbon)
		if z.Cost != nil {
			row("", "cost, "+z.Currency, *z.Cost, s.Spread.Cost, s.BestFit.Cost, b.Cost)
		}
	}
	return t
}

func mixTable(r *rehearse.DatacentreReport) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "ZONE"},
		{Title: "BATCH", Right: true},
		{Title: "SLACK", Right: true},
		{Title: "ENERGY", Right: true},
		{Title: "CARBON", Right: true},
		{Title: "COST", Right: true},
		{Title: "BOUND: ENERGY", Right: true},
		{Title: "CARBON", Right: true},
		{Title: "COST", Right: true},
	}}
	for i := range r.Sensitivity {
		c := &r.Sensitivity[i]
		s, b := &c.SavedPercent, &c.BoundPercent
		t.Add(c.Zone, fmt.Sprintf("%.0f %%", c.BatchPercent), fmt.Sprintf("%.0fh", c.SlackHours),
			fewer(&s.Energy), fewer(&s.Carbon), fewer(s.Cost), fewer(&b.Energy), fewer(&b.Carbon), fewer(b.Cost))
	}
	return t
}

// fewer writes a saving as a change.
func fewer(percent *float64) string {
	switch {
	case percent == nil:
		return "–"
	case *percent < 0:
		return fmt.Sprintf("+%.1f %%", -*percent)
	}
	return fmt.Sprintf("−%.1f %%", *percent)
}
