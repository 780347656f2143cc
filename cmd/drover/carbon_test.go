package main

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/energy/account"
	"drover.dev/internal/report"
)

// someDays are two weeks of a cell with two sites, one of which buys wind power.
func someDays() (days []api.BookView, sites []api.Site, ledger []api.OffsetView) {
	begin := api.Time(1_767_225_600_000_000_000) // 2026-01-01
	for d := range 14 {
		day := begin.Add(api.Duration(d) * api.Day)
		e := api.Microjoules(5+d%7) * kilowattHour
		days = append(days,
			api.BookView{Day: day, Site: "berlin", Attempts: 40, Succeeded: 38, Runs: 12, Measured: e, Carbon: api.Micrograms(e / 9000), Market: api.Micrograms(e / 6000), CarbonMeasured: api.Micrograms(e / 9000), Embodied: 3e8, Declared: 40},
			api.BookView{Day: day, Site: "oslo", Attempts: 20, Succeeded: 20, Modelled: e / 2, Carbon: api.Micrograms(e / 60000), CarbonModelled: api.Micrograms(e / 60000), Contracted: e / 2},
		)
	}
	sites = []api.Site{
		{Name: "berlin", Zone: "DE-LU", Market: &api.Market{Factor: 600_000_000, Kind: api.MarketResidual, Source: "=cmd|' /C calc'!A0"}},
		{Name: "oslo", Zone: "NO-NO1", Market: &api.Market{Kind: api.MarketContract, Source: "wind power by <b>contract</b>"}},
	}
	ledger = []api.OffsetView{{Status: api.OffsetRetired, Offset: api.Offset{Serial: "GO-1", Kind: api.Certificate, Energy: 40 * kilowattHour, Zone: "DE", Vintage: 2026}}}
	return days, sites, ledger
}

func TestCarbonPages(t *testing.T) {
	days, sites, ledger := someDays()
	r := account.MakeScope2(days, sites, ledger, account.Period{})
	var page bytes.Buffer
	if err := scope2Page(&page, r, "made for a test"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"location-based", "market-based", "GO-1", "wind power by &lt;b&gt;contract", "<svg"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page.String(), "<b>") {
		t.Error("a text of an operator is markup")
	}
	sci, err := account.MakeSCI("cell", days, account.Period{}, account.Unit{Name: account.UnitTasks})
	if err != nil {
		t.Fatal(err)
	}
	page.Reset()
	if err := sciPage(&page, sci, ""); err != nil || !strings.Contains(page.String(), "per task") {
		t.Errorf("%v: %.300s", err, page.String())
	}
}

func TestCarbonCSV(t *testing.T) {
	days, sites, ledger := someDays()
	var b bytes.Buffer
	if err := scope2Table(account.MakeScope2(days, sites, ledger, account.Period{}), decimals).CSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][0] != "berlin" || rows[1][2] != "112" || rows[1][5] != "40" {
		t.Errorf("%q, %v", rows, err)
	}
}

func TestCarbonReportFlags(t *testing.T) {
	for name, o := range map[string]carbonReport{
		"another standard":         {standard: "scope3"},
		"another format":           {standard: "sci", format: "pdf"},
		"no day":                   {standard: "sci", from: "2026-02-30"},
		"an end before the begin":  {standard: "sci", from: "2026-02-02", to: "2026-02-01"},
		"a unit without a count":   {standard: "sci", per: "users="},
		"a unit without a name":    {standard: "sci", per: "=5"},
		"scope 2 of one workload":  {standard: "scope2", workload: "w"},
		"no day of one workload":   {standard: "sci", workload: "w", from: "2026-02"},
		"a year beyond the ledger": {standard: "sci", from: "9999-01-01"},
	} {
		a := &app{}
		a.set.output = "table"
		if err := o.settle(a); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	o := carbonReport{standard: "sci", from: "2026-02-01", to: "2026-02-01", per: "requests=12"}
	a := &app{}
	a.set.output = "json"
	if err := o.settle(a); err != nil || o.period.To.Sub(o.period.From) != api.Day || o.unit != (account.Unit{Name: "requests", Count: 12}) || !a.machine() {
		t.Errorf("%v: %+v", err, o)
	}
}

// TestCostForms: currencies stand beside each other, in the table, for programs and in a page.
func TestCostForms(t *testing.T) {
	days, _, _ := someDays()
	for i := range days {
		days[i].Costs = []api.Money{{Micro: 1_500_000, Currency: "EUR"}}
		if days[i].Site == "oslo" {
			days[i].Costs = []api.Money{{Micro: 9_000_000, Currency: "NOK"}}
		}
	}
	r := account.MakeCosts(api.BooksBySite, days, account.Period{}, func(b *api.BookView) string { return b.Site })
	var out, page bytes.Buffer
	if err := costTable(r, decimals).CSV(&out); err != nil {
		t.Fatal(err)
	}
	if want := "SITE,ATTEMPTS,KWH,EUR,NOK\nberlin,560,112,21,0\noslo,280,56,0,126\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if err := costPage(&page, r, "made for a test"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"21.0 EUR", "126 NOK", "Currencies are never added", "<svg"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if bars := costBars(r, "NOK"); len(bars) != 1 || bars[0].Label != "oslo" {
		t.Errorf("%+v", bars)
	}
}

