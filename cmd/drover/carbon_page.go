package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/energy/account"
	"drover.dev/internal/report"
	"drover.dev/internal/state"
)

// gram and kilowattHour turn the integers of the books into what tables show.
const (
	gram         = 1e6
	kilowattHour = 3.6e12
)

func periodText(p account.Period) string {
	from, to := "the first day that is kept", "today"
	if p.From != 0 {
		from = dayText(p.From)
	}
	if p.To != 0 {
		to = dayText(p.To.Add(-api.Day))
	}
	return from + " to " + to
}

// basesText says what an amount rests on, in shares.
func basesText[T ~int64](total, measured, modelled, assumed T) string {
	if total <= 0 {
		return ""
	}
	var parts []string
	for _, p := range [...]struct {
		of   T
		name string
	}{{measured, "measured"}, {modelled, "modelled"}, {assumed, "assumed"}} {
		if p.of > 0 {
			parts = append(parts, report.Percent(float64(p.of)/float64(total))+" "+p.name)
		}
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func energyBases(e account.Energy) string {
	return energyText(e.Total) + basesText(e.Total, e.Measured, e.Modelled, e.Assumed)
}

func carbonBases(c account.Carbon) string {
	return carbonText(&c.Total) + basesText(c.Total, c.Measured, c.Modelled, c.Assumed)
}

// decimals is a number for programs, report.Number one for people.
func decimals(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// generatedPair says what of the energy sites made themselves, and how it counts.
func generatedPair(e api.Microjoules, how string) report.Pair {
	return report.Pair{Key: "made on site", Value: energyText(e) + " of the energy: " + how, Tone: report.Good}
}

func sciPairs(r *account.SCI) []report.Pair {
	perUnit := api.Micrograms(r.PerUnit)
	list := []report.Pair{
		{Key: "SCI", Value: fmt.Sprintf("%s per %s", carbonText(&perUnit), strings.TrimSuffix(r.Unit.Name, "s")), Tone: report.Strong},
		{Key: "standard", Value: r.Standard + ": (E·I + M) per R"},
		{Key: "of", Value: r.Scope},
		{Key: "time", Value: periodText(r.Period)},
		{Key: "R", Value: report.Count(int64(min(r.Unit.Count, 1<<62))) + " " + r.Unit.Name},
		{Key: "E", Value: energyBases(r.Energy)},
		{Key: "I", Value: report.Number(r.Intensity) + " g/kWh, location-based"},
		{Key: "E·I", Value: carbonBases(r.Operational)},
		{Key: "M", Value: carbonText(&r.Embodied)},
	}
	if r.Energy.Generated > 0 {
		list = append(list, generatedPair(r.Energy.Generated, "it is in E, with an intensity of 0 in I"))
	}
	if r.Undeclared > 0 {
		list = append(list, report.Pair{Key: "not in M", Value: report.Percent(r.Undeclared) + " of the attempts ran on nodes that declare nothing", Tone: report.Warn})
	}
	if r.Since > r.From && r.Since != 0 {
		list = append(list, report.Pair{Key: "not in it", Value: "days before " + dayText(r.Since) + ": books of workloads by day are not kept so long", Tone: report.Warn})
	}
	if r.Mixed > 0 {
		list = append(list, report.Pair{Key: "in doubt", Value: fmt.Sprintf("on %d days it is among others, if it took anything: a day keeps the %d workloads of most energy apart", r.Mixed, state.MaxDayWorks), Tone: report.Warn})
	}
	if r.Unknown > 0 {
		list = append(list, report.Pair{Key: "not in E·I", Value: energyText(r.Unknown) + " of which no intensity is known", Tone: report.Warn})
	}
	return list
}

// sciTable has a row for each day, in units that do not change.
func sciTable(r *account.SCI, number func(float64) string) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "DAY"},
			{Title: "OPERATIONAL G", Right: true},
			{Title: "EMBODIED G", Right: true},
			{Title: "UNITS", Right: true},
			{Title: "G PER UNIT", Right: true},
		},
		Empty: "The book of a workload has no days.",
	}
	for _, d := range r.Days {
		each := ""
		if d.Units > 0 {
			each = number(float64(d.Operational+d.Embodied) / float64(d.Units) / gram)
		}
		t.Add(dayText(d.Day), number(float64(d.Operational)/gram), number(float64(d.Embodied)/gram), strconv.FormatUint(d.Units, 10), each)
	}
	return t
}

func scope2Pairs(r *account.Scope2) []report.Pair {
	list := []report.Pair{
		{Key: "location-based", Value: carbonBases(r.Location), Tone: report.Strong},
		{Key: "market-based", Value: carbonText(&r.Market), Tone: report.Strong},
		{Key: "standard", Value: r.Standard},
		{Key: "time", Value: periodText(r.Period)},
		{Key: "energy", Value: energyBases(r.Energy)},
		{Key: "by certificates", Value: energyText(r.Certified)},
		{Key: "declared", Value: energyText(r.Contracted) + " at factors that sites declare"},
	}
	if r.Energy.Generated > 0 {
		list = append(list, generatedPair(r.Energy.Generated, "it is not bought, and emits nothing by either method"))
	}
	if r.Unknown > 0 {
		list = append(list, report.Pair{Key: "not counted", Value: energyText(r.Unknown) + " location-based, " + energyText(r.MarketUnknown) + " market-based: no intensity is known", Tone: report.Warn})
	}
	return list
}

