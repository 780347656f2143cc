package main

import (
	"fmt"
	"os"
	"time"

	"drover.dev/internal/bench"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newBenchHeartbeatsCmd(a *app) *cobra.Command {
	o := bench.HeartbeatsOptions{}
	cmd := &cobra.Command{
		Use:   "heartbeats",
		Short: "What a cell of many nodes that do nothing costs its server",
		Long: `Starts a server as a process of its own, registers simulated nodes over TCP, each
with its own connection and credentials, and lets them do nothing but beat.
Measured are the CPU of the server's process, the records that it wrote to the
journal meanwhile, and how long a node waits for the answer to a heartbeat.`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Self, err = os.Executable(); err != nil {
				return errText("find this program, to start it as server: %w", err)
			}
			bar := report.NewProgress(a.err, a.terminal, a.style(), "nodes", int64(o.Nodes), time.Now)
			o.Report = func(done int64) { bar.Set(done) }
			r, err := bench.Heartbeats(cmd.Context(), o)
			bar.Done("")
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), heartbeatPairs(&r)) })
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.Nodes, "nodes", "n", 10_000, "how many nodes")
	f.DurationVar(&o.Heartbeat, "heartbeat", 2*time.Second, "how often each says that it lives")
	f.DurationVar(&o.For, "for", 20*time.Second, "how long is measured")
	f.StringVar(&o.Dir, "dir", "", "where the server keeps its data (default: the temporary directory)")
	return cmd
}

func heartbeatPairs(r *bench.HeartbeatsReport) []report.Pair {
	return []report.Pair{
		{Key: "nodes", Value: fmt.Sprintf("%s, a heartbeat every %.3g ms", report.Count(int64(r.Nodes)), r.HeartbeatMs)},
		{Key: "heartbeats", Value: fmt.Sprintf("%s, %d not answered in time", report.PerSecond(r.BeatsPerSecond), r.Lost)},
		{Key: "server", Value: fmt.Sprintf("%.3g cores, %.0f MiB", r.ServerCPUCores, r.ServerRSSMB)},
		{Key: "records", Value: fmt.Sprintf("%.0f written, %d nodes silent", r.Records, r.Silent)},
		{Key: "answer", Value: fmt.Sprintf("%.3g ms (p50), %.3g ms (p99)", r.P50Ms, r.P99Ms)},
	}
}
