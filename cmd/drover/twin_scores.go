package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/grade"
	"drover.dev/internal/mirror"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// scored is what drover twin scores tells.
type scored struct {
	Since  api.Time      `json:"since,omitempty"`
	Graded int           `json:"graded"`
	Open   int           `json:"open"`
	Scores []grade.Score `json:"scores"`
	Plans  []grade.Score `json:"plans"` // of answers of drover plan --twin
}

func newTwinScoresCmd(a *app) *cobra.Command {
	var dir, since, page string
	cmd := &cobra.Command{
		Use:   "scores",
		Short: "Show how the mirror's predictions did, beside persistence",
		Long: `Grades what the mirror of drover twin sync predicted of jobs, once the journal has told
the truth: when they start and end and how long they run, by how far ahead that lay
and by the class of the work. Beside it stands persistence: as long as the last run of
the same workload took, and as long as the one that ended last waited.`,
		Example: "  drover twin scores\n  drover twin scores --since 24h -o json",
		Args:    args(0, 0, ""),
		RunE: func(_ *cobra.Command, _ []string) error {
			s, err := a.scored(dir, since)
			if err != nil {
				return err
			}
			if page != "" {
				if err := wholeFile(page, "page", s.page); err != nil {
					return err
				}
			}
			return a.show(s, func() error { return a.showScores(s) })
		},
	}
	mirrorDirFlag(cmd, &dir)
	cmd.Flags().StringVar(&since, "since", "", "only of jobs that ended so recently: 24h, 7d (default: all that is kept)")
	cmd.Flags().StringVar(&page, "html", "", "also write a page with charts to this file")
	return cmd
}

func (a *app) scored(dir, since string) (*scored, error) {
	dir, err := a.mirrorDir(dir)
	if err != nil {
		return nil, err
	}
	s := &scored{}
	if since != "" {
		d, err := api.ParseDuration(since)
		if err != nil || d <= 0 || d > api.MaxDuration {
			return nil, usageError{errText("--since %.40q is no time", since), "for example --since 24h"}
		}
		s.Since = a.time().Add(-d)
	}
	list, open, err := mirror.ReadGraded(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noMirror(dir)
	}
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(g grade.Graded) bool { return g.Ended < s.Since })
	plans := slices.DeleteFunc(slices.Clone(list), func(g grade.Graded) bool { return g.Origin != grade.OfPlan })
	list = slices.DeleteFunc(list, func(g grade.Graded) bool { return g.Origin != grade.OfMirror })
	s.Graded, s.Open, s.Scores, s.Plans = len(list), open, grade.Scores(list), grade.Scores(plans)
	return s, nil
}

func (a *app) showScores(s *scored) error {
	if s.Graded == 0 && len(s.Plans) == 0 {
		a.say("No prediction was graded yet; %d await their truth.", s.Open)
		return nil
	}
	if err := gradesTable(s.Scores).Render(a.out, a.style()); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	for _, line := range s.verdicts() {
		a.say("%s", line)
	}
	if len(s.Plans) == 0 {
		return nil
	}
	fmt.Fprintln(a.out)
	a.say("Answers of drover plan --twin:")
	return gradesTable(s.Plans).Render(a.out, a.style())
}

func gradesTable(scores []grade.Score) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "OF"},
		{Title: "WHICH"},
		{Title: "N", Right: true},
		{Title: "ERROR", Right: true},
		{Title: "MEDIAN", Right: true},
		{Title: "IN 80 %", Right: true},
		{Title: "PERSISTENCE", Right: true},
		{Title: "TWIN"},
	}}
	for i := range scores {
		c := &scores[i]
		persistence := "–"
		if c.Persistence.N > 0 {
			persistence = fmt.Sprintf("%.1f %%", c.Persistence.MAPE)
		}
		t.Add(c.Of.String(), groupText(c), report.Count(int64(c.N)), fmt.Sprintf("%.1f %%", c.MAPE), seconds(c.MedianSeconds), heldText(c), persistence, string(c.Verdict))
	}
	return t
}

// heldText says of how many it is, where that is not all.
func heldText(c *grade.Score) string {
	switch c.CoverageOf {
	case 0:
		return "nothing known"
	case c.N:
		return fmt.Sprintf("%.0f %%", c.Coverage)
	}
	return fmt.Sprintf("%.0f %% of %s", c.Coverage, report.Count(int64(c.CoverageOf)))
}

// groupText says which predictions a score is of.
func groupText(c *grade.Score) string {
	switch {
	case c.Horizon != "":
		return c.Horizon
	case c.Class != "":
		return "class " + c.Class
	case c.History == grade.Known:
		return "earlier runs known"
	case c.History == grade.Unknown:
		return "no run known"
	}
	return "all"
}

// verdicts say in a line each whether the twin is worth something.
func (s *scored) verdicts() (out []string) {
	for i := range s.Scores {
		c := &s.Scores[i]
		if c.Horizon != "" || c.Class != "" || c.History == grade.Unknown {
			continue
		}
		p := &c.Persistence
		text := map[grade.Verdict]string{
			grade.Beats: "the twin beats persistence", grade.Loses: "the twin is WORSE than persistence", grade.Unclear: "whether the twin beats persistence is not certain",
		}[c.Verdict]
		out = append(out, fmt.Sprintf("Of the %s, %s, %s: %.1f %% against %.1f %% over %s, a gain of %.1f points (95 %% interval %.1f to %.1f).",
			c.Of, groupText(c), text, p.TwinMAPE, p.MAPE, counted(uint64(p.N), "job"), p.Gain, p.Low, p.High))
	}
	return out
}

// page writes the scores as one self-contained HTML page.
func (s *scored) page(w io.Writer) error {
	p := &report.Page{Title: "What the twin foretold, graded", Subtitle: fmt.Sprintf("%s graded, %d open", counted(uint64(s.Graded), "prediction"), s.Open)}
	for _, line := range s.verdicts() {
		p.Text(line)
	}
	for _, of := range []grade.Figure{grade.Start, grade.End, grade.Duration} {
		var bars []report.Bar
		for i := range s.Scores {
			if c := &s.Scores[i]; c.Of == of && c.Horizon != "" && c.Persistence.N > 0 {
				bars = append(bars, report.Bar{Label: c.Horizon + ", twin", Value: c.Persistence.TwinMAPE, Text: fmt.Sprintf("%.1f %%", c.Persistence.TwinMAPE)},
					report.Bar{Label: c.Horizon + ", persistence", Value: c.Persistence.MAPE, Text: fmt.Sprintf("%.1f %%", c.Persistence.MAPE)})
			}
		}
		if len(bars) > 0 {
			p.Bars("Mean absolute percentage error of the "+of.String()+", by how far ahead it lay", bars)
		}
	}
	p.Section("All scores")
	p.Table(gradesTable(s.Scores))
	return p.Render(w)
}