func scope2Table(r *account.Scope2, number func(float64) string) *report.Table {
	kWh := func(e api.Microjoules) string { return number(float64(e) / kilowattHour) }
	grams := func(c api.Micrograms) string { return number(float64(c) / gram) }
	t := &report.Table{
		Columns: []report.Column{
			{Title: "SITE"},
			{Title: "ZONE"},
			{Title: "KWH", Right: true},
			{Title: "LOCATION G", Right: true},
			{Title: "MARKET G", Right: true},
			{Title: "CERTIFIED KWH", Right: true},
			{Title: "INSTRUMENT"},
			{Title: "MEASURED KWH", Right: true, Wide: true},
			{Title: "MODELLED KWH", Right: true, Wide: true},
			{Title: "ASSUMED KWH", Right: true, Wide: true},
		},
		Empty: "Nothing is booked in this time.",
	}
	for i := range r.Sites {
		s := &r.Sites[i]
		t.Add(orDash(s.Site), orDash(s.Zone), kWh(s.Energy.Total), grams(s.Location.Total), grams(s.Market),
			kWh(s.Covered), instrumentText(s.Instrument), kWh(s.Energy.Measured), kWh(s.Energy.Modelled), kWh(s.Energy.Assumed))
	}
	const behindEnergy = 3
	addGenerated(t, behindEnergy, report.Column{Title: "GENERATED KWH"}, r.Sites, func(s *account.Scope2Site) api.Microjoules { return s.Energy.Generated }, kWh)
	return t
}

func instrumentText(m *api.Market) string {
	if m == nil {
		return "none: the grid's intensity"
	}
	return m.Kind + ", " + m.Factor.String() + "/kWh: " + m.Source
}

func certificateTable(r *account.Scope2) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "CERTIFICATE"}, {Title: "ZONE"}, {Title: "VINTAGE", Right: true}, {Title: "ENERGY", Right: true}, {Title: "COVERS HERE", Right: true},
	}, Empty: "No certificate is retired."}
	for i := range r.Certificates {
		c := &r.Certificates[i]
		t.Add(c.Serial, c.Zone, itoa(c.Vintage), energyText(c.Energy), energyText(c.Covers))
	}
	return t
}

// daily are lines by day; at is the number of the day since 1970.
func daily(names [2]string, days int, at func(i int) (day api.Time, a, b api.Micrograms)) *report.LineChart {
	chart := &report.LineChart{FromZero: true, FormatX: func(v float64) string { return dayText(api.Time(v * float64(api.Day))) }}
	one, two := report.Series{Name: names[0]}, report.Series{Name: names[1]}
	for i := range days {
		day, a, b := at(i)
		x := float64(day / api.Time(api.Day))
		one.X, one.Y = append(one.X, x), append(one.Y, float64(a)/gram)
		two.X, two.Y = append(two.X, x), append(two.Y, float64(b)/gram)
	}
	chart.Series = []report.Series{one, two}
	return chart
}

func sciPage(w io.Writer, r *account.SCI, subtitle string) error {
	p := &report.Page{Title: "Software carbon intensity", Subtitle: subtitle}
	p.Pairs(sciPairs(r))
	if len(r.Days) > 1 {
		p.Section("By day")
		p.Lines("g CO2e, by UTC day", daily([2]string{"operational", "embodied"}, len(r.Days), func(i int) (api.Time, api.Micrograms, api.Micrograms) {
			return r.Days[i].Day, r.Days[i].Operational, r.Days[i].Embodied
		}))
	}
	p.Bars("What it consists of", []report.Bar{
		{Label: "E·I, operational", Value: float64(r.Operational.Total), Text: carbonText(&r.Operational.Total)},
		{Label: "M, embodied", Value: float64(r.Embodied), Text: carbonText(&r.Embodied)},
	})
	p.Table(sciTable(r, report.Number))
	return p.Render(w)
}

func scope2Page(w io.Writer, r *account.Scope2, subtitle string) error {
	p := &report.Page{Title: "Scope 2 emissions", Subtitle: subtitle}
	p.Pairs(scope2Pairs(r))
	if len(r.Days) > 1 {
		p.Section("By day")
		p.Lines("g CO2e, by UTC day", daily([2]string{"location-based", "market-based"}, len(r.Days), func(i int) (api.Time, api.Micrograms, api.Micrograms) {
			return r.Days[i].Day, r.Days[i].Location, r.Days[i].Market
		}))
	}
	p.Section("By site")
	var bars []report.Bar
	for i := range r.Sites {
		s := &r.Sites[i]
		bars = append(bars, report.Bar{Label: orDash(s.Site) + ", location", Value: float64(s.Location.Total), Text: carbonText(&s.Location.Total)},
			report.Bar{Label: orDash(s.Site) + ", market", Value: float64(s.Market), Text: carbonText(&s.Market), Tone: report.Good})
	}
	p.Bars("Both methods, side by side", bars)
	p.Table(scope2Table(r, report.Number))
	p.Section("Certificates")
	p.Table(certificateTable(r))
	p.Text("A certificate covers energy of sites of its zone in the year of its vintage, from the year's first day on. Offsets count in neither method.")
	return p.Render(w)
}
