package engine_test

import (
	"reflect"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestBooksSumToTheSame: by whatever the books are shown, their rows sum to the same;
// also in a cell whose earlier versions kept them by tenant alone.
func TestBooksSumToTheSame(t *testing.T) {
	early := &state.Book{Attempts: 7, Modelled: 70, Carbon: 700, CarbonModelled: 300, Unknown: 3, Costs: []api.Money{{Micro: 5, Currency: "EUR"}}}
	late := &state.Book{Attempts: 2, Measured: 20, Carbon: 40, CarbonMeasured: 40, Contracted: 20, Contract: 8, Replaced: 40, Embodied: 6, Declared: 2, Succeeded: 2, Runs: 1}
	st := state.New()
	st.Books["lab"], st.Books["old"] = late, early
	whole := api.BookView{
		Attempts: 9, Succeeded: 2, Measured: 20, Modelled: 70, Carbon: 740, CarbonMeasured: 40, CarbonModelled: 300, CarbonAssumed: 400,
		Unknown: 3, Market: 708, Contracted: 20, MarketUnknown: 3, Embodied: 6, Declared: 2, Costs: early.Costs,
	}
	site := *late
	site.Runs = 0
	st.Accounts = &state.Accounts{
		Sites: map[string]*state.Book{"a": &site}, Workloads: map[string]*state.Book{"lab/w": late},
		Days: []state.Day{{Begin: api.Time(api.Day), Sites: map[string]*state.Book{"a": &site}, Runs: 1}},
	}
	e := engine.New(st)
	for _, by := range []string{api.BooksByTenant, api.BooksBySite, api.BooksByWorkload} {
		var sum api.BookView
		rows := e.ViewBooks(by)
		for i := range rows {
			sum.Add(&rows[i], 1)
		}
		sum.Runs = 0 // not told by site
		if !reflect.DeepEqual(sum, whole) {
			t.Errorf("by %s: %+v\nwant %+v", by, sum, whole)
		}
	}
	if rows := e.ViewBooks(api.BooksByWorkload); len(rows) != 2 || rows[0].Workload != "" || rows[1].Tenant != "lab" || rows[1].Workload != "w" || rows[1].Market != 8 {
		t.Errorf("by workload, the most energy first: %+v", rows)
	}
	if rows := e.ViewBooks(api.BooksByDay); len(rows) != 1 || rows[0].Day != api.Time(api.Day) || rows[0].Site != "a" || rows[0].Runs != 1 {
		t.Errorf("by day: %+v", rows)
	}
	if rows := engine.New(state.New()).ViewBooks(api.BooksBySite); len(rows) != 0 {
		t.Errorf("of a new cell: %+v", rows)
	}
}
