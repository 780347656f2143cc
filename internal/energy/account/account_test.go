package account_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/energy/account"
)

const kilowattHour = api.Microjoules(3_600_000_000_000)

func date(text string) api.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return api.Time(t.UnixNano())
}

func certificate(serial, zone string, year int32, energy api.Microjoules) api.OffsetView {
	return api.OffsetView{Status: api.OffsetRetired, Offset: api.Offset{Serial: serial, Kind: api.Certificate, Zone: zone, Vintage: year, Energy: api.Energy(energy)}}
}

// TestScope2 follows two sites over a new year by hand.
func TestScope2(t *testing.T) {
	days := []api.BookView{
		{Day: date("2025-12-31"), Site: "berlin", Attempts: 1, Modelled: 10 * kilowattHour, Carbon: 4e9, Market: 6e9},
		{Day: date("2026-01-01"), Site: "berlin", Attempts: 1, Modelled: 10 * kilowattHour, Carbon: 3e9, Market: 6e9, CarbonModelled: 3e9},
		{Day: date("2026-01-01"), Site: "oslo", Attempts: 2, Measured: 5 * kilowattHour, Carbon: 1e9, Market: 0, Contracted: 5 * kilowattHour, CarbonMeasured: 1e9},
		{Day: date("2026-01-02"), Site: "berlin", Attempts: 1, Assumed: 10 * kilowattHour, Carbon: 5e9, Market: 6e9, CarbonAssumed: 5e9},
	}
	sites := []api.Site{
		{Name: "berlin", Zone: "DE-LU", Market: &api.Market{Factor: 600e6, Kind: api.MarketResidual, Source: "residual mix"}},
		{Name: "oslo", Zone: "NO", Market: &api.Market{Kind: api.MarketContract, Source: "PPA"}},
	}
	held := certificate("held", "DE", 2026, kilowattHour)
	held.Status = api.OffsetHeld
	ledger := []api.OffsetView{
		certificate("a", "DE", 2026, 15*kilowattHour), certificate("old", "DE", 2024, 99*kilowattHour),
		certificate("no", "NO", 2026, 99*kilowattHour), certificate("elsewhere", "DEN", 2026, kilowattHour), held,
	}
	r := account.MakeScope2(days, sites, ledger, account.Period{From: date("2026-01-01")})
	if r.Energy != (account.Energy{Total: 25 * kilowattHour, Measured: 5 * kilowattHour, Modelled: 10 * kilowattHour, Assumed: 10 * kilowattHour}) {
		t.Errorf("energy %+v", r.Energy)
	}
	if r.Location != (account.Carbon{Total: 9e9, Measured: 1e9, Modelled: 3e9, Assumed: 5e9}) {
		t.Errorf("location %+v", r.Location)
	}
	if r.Market != 3e9 || r.Certified != 15*kilowattHour { // the first day whole, half of the second
		t.Errorf("market-based %d µg, %d µJ certified", r.Market, r.Certified)
	}
	for i, covers := range []api.Microjoules{15 * kilowattHour, 0, 0, 0} {
		if len(r.Certificates) != 4 || r.Certificates[i].Covers != covers && r.Certificates[i].Serial != "a" {
			t.Errorf("certificates %+v", r.Certificates)
		}
	}
	// One day is what is left of the certificate after the day before.
	if r := account.MakeScope2(days, sites, ledger, account.Period{From: date("2026-01-02")}); r.Certified != 5*kilowattHour || r.Market != 3e9 {
		t.Errorf("the second day alone: %d µJ certified, %d µg", r.Certified, r.Market)
	}
}

