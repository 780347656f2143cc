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
	from, gather, pairs := "journal", time.Duration(0), 5
	cmd := &cobra.Command{
		Use:   "grade",
		Short: "Hold the twin against what a cell really did",
		Long: `Lets the twin run freely on the arrivals in a stopped server's journal, with the run
times that were measured, and compares element by element: did it go to the same
node, or one like it, and how long did it take from its submission to its end. The
error stands beside that of persistence: it takes as long as the one that ended last.

What a task takes besides running (to start, to be reported, to be stopped) is
milliseconds, but who overtakes whom by one changes what comes after. So there are
several twins: one whose nodes take what the real nodes took, one delay after the
other; one whose nodes always take what is usual; and pairs of twins with delays
drawn by chance. How a pair agrees is what can be foretold without knowing them.`,
		Example: "  drover twin grade\n  drover twin grade --from /var/lib/drover -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			past, err := a.demandOf(cmd.Context(), from)
			if err != nil {
				return err
			}
			if pairs < 0 || pairs > 1000 {
				return usageError{errText("--pairs %d is not from 0 to 1000", pairs), "5 tell roughly how much is chance"}
			}
			bar := report.NewProgress(a.err, a.terminal, a.style(), "twins", int64(2+2*pairs), time.Now)
			g, err := rehearse.GradePast(cmd.Context(), past, rehearse.GradeOptions{
				Gather: api.Duration(gather), Pairs: pairs, Done: func(n int) { bar.Set(int64(n)) },
			})
			bar.Done("")
			if err != nil {
				return usageError{err, "name a journal in which jobs have ended"}
			}
			return a.show(g, func() error { return a.showGrade(g) })
		},
	}
	cmd.Flags().StringVar(&from, "from", from, "journal (of this machine's stopped server), or a server's data directory")
	cmd.Flags().DurationVar(&gather, "gather", gather, "how long the leader gathers inputs before it decides, where delays are usual or drawn: they have what was usual in them")
	cmd.Flags().IntVar(&pairs, "pairs", pairs, "pairs of twins with delays drawn by chance; 0 leaves them out")
	return cmd
}

func (a *app) showGrade(g *rehearse.Grade) error {
	if err := report.Pairs(a.out, a.style(), gradePairs(g)); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	t := &report.Table{Columns: []report.Column{
		{Title: "DELAYS", Both: true},
		{Title: "SAME NODE", Right: true},
		{Title: "SAME CLASS", Right: true},
		{Title: "COMPLETION OFF BY", Right: true},
	}}
	for _, row := range []struct {
		name string
		of   *rehearse.Match
	}{{"as they were", &g.Match}, {"usual", g.Usual}, {"drawn", g.Drawn}, {"drawn, two twins", g.Apart}} {
		if m := row.of; m != nil {
			t.Add(row.name, fmt.Sprintf("%.1f %%", m.SameNode), fmt.Sprintf("%.1f %%", m.SameClass), fmt.Sprintf("%.2f %%", m.CompletionMAPE))
		}
	}
	t.Add("persistence", "", "", fmt.Sprintf("%.1f %%", g.Persistence))
	return t.Render(a.out, a.style())
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
		{Key: "mean completion", Value: fmt.Sprintf("%s live, %s in the twin, %s with usual delays", times(g.Live), times(g.Mean), times(g.Usual.Mean))},
		{Key: "usual delay", Value: strings.Join(overhead, ", ")},
	}
}
