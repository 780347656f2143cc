package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"drover.dev/internal/sched"
	"drover.dev/internal/trace"
	"github.com/spf13/cobra"
)

// newTwinCmd is the parent of the commands that run a cell in virtual time.
func newTwinCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "twin",
		Short: "Run a cell in virtual time, with the code that decides in production",
		Args:  args(0, 0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTwinRunCmd(a), newTwinRankCmd(a), newTwinPowerCmd(a), newTwinConsolidateCmd(a), newTwinGradeCmd(a), newTwinModesCmd(a), newTwinCalibrateCmd(a), newTwinSyncCmd(a), newTwinStatusCmd(a), newTwinScoresCmd(a))
	return cmd
}

// twinOptions are the flags of twin run.
type twinOptions struct {
	trace, fleet    string
	gather, horizon time.Duration
	world           worldFlags
}

func newTwinRunCmd(a *app) *cobra.Command {
	var o twinOptions
	p := rehearse.Plan{Seed: 1}
	cmd := &cobra.Command{
		Use:   "run --trace FILE --fleet FLEET",
		Short: "Replay a trace on a fleet",
		Long: `Replays the jobs of a trace on a described fleet, in virtual time. The engine that
places them is the one that runs in production; it is told what it would be told
live, and not how long a job will run.

A fleet is a file (docs/twin.md says how it is written), the node list of the
openb trace, or a short form: 1000x64,256Gi is 1,000 nodes of 64 cores and
256 GiB; groups are joined by +, a third value is a number of GPUs.

Energy follows each node's power model, linear in the CPU that tasks use, and in the
accelerators that they hold; a node without one draws 0.74 W a core idle and 3.5 W
busy, and what its accelerators usually do. What the site takes besides is its PUE, by
the temperature outside where it declares a cooling curve. What it generates itself is
used first; carbon and cost are of what the grid gives, at its signals, or constants.`,
		Example: "  drover twin run --trace jobs.csv --fleet 100x16,64Gi\n  drover twin run --trace log.swf.gz --fleet 128x1,4Gi --strategy best-fit -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer simulating()()
			r, err := a.twinRun(cmd.Context(), o, p)
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), twinPairs(r)) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.trace, "trace", "", "file of the trace, - for standard input; gzip is recognised")
	f.StringVar(&p.Options.Format, "format", "", "of the trace (default: found out from its first line; see drover trace formats)")
	f.BoolVar(&p.Options.Skip, "skip-bad", false, "pass over rows that cannot be read, and count them")
	f.StringVar(&o.fleet, "fleet", "", "file of the fleet, or N×cpu,memory")
	f.StringVar(&p.Strategy, "strategy", "", "how jobs are placed (default: the engine's own)")
	f.Uint64Var(&p.Seed, "seed", p.Seed, "of failures")
	f.DurationVar(&o.gather, "gather", 0, "how long the leader gathers inputs before it decides")
	f.DurationVar(&o.horizon, "horizon", 0, "end so long after the start, although work may be left (default: to the end)")
	f.IntVar(&p.Cells, "cells", 1, "cells that share the nodes, in blocks, and the jobs, in turn; each decides for itself")
	o.world.flags(cmd, &p)
	f.BoolVar(&p.Check, "check", false, "check every batch of decisions for the engine's invariants")
	return cmd
}

func (a *app) twinRun(ctx context.Context, o twinOptions, p rehearse.Plan) (*rehearse.Report, error) {
	in, fleet, err := a.traceAndFleet(o.trace, o.fleet, p.Strategy, "a run", "drover twin run --trace jobs.csv --fleet 100x16,64Gi")
	if err != nil {
		return nil, err
	}
	defer in.Close()
	p.Fleet, p.Trace = fleet, in
	p.Gather, p.Horizon = api.Duration(o.gather), api.Duration(o.horizon)
	if err := o.world.plan(&p); err != nil {
		return nil, err
	}
	bar := report.NewProgress(a.err, a.terminal, a.style(), "jobs", 0, time.Now)
	p.Progress = func(n int64) { bar.Set(n) }
	r, err := rehearse.Run(ctx, p)
	bar.Done("")
	if err != nil {
		return nil, traceFault(o.trace, err)
	}
	return r, nil
}

// traceAndFleet opens the trace and reads the fleet of what is done in the twin under a
// strategy, which "" leaves to the cell. The trace is for the caller to close.
func (a *app) traceAndFleet(file, described, strategy, what, example string) (io.ReadCloser, rehearse.Fleet, error) {
	if file == "" || described == "" {
		return nil, rehearse.Fleet{}, usageError{errText("%s needs --trace and --fleet", what), "for example: " + example}
	}
	if err := knownStrategy(strategy); err != nil {
		return nil, rehearse.Fleet{}, err
	}
	fleet, err := rehearse.LoadFleet(described)
	if err != nil {
		return nil, rehearse.Fleet{}, usageError{err, "docs/twin.md says how a fleet is described"}
	}
	in, err := a.openTrace(file)
	return in, fleet, err
}

