package main

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newStrategiesProbationCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "probation",
		Short: "Show how the strategy that was set last does against its prediction",
		Long: `Show the last change of the cell's strategy that was watched: what was measured
before, what the rehearsal predicted, what is allowed, and what is measured since,
of the jobs that came after the change and have ended.`,
		Args: args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if s.Probation == nil {
				return codeError{exitNotFound, "no change of the strategy was ever watched; drover strategies set NAME --if-better has one watched"}
			}
			return a.show(s.Probation, func() error {
				a.say("%s", probationText(s.Probation))
				a.say("")
				return probationTable(s.Probation).Render(a.out, a.style())
			})
		}),
	}
}

// probationText says in a line how a change of the strategy does.
func probationText(p *api.ProbationView) string {
	switch p.Status {
	case api.ProbationOpen:
		return fmt.Sprintf("%s in the place of %s, on probation from %s to %s", p.Strategy, p.Asked.From, p.Since, p.Until)
	case api.ProbationRolledBack:
		return fmt.Sprintf("%s was rolled back to %s at %s: %s", p.Strategy, p.Asked.From, p.Until, p.Reason)
	}
	return fmt.Sprintf("%s in the place of %s was %s at %s: %s", p.Strategy, p.Asked.From, p.Status, p.Until, p.Reason)
}

func probationTone(status string) report.Tone {
	switch status {
	case api.ProbationKept:
		return report.Good
	case api.ProbationRolledBack:
		return report.Bad
	}
	return report.Warn
}

func probationTable(p *api.ProbationView) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "METRIC"},
		{Title: "BEFORE", Right: true},
		{Title: "PREDICTED", Right: true},
		{Title: "ALLOWED", Right: true},
		{Title: "SAMPLES", Right: true},
		{Title: "MEASURED", Right: true},
	}}
	for i := range p.Figures {
		g, f := &p.Asked.Goals[i], &p.Figures[i]
		t.Add(string(g.Metric), report.Duration(g.Before), fmt.Sprintf("%s (%s to %s)", report.Duration(g.Expected), report.Duration(g.Low), report.Duration(g.High)), report.Duration(g.Limit), report.Count(f.Samples), measuredText(g.Metric, f))
	}
	return t
}

// measuredText shows a mean, or for a percentile how many are beyond what is allowed.
func measuredText(m api.LiveMetric, f *api.LiveFigure) string {
	_, percentile, _ := m.Parts()
	switch {
	case f.Samples == 0:
		return "–"
	case percentile == 0:
		return report.Duration(f.Mean)
	}
	return fmt.Sprintf("%.1f %% are longer", 100*float64(f.Beyond)/float64(f.Samples))
}
