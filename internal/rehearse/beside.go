package rehearse

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/report"
	"drover.dev/internal/twin"
)

// Beside is what a strategy in the shadow would have done in the place of the one that
// decided: the placements that it was asked about, one by one and on the very state.
type Beside struct {
	Strategy  string `json:"strategy"`
	Decisions int64  `json:"decisions"`
	Differ    int64  `json:"differ"`  // to another node
	Refused   int64  `json:"refused"` // to no node
	Faster    int64  `json:"faster"`  // for which it predicts a sooner end
	Slower    int64  `json:"slower"`
	// Present and Candidate are the mean predicted times from the decision until the
	// outputs are back, in s.
	Present   float64 `json:"presentSeconds"`
	Candidate float64 `json:"candidateSeconds"`
	// Of the decisions of which it scored both nodes: how many, and by how much it
	// preferred its own in the mean.
	Scored int64   `json:"scored"`
	Gain   float64 `json:"gain"`
	// Terms say by which terms of its score it did, of those that differ: the sum of each,
	// divided by Scored.
	Terms []Preferred `json:"terms,omitempty"`

	sum twin.Shadowed
}

// Preferred is by how much a term of a score prefers one node to another, in the mean.
type Preferred struct {
	Term string  `json:"term"`
	By   float64 `json:"by"`
}

// besideOf is what a run says of its shadow; nil when it had none.
func besideOf(strategy string, found *twin.Shadowed) *Beside {
	if found == nil {
		return nil
	}
	t := &found.Tally
	b := &Beside{
		Strategy: strategy, Decisions: int64(t.Decisions), Differ: int64(t.Differ), Refused: int64(t.Refused),
		Faster: int64(t.Faster), Slower: int64(t.Slower), Scored: int64(t.Scored), sum: *found,
	}
	if n := float64(t.Decisions - t.Refused); n > 0 {
		b.Present, b.Candidate = float64(t.Present)/1e6/n, float64(t.Candidate)/1e6/n
	}
	if n := float64(t.Scored); n > 0 {
		b.Gain = float64(t.Gain) / n
		for _, term := range found.Terms {
			if term.Value != 0 {
				b.Terms = append(b.Terms, Preferred{term.Name, float64(term.Value) / n})
			}
		}
	}
	return b
}

// besides sums what runs say; nil when one had no shadow.
func besides(runs []*Report) *Beside {
	var sum twin.Shadowed
	terms := map[string]int64{}
	for _, r := range runs {
		if r.Shadow == nil {
			return nil
		}
		sum.Tally.Add(&r.Shadow.sum.Tally)
		for _, t := range r.Shadow.sum.Terms {
			terms[t.Name] += t.Value
		}
	}
	for _, name := range sortedNames(terms) {
		sum.Terms = append(sum.Terms, api.Term{Name: name, Value: terms[name]})
	}
	return besideOf(runs[0].Shadow.Strategy, &sum)
}

// ShadowTable shows what the strategy in the shadow would have done beside each of the
// others; nil when none was.
func (c *Compared) ShadowTable() *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "BESIDE"},
		{Title: "PLACEMENTS", Right: true},
		{Title: "TO ANOTHER NODE", Right: true},
		{Title: "TO NO NODE", Right: true},
		{Title: "SOONER", Right: true},
		{Title: "LATER", Right: true},
		{Title: "PREDICTED", Right: true},
		{Title: "ITS SCORE", Right: true},
		{Title: "BY"},
	}}
	any := false
	for i := range c.Strategies {
		b := c.Strategies[i].Shadow
		if b == nil {
			continue
		}
		any = true
		t.Add(c.Strategies[i].Strategy, report.Count(b.Decisions), b.share(b.Differ), b.share(b.Refused), b.share(b.Faster), b.share(b.Slower),
			fmt.Sprintf("%s s, not %s s", report.Number(b.Candidate), report.Number(b.Present)), "+"+report.Number(b.Gain), b.by())
	}
	if !any {
		return nil
	}
	return t
}

func (b *Beside) share(n int64) string {
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(b.Decisions, 1)))
}

// by names the terms: "packing +120, latency -3".
func (b *Beside) by() string {
	out := make([]string, len(b.Terms))
	for i, t := range b.Terms {
		sign := "+"
		if t.By < 0 {
			sign = ""
		}
		out[i] = t.Term + " " + sign + report.Number(t.By)
	}
	return strings.Join(out, ", ")
}

// Text says it in a line.
func (b *Beside) Text(present string) string {
	return fmt.Sprintf("Beside %s, %s would have placed %s of %s elements on another node (%s), and %d on none.",
		present, b.Strategy, report.Count(b.Differ), report.Count(b.Decisions), b.share(b.Differ), b.Refused)
}
