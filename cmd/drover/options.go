package main

import (
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/internal/report"
)

// showOptions is a table of what a task takes as decided, elsewhere and later; nothing
// where that is not known.
func (a *app) showOptions(task string, list []api.Option) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(a.out)
	a.say("What %s takes:", task)
	t := &report.Table{Columns: []report.Column{
		{Title: "NODE"}, {Title: "START"}, {Title: "ENERGY", Right: true}, {Title: "CARBON", Right: true}, {Title: "COST", Right: true}, {Title: "COMPARED"}, {Title: "IN DOUBT"},
	}}
	for i := range list {
		o := &list[i]
		t.Add(o.Node, startText(o), energyText(o.Energy)+basisText(o.Basis), carbonText(o.Carbon), costText(o.Cost), comparedText(o), orDash(o.Note))
	}
	return t.Render(a.out, a.style())
}

func startText(o *api.Option) string {
	if o.Delay == 0 {
		return "as decided"
	}
	return time.Unix(0, int64(o.Start)).Format("15:04") + ", +" + report.Duration(o.Delay)
}

// energyText writes an amount of energy in the unit that fits it.
func energyText(e api.Microjoules) string {
	switch wh := float64(e) / 3.6e9; {
	case e == 0:
		return "0"
	case wh >= 1000 || wh <= -1000:
		return report.Number(wh/1000) + " kWh"
	case wh >= 1 || wh <= -1:
		return report.Number(wh) + " Wh"
	}
	return report.Number(float64(e)/1e6) + " J"
}

func basisText(basis string) string {
	if basis == "" || basis == api.BasisModelled {
		return ""
	}
	return " (" + basis + ")"
}

func carbonText(c *api.Micrograms) string {
	if c == nil {
		return "–"
	}
	switch g := float64(*c) / 1e6; {
	case g >= 1000:
		return report.Number(g/1000) + " kg"
	case g >= 1 || *c == 0:
		return report.Number(g) + " g"
	}
	return report.Number(float64(*c)/1e3) + " mg"
}

func costText(m *api.Money) string {
	if m == nil {
		return "–"
	}
	return report.Number(float64(m.Micro)/1e6) + " " + m.Currency
}

// comparedText says what an option saves or takes more than what was decided.
func comparedText(o *api.Option) string {
	text := ""
	for _, c := range [...]struct {
		percent *int32
		what    string
	}{{o.CarbonPercent, "carbon"}, {o.CostPercent, "cost"}} {
		if c.percent == nil {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%+d %% %s", *c.percent, c.what)
	}
	return orDash(text)
}

// tookText sums up what tasks took: "12.5 Wh (measured), 3.2 Wh of it made on site, 4.1 g CO2e, 0.003 EUR". What is
// not known of one of them is not said of all; more says that these are not all.
func tookText(tasks []api.TaskView, more bool) string {
	var sum api.Footprint
	carbon, cost, n := api.Micrograms(0), api.Money{}, 0
	allCarbon, allCost := true, true
	for i := range tasks {
		f := tasks[i].Took
		if f == nil {
			continue
		}
		n++
		sum.Energy, sum.Generated = sum.Energy+f.Energy, sum.Generated+f.Generated
		if sum.Basis == "" || sum.Basis == api.BasisMeasured || f.Basis == api.BasisAssumed {
			sum.Basis = f.Basis
		}
		if allCarbon = allCarbon && f.Carbon != nil; allCarbon {
			carbon += *f.Carbon
		}
		if allCost = allCost && f.Cost != nil && (cost.Currency == "" || cost.Currency == f.Cost.Currency); allCost {
			cost = api.Money{Micro: cost.Micro + f.Cost.Micro, Currency: f.Cost.Currency}
		}
	}
	if n == 0 {
		return ""
	}
	text := energyText(sum.Energy) + " (" + sum.Basis + ")"
	if sum.Generated > 0 {
		text += ", " + energyText(sum.Generated) + " of it made on site"
	}
	if allCarbon {
		text += ", " + carbonText(&carbon) + " CO2e"
	}
	if allCost {
		text += ", " + costText(&cost)
	}
	if more {
		text += ", by the tasks that are shown"
	}
	return text
}