// TestOwnPowerInReports: what a site makes itself is a part of the energy that emits nothing
// by either method, needs no certificate, and lowers the intensity of an SCI.
func TestOwnPowerInReports(t *testing.T) {
	days := []api.BookView{
		{Day: date("2026-01-01"), Site: "roof", Attempts: 2, Succeeded: 2, Measured: 6 * kilowattHour, Modelled: 4 * kilowattHour, Generated: 7 * kilowattHour, Carbon: 9e8, Market: 15e8, CarbonMeasured: 9e8},
		{Day: date("2026-01-02"), Site: "roof", Attempts: 1, Succeeded: 1, Measured: 5 * kilowattHour, Generated: 5 * kilowattHour},
	}
	sites := []api.Site{{Name: "roof", Zone: "DE"}}
	r := account.MakeScope2(days, sites, []api.OffsetView{certificate("a", "DE", 2026, 100*kilowattHour)}, account.Period{})
	if r.Energy.Total != 15*kilowattHour || r.Energy.Generated != 12*kilowattHour || r.Certified != 3*kilowattHour || r.Market != 0 || r.Location.Total != 9e8 {
		t.Errorf("%+v: of 15 kWh 3 are bought, and a certificate covers these", r)
	}
	if s := r.Sites[0]; s.Energy != r.Energy || s.Before != 15e8 || s.Covered != 3*kilowattHour {
		t.Errorf("%+v", s)
	}
	if r := account.MakeScope2(days, sites, []api.OffsetView{certificate("a", "DE", 2026, kilowattHour)}, account.Period{}); r.Market != 10e8 {
		t.Errorf("%d µg: a third of what is bought is covered", r.Market)
	}
	sci, err := account.MakeSCI("cell", days, account.Period{}, account.Unit{Name: account.UnitTasks})
	if err != nil || sci.Energy.Total != 15*kilowattHour || sci.Energy.Generated != 12*kilowattHour || sci.Intensity != 60 || sci.PerUnit != 3e8 {
		t.Errorf("%+v, %v: 900 g of 15 kWh are 60 g/kWh", sci, err)
	}
	c := account.MakeCosts(api.BooksBySite, days, account.Period{}, func(b *api.BookView) string { return b.Site })
	if c.Total.Generated != 12*kilowattHour || c.Items[0].Generated != 12*kilowattHour || c.Total.Energy != 15*kilowattHour {
		t.Errorf("%+v", c)
	}
}

// TestScope2AddsUp: over random books, contracts and certificates the sites and the days
// sum to the whole, parts of the time sum to all of it, no certificate covers more than
// it stands for or than was used, and the market-based figure is that of exact fractions.
func TestScope2AddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var days []api.BookView
		begin := date("2025-12-20")
		for d := range rapid.IntRange(1, 24).Draw(t, "days") {
			for s := range rapid.IntRange(1, 3).Draw(t, "sites") {
				e := rapid.Int64Range(1, 1e15).Draw(t, "energy")
				days = append(days, api.BookView{
					Day: begin.Add(api.Duration(d) * api.Day), Site: fmt.Sprint("s", s), Attempts: 1, Modelled: api.Microjoules(e),
					Generated: api.Microjoules(rapid.Int64Range(0, e).Draw(t, "generated")),
					Carbon:    api.Micrograms(rapid.Int64Range(0, 1e15).Draw(t, "carbon")), Market: api.Micrograms(rapid.Int64Range(0, 1e15).Draw(t, "market")),
				})
			}
		}
		sites := []api.Site{{Name: "s0", Zone: "DE"}, {Name: "s1", Zone: "DE-LU"}, {Name: "s2", Zone: "FR"}}
		var ledger []api.OffsetView
		for i := range rapid.IntRange(0, 6).Draw(t, "certificates") {
			ledger = append(ledger, certificate(fmt.Sprint(i), rapid.SampledFrom([]string{"DE", "FR"}).Draw(t, "zone"), int32(rapid.IntRange(2025, 2026).Draw(t, "year")),
				api.Microjoules(rapid.Int64Range(1, 3e15).Draw(t, "certified"))))
		}
		cut := begin.Add(api.Duration(rapid.IntRange(0, 24).Draw(t, "cut")) * api.Day)
		whole := account.MakeScope2(days, sites, ledger, account.Period{})
		first := account.MakeScope2(days, sites, ledger, account.Period{To: cut})
		rest := account.MakeScope2(days, sites, ledger, account.Period{From: cut})
		if first.Market+rest.Market != whole.Market || first.Certified+rest.Certified != whole.Certified || first.Location.Total+rest.Location.Total != whole.Location.Total {
			t.Fatalf("parts %d + %d, whole %d", first.Market, rest.Market, whole.Market)
		}
		var market, byDay, location, before api.Micrograms
		var covered, used, applied api.Microjoules
		for _, s := range whole.Sites {
			market, location, covered, used, before = market+s.Market, location+s.Location.Total, covered+s.Covered, used+s.Energy.Total-s.Energy.Generated, before+s.Before
		}
		for _, d := range whole.Days {
			byDay += d.Market
		}
		for _, c := range whole.Certificates {
			if applied += c.Covers; c.Covers > c.Energy {
				t.Fatalf("%+v covers more than it is", c)
			}
		}
		if market != whole.Market || byDay != market || location != whole.Location.Total || covered != whole.Certified || applied != covered || covered > used || used != whole.Energy.Total-whole.Energy.Generated {
			t.Fatalf("sites: %d, days: %d, whole: %+v", market, byDay, whole)
		}
		if whole.Market > before || len(ledger) == 0 && whole.Market != before {
			t.Fatalf("%d with certificates, %d without", whole.Market, before)
		}
	})
}

