package rehearse

import (
	"fmt"
	"io"
	"strings"

	"drover.dev/internal/report"
)

// shown is how a metric reads in tables and charts.
var shown = map[string]string{
	"completionMean": "completion, mean", "completionP50": "completion, p50", "completionP99": "completion, p99",
	"waitMean": "wait, mean", "waitP50": "wait, p50", "waitP99": "wait, p99", "makespan": "makespan",
	"stretchMean": "stretch of runs, mean", "stretchP99": "stretch of runs, p99",
	"cpuTaken": "CPU taken", "gpuTaken": "GPU taken", "missed": "deadlines missed", "failed": "tasks failed",
	"unfinished": "jobs refused or unfinished", "bytesOver": "over links", "cloudCloud": "over links, cloud to cloud", "cloudEdge": "over links, cloud and edge",
	"edgeEdge": "over links, edge to edge", "deviceEdge": "over links, edge and device", "cloudDevice": "over links, cloud and device",
	"deviceDevice": "over links, device to device",
	"energy":       "energy", "carbon": "carbon", "cost": "cost of energy", "ownEnergy": "energy made on site",
}

func value(m Metric, v float64) string {
	switch m.Unit {
	case "s":
		return report.Number(v) + " s"
	case "":
		return report.Number(v)
	}
	return report.Number(v) + " " + m.Unit
}

// Table puts the strategies side by side: a row a metric, the mean over seeds and
// the half-width of its interval. Metrics that are 0 everywhere are left out.
func (c *Compared) Table() *report.Table {
	t := &report.Table{Columns: []report.Column{{Title: "METRIC"}}}
	for _, s := range c.Strategies {
		t.Columns = append(t.Columns, report.Column{Title: strings.ToUpper(s.Strategy), Right: true})
	}
	for _, m := range Metrics() {
		if !c.any(m) {
			continue
		}
		row := []string{shown[m.Name]}
		for _, s := range c.Strategies {
			v := s.Metrics[m.Name]
			cell := value(m, v.Mean)
			if c.Seeds > 1 {
				cell += " ± " + report.Number(v.High-v.Mean)
			}
			row = append(row, cell)
		}
		t.Add(row...)
	}
	return t
}

func (c *Compared) any(m Metric) bool {
	for _, s := range c.Strategies {
		if s.Metrics[m.Name].Mean != 0 {
			return true
		}
	}
	return false
}

// Table shows what was looked at and what was asked for.
func (v *Verdict) Table() *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "METRIC"},
		{Title: strings.ToUpper(v.Present), Right: true},
		{Title: strings.ToUpper(v.Candidate), Right: true},
		{Title: "CHANGE", Right: true},
		{Title: "ASKED FOR", Right: true},
		{Title: "VERDICT"},
	}}
	for i := range v.Findings {
		f := &v.Findings[i]
		m := Metric{Unit: f.Unit}
		t.Add(shown[f.Metric], value(m, f.Present.Mean), value(m, f.Candidate.Mean), f.change(), f.asked(), f.verdict())
	}
	return t
}

// change is in the metric's own direction, unlike Worse.
func (f *Finding) change() string {
	if !f.Worse.Known {
		return value(Metric{Unit: f.Unit}, f.By.Mean)
	}
	sign := 1.0
	if f.Higher {
		sign = -1
	}
	return fmt.Sprintf("%+.1f %% ± %.1f", sign*f.Worse.Mean+0, f.Worse.High-f.Worse.Mean)
}

func (f *Finding) asked() string {
	sign, bound := f.Required, "at most"
	if f.Higher {
		sign, bound = -sign, "at least"
	}
	return fmt.Sprintf("%s %+.1f %%", bound, sign+0)
}

func (f *Finding) verdict() string {
	switch {
	case f.Passed && f.Guard:
		return "kept"
	case f.Passed:
		return Better
	case f.Guard:
		return "broken"
	case f.Worse.Known && f.Worse.Low > 0:
		return Worse
	}
	return "not better"
}

// Verdicts says in a sentence a strategy what it is better and worse at than the
// first one.
func (c *Compared) Verdicts() []string {
	if c.Seeds < 2 && len(c.Strategies) > 1 {
		return []string{"One run of each says nothing about chance: use more --seeds."}
	}
	var out []string
	for _, s := range c.Strategies[1:] {
		out = append(out, fmt.Sprintf("%s against %s: better at %s; worse at %s.",
			s.Strategy, c.Strategies[0].Strategy, s.list(Better), s.list(Worse)))
	}
	return out
}

func (o *Outcome) list(verdict string) string {
	var out []string
	for _, d := range o.Against {
		if d.Verdict == verdict {
			out = append(out, fmt.Sprintf("%s (%+.1f %%)", shown[d.Metric], d.Percent))
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// Page writes the comparison as one self-contained HTML page.
func (c *Compared) Page(w io.Writer, subtitle string) error {
	p := &report.Page{Title: "Rehearsal of " + fmt.Sprint(len(c.Strategies)) + " strategies", Subtitle: subtitle}
	p.Pairs([]report.Pair{
		{Key: "demand", Value: report.Count(int64(c.Jobs)) + " jobs"},
		{Key: "fleet", Value: report.Count(int64(c.Nodes)) + " nodes"},
		{Key: "runs", Value: fmt.Sprintf("%d of each strategy, run times varied by %.0f %%", c.Seeds, 100*c.Jitter)},
	})
	p.Section("Side by side")
	p.Table(c.Table())
	p.Section("What is better at what")
	for _, s := range c.Verdicts() {
		p.Text(s)
	}
	p.Text("A difference counts when its 95 % interval over the seeds, taken run by run on the same truths, does not include zero.")
	for _, m := range Metrics() {
		if !c.any(m) {
			continue
		}
		var bars []report.Bar
		for _, s := range c.Strategies {
			v := s.Metrics[m.Name].Mean
			bars = append(bars, report.Bar{Label: s.Strategy, Value: v, Text: value(m, v)})
		}
		p.Bars(shown[m.Name], bars)
	}
	return p.Render(w)
}