// TestGeneratedColumns: what sites made themselves has a column in each form of the books,
// and none where they made nothing.
func TestGeneratedColumns(t *testing.T) {
	days, sites, ledger := someDays()
	forms := func() map[string]string {
		scope2 := account.MakeScope2(days, sites, ledger, account.Period{})
		costs := account.MakeCosts(api.BooksBySite, days, account.Period{}, func(b *api.BookView) string { return b.Site })
		sci, err := account.MakeSCI("cell", days, account.Period{}, account.Unit{Name: account.UnitTasks})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for name, table := range map[string]*report.Table{
			"books": bookTable(days, api.BooksByDay), "scope 2": scope2Table(scope2, decimals), "cost": costTable(costs, decimals),
			"tasks": (&app{}).taskTable([]api.TaskView{{Result: &api.Result{}, Took: &api.Footprint{Energy: days[0].Energy(), Generated: days[0].Generated}}}),
		} {
			var b bytes.Buffer
			if err := table.CSV(&b); err != nil {
				t.Fatal(err)
			}
			out[name] = b.String()
		}
		for name, page := range map[string]func(io.Writer) error{
			"page of scope 2": func(w io.Writer) error { return scope2Page(w, scope2, "") },
			"page of the SCI": func(w io.Writer) error { return sciPage(w, sci, "") },
			"page of costs":   func(w io.Writer) error { return costPage(w, costs, "") },
		} {
			var b bytes.Buffer
			if err := page(&b); err != nil {
				t.Fatal(err)
			}
			out[name] = b.String()
		}
		return out
	}
	for name, form := range forms() {
		if strings.Contains(form, "GENERATED") || strings.Contains(form, "made on site") {
			t.Errorf("%s speak of power that nobody made:\n%s", name, form)
		}
	}
	for i := range days {
		days[i].Generated = kilowattHour / 2
	}
	got := forms()
	for name, want := range map[string]string{
		"books":           "2026-01-01 berlin,40,5.00 kWh,0,0,500 Wh,",
		"scope 2":         "berlin,DE-LU,112,7,",
		"cost":            "SITE,ATTEMPTS,KWH,GENERATED KWH\nberlin,560,112,7\n",
		"tasks":           ",5.00 kWh,500 Wh,–,–\n",
		"page of scope 2": "14.0 kWh of the energy: it is not bought, and emits nothing by either method",
		"page of the SCI": "14.0 kWh of the energy: it is in E, with an intensity of 0 in I",
		"page of costs":   "14.0 kWh of the energy: it costs nothing",
	} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s lack %q:\n%.1500s", name, want, got[name])
		}
	}
	tasks := []api.TaskView{{Took: &api.Footprint{Energy: kilowattHour, Basis: api.BasisModelled, Generated: kilowattHour / 4}}, {Took: &api.Footprint{Energy: kilowattHour, Basis: api.BasisModelled}}}
	if text := tookText(tasks, false); !strings.HasPrefix(text, "2.00 kWh (modelled), 250 Wh of it made on site") {
		t.Errorf("they took %q", text)
	}
}
