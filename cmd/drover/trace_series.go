package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"drover.dev/api"
	"drover.dev/internal/report"
	"drover.dev/internal/trace"
)

// seriesIn describes a file of values over time; nil when it is none, or a trace,
// or cannot be read twice.
func (a *app) seriesIn(name string) *trace.Series {
	if name == "-" || isDir(name) {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil // opening it as a trace says why
	}
	defer f.Close()
	if _, _, err := trace.Open(f, ""); err == nil {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil
	}
	s, err := trace.DescribeSeries(f)
	if err != nil || len(s.Columns) == 0 {
		return nil
	}
	return s
}

// seriesSummary is how a series is shown as JSON.
type seriesSummary struct {
	From        time.Time       `json:"from"`
	To          time.Time       `json:"to"`
	StepSeconds float64         `json:"stepSeconds"`
	Rows        int             `json:"rows"`
	Gaps        int             `json:"gaps"`
	Columns     []seriesColumns `json:"columns"`
}

type seriesColumns struct {
	Name    string  `json:"name"`
	Min     float64 `json:"min"`
	Mean    float64 `json:"mean"`
	Max     float64 `json:"max"`
	Missing int     `json:"missing"`
}

func seriesOf(s *trace.Series) seriesSummary {
	out := seriesSummary{From: s.From, To: s.To, StepSeconds: s.Step.Seconds(), Rows: s.Rows, Gaps: s.Gaps}
	for _, c := range s.Columns {
		out.Columns = append(out.Columns, seriesColumns(c))
	}
	return out
}

func (a *app) seriesShown(s *trace.Series) error {
	a.say("%s values from %s to %s, every %s; %d missing steps", report.Count(int64(s.Rows)),
		s.From.Format(time.RFC3339), s.To.Format(time.RFC3339), report.Duration(api.Duration(s.Step)), s.Gaps)
	a.say("")
	t := &report.Table{Columns: []report.Column{
		{Title: "COLUMN"}, {Title: "MIN", Right: true}, {Title: "MEAN", Right: true}, {Title: "MAX", Right: true}, {Title: "MISSING", Right: true},
	}}
	for _, c := range s.Columns {
		t.Add(c.Name, report.Number(c.Min), report.Number(c.Mean), report.Number(c.Max), fmt.Sprint(c.Missing))
	}
	return t.Render(a.out, a.style())
}
