package main

import (
	"fmt"
	"os"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bench"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// newBenchCmd is the parent of the measuring commands.
func newBenchCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure Drover on this machine",
		Long:  "Measure Drover on this machine. What is measured, and against which bound, is said in docs/benchmarks.md.",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newBenchTasksCmd(a), newBenchForecastCmd(a), newBenchGainsCmd(a), newBenchDatacentreCmd(a), newBenchPackCmd(a), newBenchSchedCmd(a), newBenchHeartbeatsCmd(a), newBenchReadsCmd(a), newBenchChaosCmd(a), newBenchManufacturingCmd(a))
	return cmd
}

func newBenchTasksCmd(a *app) *cobra.Command {
	o := bench.TasksOptions{}
	cmd := &cobra.Command{
		Use:   "tasks",
		Short: "Tasks from submission to the recorded end, and the latency of one alone",
		Long: `Starts a server and an agent as processes of their own, over TCP, with a synced
journal; submits separately named workloads of one task in batches with the
public Go client, and waits until the end of each is recorded.

The latency is that of one task alone, from its submission to its result.
syncMs is the median time of a synced write of 4 KiB in the same directory: no
acknowledged task can take less.`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Self, err = os.Executable(); err != nil {
				return errText("find this program, to start it as server and agent: %w", err)
			}
			bar := report.NewProgress(a.err, a.terminal, a.style(), "tasks", int64(o.N), time.Now)
			o.Report = func(done int64) { bar.Set(done) }
			r, err := bench.Tasks(cmd.Context(), o)
			bar.Done("")
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), tasksPairs(&r)) })
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.N, "tasks", "n", 20000, "how many tasks")
	f.StringVar(&o.Driver, "driver", api.DriverNoop, "noop, process or wasm")
	f.IntVar(&o.Singles, "singles", 50, "how many tasks are run alone, for the latency")
	f.StringVar(&o.Dir, "dir", "", "where the journal is measured (default: the temporary directory)")
	completeFlag(cmd, "driver", api.DriverNoop, api.DriverProcess, api.DriverWASM)
	return cmd
}

func tasksPairs(r *bench.TasksReport) []report.Pair {
	num := func(v float64, unit string) string { return fmt.Sprintf("%.3g %s", v, unit) }
	return []report.Pair{
		{Key: "tasks", Value: report.Count(int64(r.Tasks)) + ", driver " + r.Driver},
		{Key: "throughput", Value: report.PerSecond(r.TasksPerSecond)},
		{Key: "one alone", Value: num(r.P50Ms, "ms") + " (p50), " + num(r.P99Ms, "ms") + " (p99)"},
		{Key: "a sync", Value: num(r.SyncMs, "ms")},
		{Key: "syncs per task", Value: num(r.SyncsPerTask, "")},
		{Key: "CPU per task", Value: num(r.CPUMsPerTask, "ms of server and agent")},
	}
}
