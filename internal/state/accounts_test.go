package state_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// fill books attempts of random tenants, workloads and sites, some days apart, and
// returns what each of them took.
func fill(t *rapid.T, st *state.State, tenants, names int) (all []*api.Footprint) {
	now := api.Time(0)
	for i := range rapid.IntRange(1, 40).Draw(t, "attempts") {
		now = now.Add(api.Duration(rapid.Int64Range(1, int64(2*api.Day)).Draw(t, "pause")))
		f := footprint(t)
		tenant := fmt.Sprint("t", rapid.IntRange(1, tenants).Draw(t, "tenant"))
		name := fmt.Sprint("w", rapid.IntRange(1, names).Draw(t, "name"))
		site := fmt.Sprint("s", rapid.IntRange(1, 3).Draw(t, "site"))
		endOne(t, st, now, uint64(i+1), tenant, name, site, f)
		all = append(all, f)
	}
	return all
}

// endOne has one task of a workload placed and ended.
func endOne(t interface{ Fatal(...any) }, st *state.State, now api.Time, id uint64, tenant, name, site string, f *api.Footprint) {
	ref := api.TaskRef{Workload: id}
	for _, ev := range []state.Event{
		&state.WorkloadSubmitted{ID: id, Spec: &api.Workload{
			Name: name, Tenant: tenant, Kind: api.KindJob, Tasks: []api.Task{{Name: "t", Driver: "noop"}},
		}},
		&state.NodeRegistered{Node: api.Node{Name: "n-" + site, Site: site}},
		&state.TaskPlaced{Ref: ref, Try: 1, Node: "n-" + site},
		&state.TaskEnded{Attempt: api.Attempt{TaskRef: ref, Try: 1}, N: 1, Result: &api.Result{}, Next: api.TaskSucceeded, Took: f},
		&state.WorkloadFinished{ID: id, Status: api.WorkloadSucceeded},
	} {
		if err := st.Apply(now, ev); err != nil {
			t.Fatal(err)
		}
	}
}

// sum adds books up, number by number; runs are counted where they are known.
func sum(books map[string]*state.Book, only func(name string) bool) (out state.Book) {
	to, costs := reflect.ValueOf(&out).Elem(), map[string]int64{}
	for name, b := range books {
		if !only(name) {
			continue
		}
		from := reflect.ValueOf(b).Elem()
		for i := range from.NumField() {
			switch f := to.Field(i); {
			case f.CanInt():
				f.SetInt(f.Int() + from.Field(i).Int())
			case f.CanUint():
				f.SetUint(f.Uint() + from.Field(i).Uint())
			}
		}
		for _, m := range b.Costs {
			costs[m.Currency] += m.Micro
		}
	}
	for _, currency := range []string{"EUR", "USD"} {
		if n, known := costs[currency]; known {
			out.Costs = append(out.Costs, api.Money{Micro: n, Currency: currency})
		}
	}
	return out
}

func every(string) bool { return true }

// TestAccountsBalance: the books by site, by workload and by day sum to those by tenant,
// in every column and to the last unit, and those to what the attempts took.
func TestAccountsBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := state.New()
		all := fill(t, st, 3, 5)
		total := sum(st.Books, every)
		if got := sum(st.Accounts.Workloads, every); !reflect.DeepEqual(got, total) {
			t.Fatalf("by workload %+v\nby tenant %+v", got, total)
		}
		for tenant, b := range st.Books {
			of := func(name string) bool { return strings.HasPrefix(name, tenant+"/") }
			if got := sum(st.Accounts.Workloads, of); !reflect.DeepEqual(got, *b) {
				t.Fatalf("workloads of %s: %+v\nits book: %+v", tenant, got, b)
			}
		}
		total.Runs = 0 // belong to no site
		if got := sum(st.Accounts.Sites, every); !reflect.DeepEqual(got, total) {
			t.Fatalf("by site %+v\nby tenant %+v", got, total)
		}
		days, runs := map[string]*state.Book{}, uint64(0)
		for i, d := range st.Accounts.Days {
			runs += d.Runs
			for site, b := range d.Sites {
				days[fmt.Sprint(i, site)] = b
			}
		}
		if got := sum(days, every); !reflect.DeepEqual(got, total) || runs != uint64(len(all)) {
			t.Fatalf("by day %+v, %d runs\nby tenant %+v, %d attempts", got, runs, total, len(all))
		}
		holds(t, &total, all)
	})
}

