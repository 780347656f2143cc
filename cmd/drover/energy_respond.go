package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"drover.dev/internal/respond"
)

func newEnergyRespondCmd(a *app) *cobra.Command {
	var reduce string
	var within, lasts time.Duration
	var dry bool
	cmd := &cobra.Command{
		Use:   "respond --reduce PERCENT --within TIME --for TIME",
		Short: "Draw less power for a while, as a grid asks for",
		Long: `Has the cell draw less power for a while. Until the event is over no node takes work,
so that what waits goes on waiting. Tasks are held still, to go on where they stopped,
and nodes on which nothing is protected are emptied, whose tasks run again from the
beginning, and sleep if they can: as many as save what is asked for in time, at the least penalty. Protected
are replicas of services, gangs, and tasks that run at most once or are never displaced;
of tasks with a deadline only those are held still that meet it all the same.

The command stays until the event is over and then lets all go on and the nodes take
work again, also when it is interrupted; what was held still goes on by itself, too. Power is as the nodes declare it, or that of usual ones.`,
		Example: "  drover energy respond --reduce 20% --within 60s --for 30m --dry-run",
		Args:    args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			e := respond.Event{Within: api.Duration(within), For: api.Duration(lasts), DryRun: dry}
			var err error
			if e.Percent, err = strconv.ParseFloat(strings.TrimSuffix(reduce, "%"), 64); err != nil {
				err = errText("--reduce %.20q is no number of per cent", reduce)
			} else {
				err = e.Check()
			}
			if err != nil {
				return usageError{err, "drover energy respond --help has an example"}
			}
			bar := report.NewProgress(a.err, a.terminal && !dry, a.style(), "seconds", int64(lasts/time.Second), time.Now)
			r, err := respond.Respond(cmd.Context(), c, e, respond.Shell{
				Now: time.Now, Sleep: sleep, Progress: func(passed api.Duration) { bar.Set(int64(passed / api.Second)) },
			})
			bar.Done("")
			if err != nil {
				return err
			}
			return a.show(r, func() error { return a.responded(r) })
		}),
	}
	f := cmd.Flags()
	f.StringVar(&reduce, "reduce", "", "by how much less than now, in per cent, for example 20%")
	f.DurationVar(&within, "within", time.Minute, "how soon, 1s to 24h")
	f.DurationVar(&lasts, "for", 30*time.Minute, "for how long, 1m to 23h")
	f.BoolVar(&dry, "dry-run", false, "only say what would be done")
	return cmd
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func (a *app) responded(r *respond.Report) error {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "NODE"}, {Title: "TASKS"}, {Title: "SAVES", Right: true}, {Title: "AFTER", Right: true}, {Title: "PENALTY", Right: true},
		},
		Empty: "No task is held still or stopped.",
	}
	const most = 50
	for _, s := range r.Suspended[:min(len(r.Suspended), most)] {
		t.Add(s.Node, s.Task+" stands still", wattsText(s.Watts), report.Duration(api.Duration(s.Seconds*float64(api.Second))), fmt.Sprintf("%.0f", s.Penalty))
	}
	if more := len(r.Suspended) - most; more > 0 {
		t.Add("", fmt.Sprintf("%d more stand still", more), "", "", "")
	}
	for _, s := range r.Stopped {
		did := report.Count(int64(s.Tasks)) + " stopped"
		if s.Sleeps {
			did += ", sleeps"
		}
		t.Add(s.Node, did, wattsText(s.Watts), report.Duration(api.Duration(s.Seconds*float64(api.Second))), fmt.Sprintf("%.0f", s.Penalty))
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	list := []report.Pair{
		{Key: "before", Value: wattsText(r.BaselineWatts)},
		{Key: "asked for", Value: wattsText(r.ReduceWatts) + " less"},
		{Key: "planned", Value: wattsText(r.PlannedWatts) + " less"},
		{Key: "penalty", Value: penaltyText(r)},
		{Key: "protected", Value: fmt.Sprintf("%d nodes", r.Protected)},
		{Key: "wait", Value: report.Count(int64(r.Held)) + " tasks"},
	}
	if r.ShortWatts > 0 {
		list = append(list, report.Pair{Key: "short of", Value: wattsText(r.ShortWatts) + ", which cannot be saved in time without what is protected"})
	}
	switch {
	case r.DryRun:
		list = append(list, report.Pair{Key: "done", Value: "nothing: --dry-run"})
	case r.ReachedSeconds != nil:
		list = append(list, report.Pair{Key: "reached", Value: fmt.Sprintf("%s less after %.0f s", wattsText(*r.ReachedWatts), *r.ReachedSeconds)})
	case r.ReachedWatts != nil:
		list = append(list, report.Pair{Key: "reached", Value: wattsText(*r.ReachedWatts) + " less in time, which is not what was planned"})
	}
	return report.Pairs(a.out, a.style(), list)
}

func wattsText(w float64) string {
	if w >= 10_000 {
		return fmt.Sprintf("%.1f kW", w/1000)
	}
	return fmt.Sprintf("%.0f W", w)
}

func penaltyText(r *respond.Report) string {
	if r.Exact {
		return fmt.Sprintf("%.0f core-seconds, the least there is", r.Penalty)
	}
	return fmt.Sprintf("%.0f core-seconds, at least %.0f", r.Penalty, r.Bound)
}
