package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/bench"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// gainsFlags are the flags of bench gains.
type gainsFlags struct {
	invocations, vms, jobs []string
	planetlab              []string
	fleet, horizon         string
}

func newBenchGainsCmd(a *app) *cobra.Command {
	var o gainsFlags
	cmd := &cobra.Command{
		Use:   "gains",
		Short: "What forecasts gain: scaling, right-sizing, capacity plans and backfill on traces, with them and without",
		Long: `Takes decisions on traces without forecasts and with them, always by what was known
when each was due, after a first third that is history only.

Autoscaling: replicas follow the last value, or the 90 % quantile of a forecast for when
a new replica would serve; both keep replicas for five minutes after a peak, and have
the same mean capacity. Right-sizing: what was asked for stays, or follows what is
recommended anew each day. Capacity: the chance that demand is above the
90 % quantile of the first third, a day ahead. Backfill: the order of arrival, or
backfill by run times learnt on the way, in the twin.`,
		Example: "  drover bench gains --invocations invocations.csv.gz --planetlab 20110303.tar.gz --vms vms.csv.gz --jobs log.swf.gz --fleet 128x1,4Gi",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			gains, err := o.run(cmd.Context(), a)
			if err != nil {
				return err
			}
			return a.show(gains, func() error { return gainsTable(gains).Render(a.out, a.style()) })
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.invocations, "invocations", nil, "invocations by minute, as in Azure Functions 2019")
	f.StringSliceVar(&o.planetlab, "planetlab", nil, "a day of PlanetLab: a tar of files of percentages")
	f.StringSliceVar(&o.vms, "vms", nil, "use of machines in seconds:MHz, as in Bitbrains")
	f.StringSliceVar(&o.jobs, "jobs", nil, "a trace of jobs, as drover twin run reads it")
	f.StringVar(&o.fleet, "fleet", "128x1,4Gi", "where the jobs run")
	f.StringVar(&o.horizon, "horizon", "336h", "how much of the jobs is run")
	return cmd
}

func gainsTable(gains []bench.Gain) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "DECISION"},
			{Title: "DATA"},
			{Title: "STEPS", Right: true},
			{Title: "MEASURE"},
			{Title: "WITHOUT", Right: true},
			{Title: "WITH", Right: true},
			{Title: "BOUND", Right: true},
			{Title: "NOTE", Wide: true},
		},
	}
	for _, g := range gains {
		t.Add(g.Decision, g.Data, strconv.Itoa(g.Steps), g.Measure, brief(&g.Without), brief(&g.With), brief(g.Bound), g.Note)
	}
	return t
}

func brief(v *float64) string {
	if v == nil {
		return "–"
	}
	return strconv.FormatFloat(*v, 'g', 4, 64)
}

func (o *gainsFlags) run(ctx context.Context, a *app) ([]bench.Gain, error) {
	var work []func() ([]bench.Gain, error)
	add := func(files []string, do func(context.Context, string) ([]bench.Gain, error)) {
		for _, file := range files {
			work = append(work, func() ([]bench.Gain, error) { return do(ctx, file) })
		}
	}
	add(o.invocations, gainsOfInvocations)
	add(o.planetlab, gainsOfPlanetLab)
	add(o.vms, gainsOfMachines)
	add(o.jobs, o.gainsOfJobs)
	if len(work) == 0 {
		return nil, usageError{errText("no trace is given"), "name one with --invocations, --planetlab, --vms or --jobs"}
	}
	bar := report.NewProgress(a.err, a.terminal, a.style(), "traces", int64(len(work)), a.now)
	defer bar.Done("")
	var out []bench.Gain
	for i, do := range work {
		got, err := do()
		if err != nil {
			return nil, err
		}
		out = append(out, got...)
		bar.Set(int64(i + 1))
	}
	return out, nil
}

// loadsOf reads a file, unpacked if need be.
func loadsOf(path string, read func(io.Reader) ([]bench.Load, error)) ([]bench.Load, error) {
	f, err := openSeries(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := read(f)
	if err == nil && len(list) == 0 {
		err = errText("it holds nothing")
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", path, err), "docs/forecasting.md says where such files are"}
	}
	return list, nil
}

// busiest is how many functions are scaled.
const busiest = 20

// Traces of a day have no day ahead: their capacity is planned so many steps ahead, by a
// model that can be fitted often.
const (
	shortAhead = 24
	cheap      = "regression"
)

func gainsOfInvocations(ctx context.Context, path string) ([]bench.Gain, error) {
	loads, err := loadsOf(path, func(r io.Reader) ([]bench.Load, error) { return bench.ReadInvocations(r, busiest) })
	if err != nil {
		return nil, err
	}
	b, name := bench.Gains{Lead: 2, Window: 5, Run: lent(ctx)}, filepath.Base(path)
	g, err := b.Autoscaling(name, loads)
	if err != nil {
		return nil, err
	}
	b.Model = cheap
	plan, err := b.Capacity(name, loads, shortAhead)
	return []bench.Gain{g, plan}, err
}

func gainsOfPlanetLab(ctx context.Context, path string) ([]bench.Gain, error) {
	loads, err := loadsOf(path, bench.ReadPlanetLab)
	if err != nil {
		return nil, err
	}
	b := bench.Gains{Lead: 1, Window: 1, Run: lent(ctx)}
	name, sums := filepath.Base(path), bench.Sums(loads, 50)
	g, err := b.Autoscaling(name, sums)
	if err != nil {
		return nil, err
	}
	b.Model = cheap
	plan, err := b.Capacity(name, sums, shortAhead)
	return []bench.Gain{g, b.Rightsizing(name, loads, 288), plan}, err
}

func gainsOfMachines(ctx context.Context, path string) ([]bench.Gain, error) {
	loads, err := loadsOf(path, bench.ReadBusiness)
	if err != nil {
		return nil, err
	}
	b, name := bench.Gains{Lead: 1, Window: 1, Run: lent(ctx)}, filepath.Base(path)
	loads = bench.Whole(loads)
	sums := bench.Sums(loads, 15)
	g, err := b.Autoscaling(name, sums)
	if err != nil {
		return nil, err
	}
	for i := range sums {
		sums[i] = sums[i].Coarser(12)
	}
	b.Model = cheap
	plan, err := b.Capacity(name, sums, 24)
	return []bench.Gain{g, b.Rightsizing(name, loads, 288), plan}, err
}

func (o *gainsFlags) gainsOfJobs(ctx context.Context, path string) ([]bench.Gain, error) {
	fleet, err := rehearse.LoadFleet(o.fleet)
	if err != nil {
		return nil, usageError{fmt.Errorf("--fleet %s: %w", o.fleet, err), "write one such as 128x1,4Gi"}
	}
	horizon, err := api.ParseDuration(o.horizon)
	if err != nil || horizon <= 0 {
		return nil, usageError{errText("--horizon %s is not a time above zero", o.horizon), "write one such as 336h"}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{err, ""}
	}
	g, err := bench.Backfill(ctx, filepath.Base(path), data, fleet, horizon)
	return []bench.Gain{g}, err
}