// TestSCI computes the score of random books once more, by fractions.
func TestSCI(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var days []api.BookView
		sum, tasks := new(big.Int), uint64(0)
		for d := range rapid.IntRange(1, 10).Draw(t, "days") {
			b := api.BookView{
				Day: date("2026-03-01").Add(api.Duration(d) * api.Day), Attempts: 9, Declared: 3, Succeeded: rapid.Uint64Range(1, 1e6).Draw(t, "tasks"),
				Measured: 7 * kilowattHour, Carbon: api.Micrograms(rapid.Int64Range(0, 1e15).Draw(t, "carbon")), Embodied: api.Micrograms(rapid.Int64Range(0, 1e15).Draw(t, "embodied")),
			}
			sum.Add(sum, big.NewInt(int64(b.Carbon)))
			sum.Add(sum, big.NewInt(int64(b.Embodied)))
			tasks += b.Succeeded
			days = append(days, b)
		}
		r, err := account.MakeSCI("cell", days, account.Period{}, account.Unit{Name: account.UnitTasks})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := new(big.Rat).SetFrac(sum, new(big.Int).SetUint64(tasks)).Float64()
		if math.Abs(r.PerUnit-want) > 1e-9*want || r.Unit.Count != tasks || math.Abs(r.Undeclared-2.0/3) > 1e-12 {
			t.Fatalf("%+v, want %g", r, want)
		}
		var inDays api.Micrograms
		for _, d := range r.Days {
			inDays += d.Operational + d.Embodied
		}
		if inDays != r.Operational.Total+r.Embodied {
			t.Fatalf("the days sum to %d", inDays)
		}
	})
}

func TestSCINeedsAUnit(t *testing.T) {
	rows := []api.BookView{{Attempts: 1, Measured: kilowattHour, Carbon: 3e8, Unknown: kilowattHour / 4}}
	for _, u := range []account.Unit{{Name: account.UnitTasks}, {Name: account.UnitRuns}, {Name: "users"}} {
		if r, err := account.MakeSCI("cell", rows, account.Period{}, u); err == nil {
			t.Errorf("by %+v: %+v", u, r)
		}
	}
	r, err := account.MakeSCI("lab/train", rows, account.Period{}, account.Unit{Name: "requests", Count: 1000})
	if err != nil || r.PerUnit != 3e5 || r.Intensity != 400 { // 300 g over the 0.75 kWh of which it is known
		t.Errorf("%+v, %v", r, err)
	}
}