// knownStrategy refuses a name that is no strategy; "" is the default.
func knownStrategy(name string) error {
	if name == "" {
		return nil
	}
	if _, ok := sched.Find(name); ok {
		return nil
	}
	var names []string
	for _, s := range sched.Strategies() {
		names = append(names, s.Name)
	}
	hint := "drover strategies lists them"
	if near := api.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return usageError{errText("there is no strategy %q", name), hint}
}

// openTrace opens a file, a directory, or standard input. It is for trace.Open.
func (a *app) openTrace(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	if isDir(name) {
		return trace.Dir{FS: os.DirFS(name)}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usageError{err, ""}
	}
	return f, nil
}

func twinPairs(r *rehearse.Report) []report.Pair {
	times := func(s float64) string { return report.Duration(api.Duration(s * float64(api.Second))) }
	spread := func(mean, p50, p99 float64) string {
		return fmt.Sprintf("mean %s, p50 %s, p99 %s", times(mean), times(p50), times(p99))
	}
	list := []report.Pair{
		{Key: "jobs", Value: report.Count(r.Workloads) + " of " + report.Count(r.Tasks) + " tasks, on " + report.Count(int64(r.Nodes)) + " nodes"},
		{Key: "makespan", Value: times(r.MakespanSeconds)},
		{Key: "wait", Value: spread(r.WaitSeconds.Mean, r.WaitSeconds.P50, r.WaitSeconds.P99)},
		{Key: "completion", Value: spread(r.CompletionSeconds.Mean, r.CompletionSeconds.P50, r.CompletionSeconds.P99)},
		{Key: "stretch of runs", Value: fmt.Sprintf("mean %.3f, p50 %.3f, p99 %.3f", r.Stretch.Mean, r.Stretch.P50, r.Stretch.P99)},
		{Key: "taken", Value: fmt.Sprintf("cpu %.1f %%, memory %.1f %%, gpu %.1f %%", 100*r.Utilisation.CPU, 100*r.Utilisation.Memory, 100*r.Utilisation.GPU)},
		{Key: "cpu used", Value: fmt.Sprintf("%.1f %%", 100*r.Utilisation.CPUUsed)},
		{Key: "energy", Value: fmt.Sprintf("%.4g kWh, %.4g kg CO2e, %.4g EUR", r.EnergyKWh, r.CarbonKg, r.Cost)},
		{Key: "not well", Value: fmt.Sprintf("%d deadlines missed, %d tasks failed, %d jobs refused, %d unfinished, %d node failures, %d cuts of links", r.Missed, r.Failed, r.Refused, r.Unfinished, r.NodeFailures, r.LinkCuts)},
		{Key: "simulated in", Value: fmt.Sprintf("%.2f s: %s tasks, %s events", r.WallSeconds, report.PerSecond(r.TasksPerSecond), report.PerSecond(r.EventsPerSecond))},
	}
	if r.GeneratedKWh > 0 {
		list = append(list, report.Pair{Key: "made on site", Value: fmt.Sprintf("%.4g kWh, of which %.4g kWh were used: %.0f %% of the energy", r.GeneratedKWh, r.OwnKWh, 100*r.OwnKWh/max(r.EnergyKWh, 1e-9))})
	}
	for i := range r.Sites {
		if b := r.Sites[i].Battery; b != nil {
			list = append(list, report.Pair{Key: "battery of " + r.Sites[i].Site, Value: batteryText(b)})
		}
	}
	if len(r.Links) > 0 {
		list = append(list, report.Pair{Key: "over links", Value: bytesText(r.BytesOver)})
	}
	if r.Skipped > 0 {
		list = append(list, report.Pair{Key: "skipped", Value: fmt.Sprintf("%d rows; the first: %s", r.Skipped, r.SkippedWhy)})
	}
	return list
}

// batteryText says what a battery did, and what that saved.
func batteryText(b *rehearse.StoreReport) string {
	text := fmt.Sprintf("%.4g kWh bought, %.4g kWh given, %.1f cycles, holds %.4g kWh; the site costs %.4g EUR, %.4g without it", b.BoughtKWh, b.GivenKWh, b.Cycles, b.LastKWh, b.CostWith, b.CostWithout)
	if b.CostOptimal != nil {
		text += fmt.Sprintf(", %.4g at best (gap %.1f %%)", *b.CostOptimal, b.GapPercent)
	}
	return text
}

// bytesText lists what went over each kind of link.
func bytesText(by map[string]int64) string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(by)) {
		out = append(out, kind+" "+report.Bytes(api.Bytes(by[kind])))
	}
	return strings.Join(out, ", ")
}
