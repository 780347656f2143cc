package main

import (
	"fmt"
	"strconv"
	"strings"

	"drover.dev/internal/bench"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newBenchSchedCmd(a *app) *cobra.Command {
	o := bench.SchedOptions{}
	cmd := &cobra.Command{
		Use:   "sched",
		Short: "How many placements a second one core decides",
		Long: `Decides where tasks go, and nothing else: no journal, no network, one core. The
cell is filled to 70 % first; then one task comes for each that leaves. Requests
and nodes are of the kinds of a real GPU cluster; each decision weighs latency,
packing and taints, and is recorded with its runners-up and reasons.`,
		Example: "  drover bench sched --nodes 5000 --tasks 50000 --case basic",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := bench.Sched(cmd.Context(), o)
			if err != nil {
				return usageError{fmt.Errorf("bench sched: %w", err), "see " + cmd.CommandPath() + " --help"}
			}
			return a.show(r, func() error {
				return report.Pairs(a.out, a.style(), []report.Pair{
					{Key: "cell", Value: fmt.Sprintf("%s nodes, %s tasks of %s shapes, case %s", report.Count(int64(r.Nodes)), report.Count(int64(r.Tasks)), report.Count(int64(r.Shapes)), r.Case)},
					{Key: "placements", Value: report.PerSecond(r.PlacementsPerSecond)},
					{Key: "one decision", Value: fmt.Sprintf("%.1f µs (p50), %.1f µs (p99)", r.P50Us, r.P99Us)},
					{Key: "memory", Value: strconv.Itoa(int(r.BytesPerNode)) + " bytes a node"},
				})
			})
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Nodes, "nodes", 5000, "how many nodes")
	f.IntVar(&o.Tasks, "tasks", 50000, "how many decisions")
	f.IntVar(&o.Shapes, "shapes", 150, "how many different requests")
	f.StringVar(&o.Case, "case", "basic", "what tasks ask for: "+strings.Join(bench.SchedCases(), ", "))
	f.IntVar(&o.Pending, "pending", 0, "how many tasks wait beside, for which there is never room")
	f.BoolVar(&o.Naive, "naive", false, "score every node instead of searching in order, to compare")
	completeFlag(cmd, "case", bench.SchedCases()...)
	return cmd
}
