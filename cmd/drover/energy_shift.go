package main

import (
	"fmt"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newEnergyShiftCmd(a *app) *cobra.Command {
	p := rehearse.ShiftPlan{Jobs: rehearse.EveryHour, Objective: rehearse.ObjectiveCarbon, Forecast: rehearse.ForecastNone, Zone: rehearse.MarketZone}
	slack, stop, start := 24*time.Hour, time.Minute, ""
	cmd := &cobra.Command{
		Use:   "shift --jobs FILE|1h --carbon FILE --price FILE",
		Short: "Start work that may wait when energy is clean or cheap: what that saves",
		Long: `Starts jobs that may wait in the hours in which their energy is clean or cheap,
and compares with starting them at once. A job runs in one piece, or with --suspend
in the hours that are cleanest or cheapest, and draws power by its CPUs.

The optimum knows all. With --forecast seasonal or auto, every hour is planned
anew on forecasts, which see only the hours before it; prices count as known once
published, from 13:00 in the market's zone for the whole next day.`,
		Example: "  drover energy shift --jobs 1h --carbon US-CAL-CISO_2023.csv.gz --slack 24h --forecast auto -o json\n" +
			"  drover energy shift --jobs pai_1k.csv --carbon DE-LU_2023.csv.gz --price prices/DE-LU_2023.csv.gz --objective balanced",
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.Slack, p.StopCost = api.Duration(slack), api.Duration(stop)
			if err := shiftFlags(&p, start); err != nil {
				return err
			}
			begin := a.now()
			bar := report.NewProgress(a.err, a.terminal, a.style(), "hours", 0, time.Now)
			p.Progress = bar.Set
			r, err := rehearse.RunShift(cmd.Context(), p)
			bar.Done("")
			switch {
			case err != nil && cmd.Context().Err() != nil:
				return cmd.Context().Err()
			case err != nil:
				return energyFault(err)
			}
			r.Seconds = a.now().Sub(begin).Seconds()
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), shiftPairs(r)) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.Jobs, "jobs", p.Jobs, "file of a trace (drover trace formats lists which), or 1h: a job of one hour every hour")
	f.StringVar(&p.Format, "format", "", "of the trace (default: found out from its first line)")
	f.StringVar(&p.Carbon, "carbon", "", "CSV of carbon intensity over time, FILE or FILE#COLUMN; several with commas between")
	f.StringVar(&p.Price, "price", "", "CSV of prices over time, FILE or FILE#COLUMN; several with commas between")
	f.DurationVar(&slack, "slack", slack, "by how much the start of each job may be put off, up to 1000h")
	f.StringVar(&p.Objective, "objective", p.Objective, "carbon, cost or balanced (both, each relative to its mean)")
	f.IntVar(&p.Capacity, "capacity", 0, "jobs that run at a time at most (default: no limit)")
	f.BoolVar(&p.Suspend, "suspend", false, "jobs may be held and go on within their slack")
	f.DurationVar(&stop, "suspend-cost", stop, "by how much a job runs longer each time that it is held, up to 24h")
	f.StringVar(&start, "start", "", "when the jobs begin, RFC 3339 or a date (default: with the signals); forecasts learn from what is before")
	forecastFlag(cmd, &p.Forecast)
	f.StringVar(&p.Zone, "zone", p.Zone, "IANA time zone of the market, in which prices are published at 13:00 for the next day")
	completeFlag(cmd, "objective", rehearse.Objectives()...)
	return cmd
}

const maxSlack = 1000 * api.Hour

func shiftFlags(p *rehearse.ShiftPlan, start string) error {
	help := "see drover energy shift --help"
	switch {
	case !slices.Contains(rehearse.Objectives(), p.Objective):
		return usageError{errText("--objective %.40s: it is carbon, cost or balanced", p.Objective), help}
	case p.Slack < 0 || p.Slack > maxSlack:
		return usageError{errText("--slack: a job may be put off by 0 to 1000h"), help}
	case p.StopCost < 0 || p.StopCost > api.Day:
		return usageError{errText("--suspend-cost: being held costs a job 0 to 24h"), help}
	case p.Capacity < 0:
		return usageError{errText("--capacity %d: it is a number of jobs, or 0 for no limit", p.Capacity), help}
	}
	if start == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, start); err == nil {
			p.Start = api.Time(t.UnixNano())
			return nil
		}
	}
	return usageError{errText("--start %.40s is no date and no time", start), "write 2023-06-01 or 2023-06-01T12:00:00Z"}
}

func shiftPairs(r *rehearse.ShiftReport) []report.Pair {
	percent := func(got, best *float64) string {
		if got == nil || best == nil {
			return ""
		}
		return fmt.Sprintf("%.2f %% (at best %.2f %%)", *got, *best)
	}
	list := []report.Pair{
		{Key: "jobs", Value: report.Count(int64(r.Jobs))},
		{Key: "carbon saved", Value: percent(r.CarbonSavedPercent, r.Optimum.CarbonSavedPercent)},
		{Key: "cost saved", Value: percent(r.CostSavedPercent, r.Optimum.CostSavedPercent)},
		{Key: "mean delay", Value: report.Duration(api.Duration(r.MeanDelaySeconds * float64(api.Second)))},
		{Key: "time", Value: fmt.Sprintf("%.3f s", r.Seconds)},
	}
	if r.LeftOut > 0 {
		list = append(list, report.Pair{Key: "left out", Value: fmt.Sprintf("%d jobs that could end behind the signals", r.LeftOut)})
	}
	if r.Stops > 0 {
		list = append(list, report.Pair{Key: "held", Value: fmt.Sprintf("%s times, %.2f a job", report.Count(int64(r.Stops)), float64(r.Stops)/float64(r.Jobs))})
	}
	if r.Late > 0 {
		list = append(list, report.Pair{Key: "late", Value: fmt.Sprintf("%d jobs found no room within their slack", r.Late)})
	}
	return list
}