// holds adds up what the attempts took once more, by the definitions.
func holds(t *rapid.T, b *state.Book, all []*api.Footprint) {
	var grid, market, embodied api.Micrograms
	carbon := map[string]api.Micrograms{}
	for _, f := range all {
		own := api.Micrograms(0)
		if f.Carbon != nil {
			own = *f.Carbon
		}
		grid += own
		basis := f.CarbonBasis
		if basis == "" {
			basis = f.Basis
		}
		carbon[basis] += own
		if f.Market != nil {
			market += *f.Market
		} else {
			market += own
		}
		if f.Embodied != nil {
			embodied += *f.Embodied
		}
	}
	if b.Carbon != grid || b.Carbon-b.Replaced+b.Contract != market || b.Embodied != embodied ||
		b.CarbonMeasured != carbon[api.BasisMeasured] || b.CarbonModelled != carbon[api.BasisModelled] {
		t.Fatalf("%+v; want %d by the grid (%v), %d by contracts, %d embodied", b, grid, carbon, market, embodied)
	}
}

// TestAccountsAreBounded: those that took least are added to the rest of their tenants,
// and nothing is lost by it.
func TestAccountsAreBounded(t *testing.T) {
	st := state.New()
	f := &api.Footprint{Basis: api.BasisModelled}
	const many = 2*state.MaxAccounts + state.MaxBooks + 100
	for i := range many {
		f := *f
		f.Energy = api.Microjoules(i)
		endOne(t, st, api.Time(i)*api.Time(api.Hour), uint64(i+1), "lab", fmt.Sprint("w", i), fmt.Sprint("s", i), &f)
	}
	a := st.Accounts
	if n := len(a.Workloads); n > 2*state.MaxAccounts+state.MaxBooks || len(a.Days) > state.MaxDays || len(a.Sites) > state.MaxBooks+1 {
		t.Errorf("%d workloads, %d days, %d sites", n, len(a.Days), len(a.Sites))
	}
	if a.Workloads["lab/"] == nil || a.Workloads["lab/w0"] != nil || a.Workloads[fmt.Sprint("lab/w", many-1)] == nil {
		t.Error("not those that took least are together")
	}
	if got := sum(a.Workloads, every); !reflect.DeepEqual(got, *st.Books["lab"]) {
		t.Errorf("%+v, want %+v", got, st.Books["lab"])
	}
	for _, d := range a.Days {
		if len(d.Sites) > state.MaxDaySites+1 {
			t.Errorf("%d sites on one day", len(d.Sites))
		}
	}
}

// TestWorkDays: the books of each day by workload sum to those by site, to the last unit;
// of many workloads those of most energy are kept apart, of days the last.
func TestWorkDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := state.New()
		fill(t, st, 3, 5)
		for _, d := range st.Accounts.Days {
			for _, w := range st.Accounts.Works {
				if got, want := sum(w.Books, every), sum(d.Sites, every); w.Begin == d.Begin {
					if got.Runs = 0; !reflect.DeepEqual(got, want) {
						t.Fatalf("by workload %+v\nby site %+v", got, want)
					}
				}
			}
		}
	})
	st, id := state.New(), uint64(1)
	one := func(day, n int) {
		f := &api.Footprint{Energy: api.Microjoules(1 + n), Basis: api.BasisAssumed}
		endOne(t, st, api.Time(day)*api.Time(api.Day), id, "lab", fmt.Sprint("w", n), "s", f)
		id++
	}
	for n := range state.MaxDayWorks + 100 {
		one(0, n)
	}
	for day := 1; day < state.MaxWorkDays; day++ {
		one(day, day)
	}
	works := st.Accounts.Works
	if len(works) != state.MaxWorkDays || len(works[0].Books) != state.MaxDayWorks+1 || works[0].Books["lab/w0"] != nil || works[0].Books["lab/w299"] == nil {
		t.Errorf("%d days, of the first %d books", len(works), len(works[0].Books))
	}
	if got, want := works[0].Books["lab/"].Assumed, api.Microjoules(100*101/2); got != want {
		t.Errorf("the others took %d, want %d", got, want)
	}
	if one(state.MaxWorkDays, 0); len(st.Accounts.Works) != state.MaxWorkDays || st.Accounts.Works[0].Begin != api.Time(api.Day) {
		t.Error("the oldest day does not go")
	}
}
