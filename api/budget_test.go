package api_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

func TestMassReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := api.Mass(rapid.Int64Range(0, 1<<62).Draw(t, "µg"))
		if got, err := api.ParseMass(m.String()); err != nil || got != m {
			t.Fatalf("%d is written %s and read %d, %v", m, m, got, err)
		}
	})
	for text, want := range map[string]api.Mass{"1 t": 1e12, "2.5kg": 2_500_000_000, "300 mg": 300_000, "7 µg": 7} {
		if got, err := api.ParseMass(text); err != nil || got != want {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "kg", "1 lb", "-1 g", "0.5 µg", "99999999 t"} {
		if got, err := api.ParseMass(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestEnergyReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := api.Energy(rapid.Int64Range(0, 1<<62).Draw(t, "µJ"))
		if got, err := api.ParseEnergy(e.String()); err != nil || got != e {
			t.Fatalf("%d is written %s and read %d, %v", e, e, got, err)
		}
	})
	for text, want := range map[string]api.Energy{"1 MWh": 3.6e15, "2.5kWh": 9e12, "1 GWh": 3.6e18, "7 J": 7e6} {
		if got, err := api.ParseEnergy(text); err != nil || got != want {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
	if got := api.Energy(36e15).String(); got != "10 MWh" {
		t.Error(got)
	}
	for _, text := range []string{"", "5", "kWh", "1 BTU", "-1 J", "0.5 µJ", "9 GWh"} {
		if got, err := api.ParseEnergy(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestWhatALedgerTakes(t *testing.T) {
	ok := api.Offset{Serial: "GO-1", Kind: api.Certificate, Energy: 3.6e15, Zone: "DE", Vintage: 2026}
	for name, c := range map[string]struct {
		change func(o *api.Offset)
		want   string
	}{
		"a certificate":               {func(*api.Offset) {}, ""},
		"an offset":                   {func(o *api.Offset) { *o = api.Offset{Serial: "VCS-1", Amount: 1e12, Vintage: 2025} }, ""},
		"a certificate of no zone":    {func(o *api.Offset) { o.Zone = "" }, "zone"},
		"a certificate of carbon":     {func(o *api.Offset) { o.Amount = 1 }, "amount"},
		"a certificate of nothing":    {func(o *api.Offset) { o.Energy = 0 }, "energy"},
		"a certificate of too much":   {func(o *api.Offset) { o.Energy = api.MaxCertificate + 1 }, "energy"},
		"an offset of energy":         {func(o *api.Offset) { o.Kind, o.Amount = "", 1 }, "energy"},
		"another kind":                {func(o *api.Offset) { o.Kind = "indulgence" }, "kind"},
		"a vintage before the market": {func(o *api.Offset) { o.Vintage = 1492 }, "vintage"},
	} {
		o := ok
		c.change(&o)
		faults := o.Validate()
		if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) != 1 || faults[0].Path != c.want) {
			t.Errorf("%s: %v, want one of %q", name, faults, c.want)
		}
	}
}

func TestTenantBudgets(t *testing.T) {
	money := &api.Money{Micro: 1e6, Currency: "EUR"}
	for _, c := range []struct {
		name    string
		budgets []api.Budget
		want    string // path and begin of the only fault
	}{
		{"of money and of carbon", []api.Budget{{Money: money, Window: api.Day, Then: "warn"}, {Carbon: 1e9, Window: api.Day}}, ""},
		{"of nothing", []api.Budget{{Window: api.Day}}, "budgets[0]: write either money"},
		{"of both", []api.Budget{{Money: money, Carbon: 1, Window: api.Day}}, "budgets[0]: write either money"},
		{"without a window", []api.Budget{{Money: money}}, "budgets[0].window: "},
		{"of another kind", []api.Budget{{Money: money, Window: api.Day, Then: "stop"}}, "budgets[0].then: "},
		{"twice", []api.Budget{{Money: money, Window: api.Day}, {Money: money, Window: api.Day}}, "budgets[1].window: budgets[0]"},
		{"below nothing", []api.Budget{{Money: &api.Money{Micro: -1, Currency: "EUR"}, Window: api.Day}}, "budgets[0]: is not between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := api.Tenant{Name: "lab", Budgets: c.budgets}
			faults := v.Validate()
			if c.want == "" && len(faults) == 0 {
				return
			}
			if len(faults) != 1 || c.want == "" || !strings.HasPrefix(faults[0].Path+": "+faults[0].Message, c.want) {
				t.Errorf("%v, want %q", faults, c.want)
			}
		})
	}
}

func TestNeutralPlan(t *testing.T) {
	item := func(serial, status string, amount api.Mass, vintage int32, price int64) api.OffsetView {
		v := api.OffsetView{Offset: api.Offset{Serial: serial, Amount: amount, Vintage: vintage}, Status: status}
		if price > 0 {
			v.Price = &api.Money{Micro: price, Currency: "EUR"}
		}
		return v
	}
	v := api.LedgerView{Net: 1000, Items: []api.OffsetView{
		item("new", api.OffsetHeld, 300, 2025, 600), item("old", api.OffsetHeld, 200, 2020, 0), item("cheap", api.OffsetRetired, 100, 2019, 100),
	}}
	p := v.Plan()
	if len(p.Retire) != 2 || p.Retire[0] != "old" || p.Retires != 500 || p.Buy != 500 || p.Cost == nil || p.Cost.Micro != 500 || p.At != "cheap" {
		t.Errorf("%+v", p)
	}
	v.Net = 150
	if p := v.Plan(); len(p.Retire) != 1 || p.Buy != 0 || p.Cost != nil {
		t.Errorf("more than is needed: %+v", p)
	}
	v.Net = 0
	if p := v.Plan(); len(p.Retire) != 0 || p.Buy != 0 {
		t.Errorf("it is neutral: %+v", p)
	}
}
