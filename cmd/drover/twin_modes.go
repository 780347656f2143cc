package main

import (
	"context"
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/internal/modes"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// modesFlags are the flags of twin modes.
type modesFlags struct {
	trace, fleet        string
	options             rehearse.Options
	window, ahead, sync time.Duration
	grade               modes.Options
}

func newTwinModesCmd(a *app) *cobra.Command {
	o := modesFlags{
		window: 24 * time.Hour, ahead: time.Hour, sync: 5 * time.Minute,
		grade: modes.Options{Split: 0.5, Windows: 60, Tasks: 500, Seeds: 8},
	}
	cmd := &cobra.Command{
		Use:   "modes --trace FILE --fleet FLEET",
		Short: "Grade the twin's modes on a trace: what it foretells against what comes",
		Long: `Fits models to the first part of a trace and predicts the rest of it in each mode of
the twin: offline (told nothing after the split), offline-given (told which jobs come
when), offline-replay (the same, and of each job the runs that had ended when it came;
the cell itself is never looked at), predictive (the cell as it stands every --ahead, arrivals forecast) and
live-sync (the cell as it stands every --sync). How long jobs run is always
predicted from runs that had ended. The truth is a run on the trace itself.

Graded are the energy of each window and the time that jobs spend in it between
their submission and their end, the sum of which over all windows is the sum of
completion times. Accuracy is 100 less the mean absolute percentage error; beside
it stands that of persistence. docs/twin.md defines every figure.`,
		Example: "  drover twin modes --trace log.swf.gz --fleet 128x1,4Gi\n  drover twin modes --trace jobs.csv --fleet 16x4,16Gi --window 6h -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer simulating()()
			r, err := a.twinModes(cmd.Context(), o)
			if err != nil {
				return err
			}
			return a.show(r, func() error { return a.modesShown(r) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.trace, "trace", "", "file of the trace, - for standard input; gzip is recognised")
	f.StringVar(&o.options.Format, "format", "", "of the trace (default: found out from its first line)")
	f.BoolVar(&o.options.Skip, "skip-bad", false, "pass over rows that cannot be read")
	f.StringVar(&o.fleet, "fleet", "", "file of the fleet, or N×cpu,memory")
	f.StringVar(&o.grade.Strategy, "strategy", "", "how jobs are placed (default: the engine's own)")
	f.Float64Var(&o.grade.Split, "split", o.grade.Split, "share of the jobs that models are fitted to")
	f.DurationVar(&o.window, "window", o.window, "what totals are graded over")
	f.DurationVar(&o.ahead, "ahead", o.ahead, "how far the predictive mode looks ahead")
	f.DurationVar(&o.sync, "sync", o.sync, "how often live-sync mirrors the cell, and how far it looks ahead")
	f.IntVar(&o.grade.Windows, "windows", o.grade.Windows, "grade at most so many windows, evenly spread (0: all)")
	f.IntVar(&o.grade.Tasks, "tasks", o.grade.Tasks, "grade at most so many jobs one by one, evenly spread")
	f.IntVar(&o.grade.Seeds, "seeds", o.grade.Seeds, "worlds of each prediction")
	return cmd
}

func (a *app) twinModes(ctx context.Context, o modesFlags) (*modes.Report, error) {
	in, fleet, err := a.traceAndFleet(o.trace, o.fleet, o.grade.Strategy, "grading", "drover twin modes --trace log.swf.gz --fleet 128x1,4Gi")
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows, err := rehearse.ReadRows(in, o.options)
	if err != nil {
		return nil, traceFault(o.trace, err)
	}
	g := o.grade
	g.Rows, g.Fleet = rows, fleet
	g.Window, g.Ahead, g.Sync = api.Duration(o.window), api.Duration(o.ahead), api.Duration(o.sync)
	bar := report.NewProgress(a.err, a.terminal, a.style(), "windows", 0, time.Now)
	g.Done = func(n, of int64) { bar.Set(n) }
	r, err := modes.Grade(ctx, g)
	bar.Done("")
	if err != nil && ctx.Err() == nil {
		return nil, usageError{err, "see --split, --window, --ahead and --sync in drover twin modes --help"}
	}
	return r, err
}

func (a *app) modesShown(r *modes.Report) error {
	a.say("%d windows of %s after the first %s jobs, of %d that were held out; %.0f %% of the energy is the idle fleet's",
		r.Windows, times(r.WindowSeconds), report.Count(int64(r.FirstJobs)), r.OfWindows, 100*r.IdleShare)
	a.say("")
	t := &report.Table{Columns: []report.Column{
		{Title: "MODE"},
		{Title: "AHEAD"},
		{Title: "ENERGY", Right: true},
		{Title: "STEP (PERSISTENCE)", Right: true},
		{Title: "COMPLETION", Right: true},
		{Title: "STEP (PERSISTENCE)", Right: true},
		{Title: "IN 80 %", Right: true},
	}}
	percent := func(v float64) string { return fmt.Sprintf("%.1f %%", v) }
	against := func(e modes.Errors) string { return percent(e.Step) + " (" + percent(e.StepPersistence) + ")" }
	for _, m := range r.Modes {
		ahead, covered := "all", "–" // a single prediction has no earlier ones to make an interval of
		if m.AheadSeconds > 0 {
			ahead, covered = times(m.AheadSeconds), percent(m.IntervalCoverage)
		}
		t.Add(m.Mode, ahead, percent(m.EnergyAccuracy), against(m.Energy), percent(m.CompletionAccuracy), against(m.Completion), covered)
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	for _, m := range r.Modes {
		if p := m.PerTask; p != nil {
			a.say("")
			a.say("%s, %d jobs one by one: %.0f %% mean and %.0f %% median error of the completion time; persistence %.0f %% and %.0f %%; %.1f %% in the 80 %% interval",
				m.Mode, p.Tasks, p.MAPE, p.MedianError, p.Persistence, p.MedianPersistence, p.Coverage)
		}
	}
	return nil
}

// times shows seconds.
func times(s float64) string { return report.Duration(api.Duration(s * float64(api.Second))) }
