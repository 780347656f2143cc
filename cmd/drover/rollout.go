package main

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newStrategiesRolloutCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rollout",
		Aliases: []string{"shadow", "canary"},
		Short:   "Show how a strategy does that is tried in stages",
		Long: `Show the last change of the cell's strategy that was made in stages: what the
strategy would have done beside the decisions that were made (shadow), and the
figures of the jobs that it decided for, beside those of the control group (canary).

SURELY is the difference with three standard errors to either side. A canary whose
jobs are surely worse off, by more than was allowed, is taken back by itself.`,
		Args: args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if s.Rollout == nil {
				return codeError{exitNotFound, "no strategy was ever tried in stages; drover strategies set NAME --if-better --stages shadow,canary,all has one tried"}
			}
			return a.show(s.Rollout, func() error { return a.tellRollout(s.Rollout) })
		}),
	}
}

func (a *app) tellRollout(r *api.RolloutView) error {
	a.say("%s", rolloutText(r))
	if r.Shadow != nil {
		a.say("")
		if err := report.Pairs(a.out, a.style(), shadowPairs(r)); err != nil {
			return err
		}
	}
	if len(r.Trial) > 0 {
		a.say("")
		return canaryTable(r).Render(a.out, a.style())
	}
	return nil
}

// rolloutText says in a line how a change in stages does.
func rolloutText(r *api.RolloutView) string {
	switch {
	case r.Status == api.RolloutOpen && r.Stage == api.StageCanary && len(r.Stages.Sites) > 0:
		return fmt.Sprintf("%s chooses the node for %d %% of the jobs that %s sends to %s, from %s to %s", r.Strategy, r.Stages.Share, r.From, strings.Join(r.Stages.Sites, ", "), r.Since, r.Until)
	case r.Status == api.RolloutOpen && r.Stage == api.StageCanary:
		return fmt.Sprintf("%s decides for %d %% of the jobs, %s for the others, from %s to %s", r.Strategy, r.Stages.Share, r.From, r.Since, r.Until)
	case r.Status == api.RolloutOpen:
		return fmt.Sprintf("%s decides in the shadow of %s, from %s to %s", r.Strategy, r.From, r.Since, r.Until)
	}
	return fmt.Sprintf("%s in the place of %s, tried in stages, was %s at %s (%s): %s", r.Strategy, r.From, r.Status, r.Until, r.Stage, r.Reason)
}

func rolloutTone(status string) report.Tone {
	switch status {
	case api.RolloutPassed:
		return report.Good
	case api.RolloutRefused, api.RolloutRolled:
		return report.Bad
	}
	return report.Warn
}

func shadowPairs(r *api.RolloutView) []report.Pair {
	s := r.Shadow
	of := func(n int64) string {
		return fmt.Sprintf("%s (%.1f %%)", report.Count(n), 100*float64(n)/float64(max(s.Decisions, 1)))
	}
	pairs := []report.Pair{
		{Key: "Decided beside", Value: report.Count(s.Decisions) + " placements of " + r.From},
		{Key: "To another node", Value: of(s.Differ)},
		{Key: "To no node", Value: of(s.Refused)},
		{Key: "Predicted sooner", Value: of(s.Faster)},
		{Key: "Predicted later", Value: of(s.Slower)},
		{Key: "Predicted time", Value: fmt.Sprintf("%s, and %s of %s, in the mean", report.Duration(s.Candidate), report.Duration(s.Present), r.From)},
	}
	if s.Scored > 0 {
		pairs = append(pairs, report.Pair{Key: "Its own score", Value: fmt.Sprintf("better by %s in the mean than of what was chosen", report.Count(s.Gain))})
	}
	if s.Skipped > 0 {
		pairs = append(pairs, report.Pair{Key: "Passed over", Value: report.Count(s.Skipped) + " while there was more to do"})
	}
	return pairs
}

func canaryTable(r *api.RolloutView) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "METRIC"},
		{Title: "CANARY", Right: true},
		{Title: "OF", Right: true},
		{Title: "CONTROL", Right: true},
		{Title: "OF", Right: true},
		{Title: "SURELY", Right: true},
		{Title: "ALLOWED", Right: true},
	}}
	for i := range r.Trial {
		g := &r.Goals[i]
		t.Add(string(g.Metric), measuredText(g.Metric, &r.Trial[i]), report.Count(r.Trial[i].Samples), measuredText(g.Metric, &r.Control[i]), report.Count(r.Control[i].Samples), gapText(g.Metric, &r.Worse[i]), allowedText(g))
	}
	return t
}

func gapText(m api.LiveMetric, g *api.Gap) string {
	switch _, percentile, _ := m.Parts(); {
	case !g.Known:
		return "–"
	case percentile > 0:
		return fmt.Sprintf("%+.1f to %+.1f %%", float64(g.Low)/10, float64(g.High)/10)
	}
	return signed(g.Low) + " to " + signed(g.High)
}

// signed is a time with its sign.
func signed(ns int64) string {
	if ns < 0 {
		return "-" + report.Duration(api.Duration(-ns))
	}
	return "+" + report.Duration(api.Duration(ns))
}

func allowedText(g *api.Goal) string {
	if _, percentile, _ := g.Metric.Parts(); percentile > 0 {
		return fmt.Sprintf("%d %% beyond %s", 100-percentile, report.Duration(g.Limit))
	}
	return signed(int64(max(g.Limit-g.Before, 0)))
}
