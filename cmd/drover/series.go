package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newSeriesCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "series [PREFIX]",
		Short: "Show what the server keeps of numbers over time",
		Long: `Show what the server keeps of numbers over time: arrivals, waiting and running work,
demand and capacity by layer, use by node, run times and use by task. They are kept
at falling resolution: 10 s for 2 hours, 1 min for 2 days, 15 min for 60 days, 1 h
for 3 years; each server has its own.`,
		Args: args(0, 1, "at most what the names begin with"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			got, err := c.Series(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.show(got, func() error { return a.seriesTable(got, strings.Join(args, "")).Render(a.out, a.style()) })
		}),
	}
	cmd.AddCommand(newSeriesShowCmd(a), newSeriesExportCmd(a))
	return cmd
}

func (a *app) seriesTable(list api.SeriesList, prefix string) *report.Table {
	t := &report.Table{
		Columns: []report.Column{{Title: "SERIES"}, {Title: "KIND"}, {Title: "LAST"}},
		Empty:   "No series yet. A server that runs begins them within seconds.",
	}
	if prefix != "" {
		t.Empty = fmt.Sprintf("No series whose name begins with %q: drover series lists all.", prefix)
	}
	for _, s := range list.Items {
		t.Add(s.Name, s.Kind, report.Ago(s.Last, a.time()))
	}
	return t
}

// seriesFlags say which part of a series is meant.
type seriesFlags struct{ since, until, step string }

func (o *seriesFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "-2h", "from when on: 2026-03-01T12:00:00Z, 15:04, -2h")
	f.StringVar(&o.until, "until", "", "up to when; without it now")
	f.StringVar(&o.step, "step", "", "how long one point is, for example 15m; without it the finest that is still kept")
}

func (o *seriesFlags) query(name string, now time.Time) (q api.SeriesQuery, err error) {
	q.Name = name
	if q.Since, err = instant("--since", o.since, now); err != nil {
		return q, err
	}
	if q.Until, err = instant("--until", o.until, now); err != nil {
		return q, err
	}
	if o.step != "" {
		if q.Step, err = api.ParseDuration(o.step); err != nil || q.Step <= 0 {
			return q, usageError{errText("--step %s is not a time above zero", o.step), "write one such as 15m"}
		}
	}
	return q, nil
}

// instant reads a time; "" is 0.
func instant(flag, text string, now time.Time) (api.Time, error) {
	if text != "" && strings.Trim(text, "0123456789") == "" {
		return 0, usageError{errText("%s %s is not a time", flag, text), "write 2026-03-01T12:00:00Z, 15:04 or -2h"}
	}
	at, err := parseMoment(flag, text, now)
	if err != nil || at == "" {
		return 0, err
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	return api.Time(t.UnixNano()), err
}

func (o *seriesFlags) read(ctx context.Context, a *app, c *client.Client, name string) (api.SeriesView, error) {
	q, err := o.query(name, a.now())
	if err != nil {
		return api.SeriesView{}, err
	}
	return c.SeriesPoints(ctx, q)
}

func newSeriesShowCmd(a *app) *cobra.Command {
	var o seriesFlags
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a part of one series",
		Long:    "Show a part of one series, as a chart and in numbers. A gauge shows means, a count sums.",
		Example: "  drover series show demand/cell/cpu --since -2d --step 15m",
		Args:    args(1, 1, "the name of a series"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			v, err := o.read(cmd.Context(), a, c, args[0])
			if err != nil {
				return err
			}
			return a.show(v, func() error { return a.seriesChart(v) })
		}),
	}
	o.register(cmd)
	return cmd
}

// seriesChart draws a series, with what can be said of the whole.
func (a *app) seriesChart(v api.SeriesView) error {
	if len(v.Points) == 0 {
		a.say("%s: nothing in that time.", v.Name)
		return nil
	}
	values, sum, n := gridOf(v), 0.0, uint64(0)
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range v.Points {
		low, high, sum, n = min(low, p.Min), max(high, p.Max), sum+p.Value, n+p.N
	}
	a.say("%s, %s of %s, %d values; least %s, mean %s, most %s", v.Name, v.Kind, v.Step, n, number(low), number(sum/float64(len(v.Points))), number(high))
	first, last := v.Points[0].At, v.Points[len(v.Points)-1].At
	p := report.Plot{Values: values, From: first.Std().Format("2006-01-02 15:04"), To: last.Std().Format("2006-01-02 15:04 MST"), Format: number}
	return p.Render(a.out, a.style())
}

// gridOf puts points on their grid, with gaps, at most as many as a page of text has
// use for.
func gridOf(v api.SeriesView) []float64 {
	first, last := v.Points[0].At, v.Points[len(v.Points)-1].At
	const most = 1000
	step := max(v.Step, last.Sub(first)/most, 1)
	out := make([]float64, last.Sub(first)/step+1)
	for i := range out {
		out[i] = math.NaN()
	}
	counts := make([]float64, len(out))
	for _, p := range v.Points {
		i := p.At.Sub(first) / step
		if counts[i]++; counts[i] == 1 {
			out[i] = 0
		}
		out[i] += (p.Value - out[i]) / counts[i]
	}
	return out
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

func newSeriesExportCmd(a *app) *cobra.Command {
	var o seriesFlags
	var file string
	var artifact bool
	cmd := &cobra.Command{
		Use:   "export NAME",
		Short: "Write a series as CSV, as drover forecast reads it",
		Long: `Write a part of one series as CSV: time, value, n, min, max. drover forecast run
reads it with --column value. --artifact keeps it in the cell's store, where tasks can
have it as an input.`,
		Example: "  drover series export arrivals/cell --since -60d --step 1h -f arrivals.csv",
		Args:    args(1, 1, "the name of a series"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			v, err := o.read(cmd.Context(), a, c, args[0])
			if err != nil {
				return err
			}
			if artifact {
				return a.exportArtifact(cmd.Context(), c, v)
			}
			if file == "" {
				return writeSeries(a.out, v)
			}
			f, err := os.Create(file)
			if err != nil {
				return usageError{err, "name another file"}
			}
			return errors.Join(writeSeries(f, v), f.Close())
		}),
	}
	o.register(cmd)
	cmd.Flags().StringVarP(&file, "file", "f", "", "write to this file; without it to standard output")
	cmd.Flags().BoolVar(&artifact, "artifact", false, "keep it in the cell's artifact store")
	cmd.MarkFlagsMutuallyExclusive("file", "artifact")
	return cmd
}

func (a *app) exportArtifact(ctx context.Context, c *client.Client, v api.SeriesView) error {
	var text strings.Builder
	if err := writeSeries(&text, v); err != nil {
		return err
	}
	stored, err := c.UploadFrom(ctx, strings.NewReader(text.String()))
	if err != nil {
		return err
	}
	return a.show(stored, func() error {
		a.say("%s, %s", stored.Digest, stored.Size)
		return nil
	})
}

// writeSeries writes times that rise, so that gaps can be seen.
func writeSeries(to io.Writer, v api.SeriesView) error {
	w := csv.NewWriter(to)
	rows := [][]string{{"time", "value", "n", "min", "max"}}
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, p := range v.Points {
		rows = append(rows, []string{p.At.Std().Format(time.RFC3339), exact(p.Value), fmt.Sprint(p.N), exact(p.Min), exact(p.Max)})
	}
	return w.WriteAll(rows)
}
