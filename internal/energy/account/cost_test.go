package account_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/energy/account"
)

func money(micro int64, currency string) api.Money {
	return api.Money{Micro: micro, Currency: currency}
}

func TestCosts(t *testing.T) {
	day := api.Time(api.Day)
	rows := []api.BookView{
		{Day: day, Site: "small", Attempts: 1, Modelled: 5, Costs: []api.Money{money(1, "EUR"), money(90, "USD")}},
		{Day: day, Site: "large", Attempts: 2, Measured: 7, Costs: []api.Money{money(8, "EUR"), money(10, "USD")}},
		{Day: 2 * day, Site: "small", Attempts: 1, Costs: []api.Money{money(1, "EUR")}},
		{Day: 3 * day, Site: "large", Attempts: 50, Costs: []api.Money{money(1000, "EUR")}},
	}
	bySite := func(b *api.BookView) string { return b.Site }
	r := account.MakeCosts(api.BooksBySite, rows, account.Period{To: 3 * day}, bySite)
	if len(r.Items) != 2 || r.Total.In("EUR") != 10 || r.Total.In("USD") != 100 || r.Total.Attempts != 4 || r.Total.Energy != 12 {
		t.Fatalf("%+v", r)
	}
	if one := r.Items[0]; one.Name != "small" || one.In("EUR") != 2 || one.In("USD") != 90 || one.In("CAD") != 0 {
		t.Errorf("nine tenths of the dollars weigh more than eight of the euros: %+v", r.Items)
	}
	days := account.MakeCosts(api.BooksByDay, rows, account.Period{From: 2 * day}, func(b *api.BookView) string { return b.Day.String() })
	if len(days.Items) != 2 || days.Items[0].In("EUR") != 1 || days.Items[1].In("EUR") != 1000 {
		t.Errorf("days do not stand in their order: %+v", days.Items)
	}
}

func TestWorkSCI(t *testing.T) {
	day := api.Time(api.Day)
	rows := []api.BookView{
		{Day: day, Tenant: "lab", Workload: "shop"}, // nothing, but kept
		{Day: 2 * day, Tenant: "lab", Workload: "shop", Attempts: 2, Succeeded: 2, Measured: 3_600_000_000_000, Carbon: 400},
		{Day: 3 * day, Tenant: "lab", Attempts: 9, Succeeded: 9, Carbon: 900},
		{Day: 4 * day, Tenant: "lab", Workload: "shop", Attempts: 1, Succeeded: 1, Carbon: 50},
	}
	r, err := account.WorkSCI("lab/shop", rows, account.Period{From: day, To: 4 * day}, account.Unit{Name: account.UnitTasks})
	if err != nil {
		t.Fatal(err)
	}
	if r.PerUnit != 200 || len(r.Days) != 1 || r.Mixed != 1 || r.Since != day {
		t.Errorf("%+v", r)
	}
	if _, err := account.WorkSCI("lab/shop", rows, account.Period{To: 2 * day}, account.Unit{Name: account.UnitTasks}); err == nil {
		t.Error("a report per task without tasks")
	}
}
