package main

import (
	"fmt"
	"os"
	"time"

	"drover.dev/internal/bench"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newBenchReadsCmd(a *app) *cobra.Command {
	o := bench.ReadsOptions{}
	cmd := &cobra.Command{
		Use:   "reads",
		Short: "How long reads take beside as many writes as the server takes",
		Long: `Starts a server and an agent as processes of their own, over TCP, with a synced
journal, and fills the cell with finished workloads. Then some clients list, show
and ask for the status, first alone, then beside two clients that submit workloads
as fast as they are taken. Measured is how long each read takes as the client sees
it, until its answer has arrived, and in the server alone; all of them share this
machine.`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Self, err = os.Executable(); err != nil {
				return errText("find this program, to start it as server and agent: %w", err)
			}
			bar := report.NewProgress(a.err, a.terminal, a.style(), "workloads", int64(o.Known), time.Now)
			o.Report = func(done int64) { bar.Set(done) }
			r, err := bench.Reads(cmd.Context(), o)
			bar.Done("")
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), readPairs(&r)) })
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.Known, "known", "n", 10_000, "how many finished workloads the cell holds beforehand")
	f.IntVar(&o.Readers, "readers", 4, "how many clients read at once")
	f.DurationVar(&o.For, "for", 10*time.Second, "how long is measured, twice")
	f.StringVar(&o.Dir, "dir", "", "where the journal is kept (default: the temporary directory)")
	return cmd
}

func readPairs(r *bench.ReadsReport) []report.Pair {
	out := []report.Pair{
		{Key: "known", Value: report.Count(int64(r.Known)) + " workloads"},
		{Key: "writes", Value: fmt.Sprintf("%s submitted, %s finished", report.PerSecond(r.WritesPerSec), report.PerSecond(r.FinishedPerSec))},
	}
	for i := range r.Loaded {
		quiet, loaded := &r.Quiet[i], &r.Loaded[i]
		out = append(out, report.Pair{Key: loaded.Read, Value: fmt.Sprintf(
			"%.3g ms (p50), %.3g ms (p99) of %d reads; alone %.3g ms, %.3g ms", loaded.P50Ms, loaded.P99Ms, loaded.Count, quiet.P50Ms, quiet.P99Ms)})
	}
	out = append(out, report.Pair{Key: "server", Value: fmt.Sprintf(
		"%.3g ms (p50), %.3g ms (p99) of these in the server; alone %.3g ms, %.3g ms", r.ServerLoaded.P50Ms, r.ServerLoaded.P99Ms, r.ServerQuiet.P50Ms, r.ServerQuiet.P99Ms)})
	return append(out, report.Pair{Key: "machine", Value: fmt.Sprintf("a pause ends %.3g ms late (p99); alone %.3g ms", r.LoadedLateMs, r.QuietLateMs)})
}
