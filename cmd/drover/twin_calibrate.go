package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/internal/mirror"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newTwinCalibrateCmd(a *app) *cobra.Command {
	from, window, most, o := "journal", time.Duration(0), 30, rehearse.Options{}
	current, dir := false, ""
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Fit the twin to what really happened, and say how well it fits",
		Long: `Fits run times by task and class of node, times to start by driver, cold and warm, what
tasks take besides running, and the speed of links, to what a cell's agents measured;
from a trace, run times by user, program and size.

Each fit comes with the 80 % interval of the next value, and is graded by walking
through its own past: each value is predicted from those before it. COVERED is the
share that the interval held, ERROR the mean absolute percentage error, beside that
of persistence: as the last one. DRIFT says that the latest values are not as they
were. With --current it shows what the mirror of drover twin sync has fitted to the last
seven days, which it does anew all the time; there, cold and warm starts are one. Power is calibrated against a meter: drover twin power.`,
		Example: "  drover twin calibrate\n  drover twin calibrate --from log.swf.gz --window 720h -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if window < 0 || most < 1 {
				return usageError{errText("the window is not below zero, and at least one fit is shown"), "for example --window 720h --top 30"}
			}
			if current {
				return a.currentFits(cmd, dir, most)
			}
			c, err := a.calibrate(cmd.Context(), from, o, api.Duration(window))
			if err != nil {
				return err
			}
			return a.show(c, func() error { return a.calibrated(c, most) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", from, "journal (of --server, or of this machine's server), a server's data directory, or the file of a trace")
	f.StringVar(&o.Format, "format", "", "of the trace (default: found out from its first line)")
	f.BoolVar(&o.Skip, "skip-bad", false, "pass over rows of the trace that cannot be read")
	f.DurationVar(&window, "window", 0, "fit only to what ended so long before the last end (default: all)")
	f.BoolVar(&current, "current", false, "show the latest fits of the mirror of drover twin sync")
	mirrorDirFlag(cmd, &dir)
	f.IntVar(&most, "top", most, "how many fits the table shows, those with the most samples first; -o json has all")
	return cmd
}

// currentFits shows what the mirror has fitted last.
func (a *app) currentFits(cmd *cobra.Command, dir string, most int) error {
	for _, name := range [...]string{"from", "format", "skip-bad", "window"} {
		if cmd.Flags().Changed(name) {
			return usageError{errText("--%s says what is to be fitted, and --current shows what the mirror has fitted", name), "leave one of them out"}
		}
	}
	dir, err := a.mirrorDir(dir)
	if err != nil {
		return err
	}
	fits, err := mirror.ReadFits(dir)
	if errors.Is(err, mirror.ErrNone) {
		return codeError{exitNotFound, fmt.Sprintf("no mirror has fitted anything in %s yet; drover twin sync does", dir)}
	}
	if err != nil {
		return usageError{err, "drover twin sync writes it anew"}
	}
	return a.show(&fits, func() error {
		a.say("Version %d, of record %s, %s.", fits.Version, report.Count(int64(fits.Record)), fits.At)
		a.say("")
		return a.calibrated(&fits.Calibration, most)
	})
}

func (a *app) calibrate(ctx context.Context, from string, o rehearse.Options, window api.Duration) (*rehearse.Calibration, error) {
	if from == "journal" || isDir(from) && o.Format == "" {
		past, err := a.demandOf(ctx, from)
		if err != nil {
			return nil, err
		}
		return past.Calibrate(window), nil
	}
	in, err := a.openTrace(from)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows, err := rehearse.ReadRows(in, o)
	if err != nil {
		return nil, traceFault(from, err)
	}
	return rehearse.CalibrateRows(rows, window), nil
}

func (a *app) calibrated(c *rehearse.Calibration, most int) error {
	if len(c.Fits) == 0 {
		a.say("Nothing has ended yet: there is nothing to fit to.")
		return nil
	}
	t := &report.Table{Columns: []report.Column{
		{Title: "WHAT"},
		{Title: "OF"},
		{Title: "SAMPLES", Right: true},
		{Title: "MEDIAN", Right: true},
		{Title: "80 % INTERVAL", Right: true},
		{Title: "COVERED", Right: true},
		{Title: "ERROR", Right: true},
		{Title: "PERSISTENCE", Right: true},
		{Title: "DRIFT"},
	}}
	for _, f := range c.Fits[:min(most, len(c.Fits))] {
		covered, off, naive := "", "", ""
		if f.Graded > 0 {
			covered, off, naive = fmt.Sprintf("%.0f %%", f.Coverage), fmt.Sprintf("%.0f %%", f.Error), fmt.Sprintf("%.0f %%", f.Persistence)
		}
		t.Add(f.What, f.Of, report.Count(int64(f.Samples)), report.Number(f.Median)+" "+f.Unit,
			report.Number(f.Low)+" to "+report.Number(f.High), covered, off, naive, f.Drift)
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	a.say("")
	a.say("%s fits to %s ends; %d drift", report.Count(int64(len(c.Fits))), report.Count(int64(c.Samples)), c.Drifts)
	return nil
}
