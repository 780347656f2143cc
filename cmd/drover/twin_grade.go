package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newTwinGradeCmd(a *app) *cobra.Command {
	from, gather := "journal", time.Duration(0)
	cmd := &cobra.Command{
		Use:   "grade",
		Short: "Hold the twin against what a cell really did",
		Long: `Lets the twin run freely on the arrivals in a stopped server's journal, with the run
times that were measured and the overhead that was usual, and compares element by
element: did it go to the same node, or one like it, and how long did it take from
its submission to its end. The error stands beside that of persistence: it takes
as long as the one that ended last.`,
		Example: "  drover twin grade\n  drover twin grade --from /var/lib/drover -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			past, err := a.demandOf(cmd.Context(), from)
			if err != nil {
				return err
			}
			g, err := rehearse.GradePast(cmd.Context(), past, api.Duration(gather))
			if err != nil {
				return usageError{err, "name a journal in which jobs have ended"}
			}
			return a.show(g, func() error { return report.Pairs(a.out, a.style(), gradePairs(g)) })
		},
	}
	cmd.Flags().StringVar(&from, "from", from, "journal (of this machine's stopped server), or a server's data directory")
	cmd.Flags().DurationVar(&gather, "gather", gather, "how long the leader gathers inputs before it decides; the overhead has what was usual in it")
	return cmd
}

func gradePairs(g *rehearse.Grade) []report.Pair {
	var overhead []string
	for driver, s := range g.Overhead {
		overhead = append(overhead, fmt.Sprintf("%s %s", driver, report.Duration(api.Duration(s*float64(api.Second)))))
	}
	slices.Sort(overhead)
	times := func(s float64) string { return report.Duration(api.Duration(s * float64(api.Second))) }
	return []report.Pair{
		{Key: "tasks", Value: fmt.Sprintf("%s of %s workloads; %d workloads left out", report.Count(int64(g.Tasks)), report.Count(int64(g.Workloads)), g.LeftOut)},
		{Key: "placement", Value: fmt.Sprintf("%.1f %% on the same node, %.1f %% on one of the same class (layer, site, cpu, memory, accelerators)", g.SameNode, g.SameClass)},
		{Key: "completion", Value: fmt.Sprintf("%.2f %% mean absolute error; persistence %.1f %%", g.CompletionMAPE, g.Persistence)},
		{Key: "mean completion", Value: fmt.Sprintf("%s live, %s in the twin", times(g.Live), times(g.Twin))},
		{Key: "overhead", Value: strings.Join(overhead, ", ")},
	}
}
