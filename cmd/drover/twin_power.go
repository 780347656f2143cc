package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"drover.dev/internal/trace"
	"github.com/spf13/cobra"
)

type powerOptions struct {
	tasks, power, topology, format, page string
	window, ahead                        time.Duration
}

func newTwinPowerCmd(a *app) *cobra.Command {
	o := powerOptions{window: 24 * time.Hour, ahead: time.Hour}
	cmd := &cobra.Command{
		Use:   "power --tasks FILE --power FILE --topology FILE",
		Short: "Predict what a cluster draws, and be graded by its meter",
		Long: `Replays what tasks used and predicts the power of the cluster that they ran on.
Every so often (--ahead) the model is calibrated on the meter's readings of the
last --window, and predicts the time to come; it never looks at readings of the
time that it predicts. Its error stands beside those of the topology's own power
models, of a model that does without the meter for a day, and of persistence:
the power will be as it was --ahead ago.`,
		Example: "  drover twin power --tasks tasks.csv.gz --power power.csv.gz --topology topology.json --html power.html",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.twinPower(cmd.Context(), o)
			if err != nil {
				return err
			}
			if o.page != "" {
				if err := a.powerPage(o, r); err != nil {
					return err
				}
			}
			return a.show(r, func() error { return a.powerShown(r, o.page) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.tasks, "tasks", "", "file of a trace that says what tasks used (surf, bitbrains or our own format)")
	f.StringVar(&o.power, "power", "", "file of the meter's readings: CSV, t_ms_since_start,power_w")
	f.StringVar(&o.topology, "topology", "", "file of the cluster's hosts and their power models, JSON as OpenDC writes it")
	f.StringVar(&o.format, "format", "", "of the trace (default: found out from its first line)")
	f.DurationVar(&o.window, "window", o.window, "how far back calibration looks")
	f.DurationVar(&o.ahead, "ahead", o.ahead, "how far ahead it predicts")
	f.StringVar(&o.page, "html", "", "write a page with charts to this file, too")
	return cmd
}

func (a *app) twinPower(ctx context.Context, o powerOptions) (*rehearse.PowerReport, error) {
	if o.tasks == "" || o.power == "" || o.topology == "" {
		return nil, usageError{errText("a prediction of power needs --tasks, --power and --topology"), "drover twin power --help has an example"}
	}
	p := rehearse.PowerPlan{Window: api.Duration(o.window), Ahead: api.Duration(o.ahead)}
	for _, read := range []struct {
		name, form string
		from       func(io.Reader) error
	}{
		{o.tasks, "drover trace formats lists what can be read", func(f io.Reader) (err error) {
			p.Tasks, err = rehearse.ReadRows(f, rehearse.Options{Format: o.format})
			return err
		}},
		{o.power, "the meter's file is CSV: t_ms_since_start,power_w and a reading a line", func(f io.Reader) (err error) {
			p.Meter, err = trace.Readings(f)
			return err
		}},
		{o.topology, "docs/twin.md shows a topology", func(f io.Reader) (err error) {
			p.Topology, err = rehearse.ReadTopology(f)
			return err
		}},
	} {
		f, err := a.openTrace(read.name)
		if err != nil {
			return nil, err
		}
		err = read.from(f)
		_ = f.Close() // it was only read
		if err != nil {
			return nil, usageError{errText("%s: %v", read.name, err), read.form}
		}
	}
	r, err := rehearse.Power(ctx, p)
	if err != nil && ctx.Err() == nil {
		return nil, usageError{err, "see --window and --ahead in drover twin power --help"}
	}
	return r, err
}

func (a *app) powerShown(r *rehearse.PowerReport, page string) error {
	if err := report.Pairs(a.out, a.style(), r.Pairs()); err != nil {
		return err
	}
	a.say("")
	if err := r.Table().Render(a.out, a.style()); err != nil {
		return err
	}
	a.say("")
	if err := r.ShapeTable().Render(a.out, a.style()); err != nil {
		return err
	}
	if page != "" {
		a.say("The page with charts is %s.", page)
	}
	return nil
}

func (a *app) powerPage(o powerOptions, r *rehearse.PowerReport) error {
	f, err := os.Create(o.page)
	if err != nil {
		return usageError{err, "choose another name for the page"}
	}
	return errors.Join(r.Page(f, o.tasks+", replayed by drover "+buildVersion()), f.Close())
}
