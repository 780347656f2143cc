package engine

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// ViewBooks lists what was used: by tenant, site, workload (the most energy first), or
// by day and site.
func (e *Engine) ViewBooks(by string) (out []api.BookView) {
	a := e.st.Accounts
	if a == nil {
		a = &state.Accounts{}
	}
	switch by {
	case api.BooksBySite:
		out = booksOf(a.Sites, func(v *api.BookView, name string) { v.Site = name })
		out = append(out, e.before(out)...)
	case api.BooksByWorkload:
		out = booksOf(a.Workloads, func(v *api.BookView, name string) { v.Tenant, v.Workload, _ = strings.Cut(name, "/") })
		out = append(out, e.before(out)...)
		slices.SortStableFunc(out, func(x, y api.BookView) int {
			return cmp.Compare(y.Energy(), x.Energy())
		})
	case api.BooksByDay:
		for i := range a.Days {
			out = append(out, dayBooks(&a.Days[i])...)
		}
	default:
		out = booksOf(e.st.Books, func(v *api.BookView, name string) { v.Tenant = name })
	}
	return out
}

// ViewWorkDays are the books of a workload by day: a row for each day that is kept, also
// where it took nothing. Rows without a workload hold others of its tenant that are not
// kept by name on that day, among which it may be where it has no row of its own.
func (e *Engine) ViewWorkDays(tenant, workload string) (out []api.BookView) {
	if e.st.Accounts == nil {
		return nil
	}
	for i := range e.st.Accounts.Works {
		d := &e.st.Accounts.Works[i]
		b, name := d.Books[tenant+"/"+workload], workload
		if b == nil && d.Books[tenant+"/"] != nil {
			b, name = d.Books[tenant+"/"], ""
		}
		v := api.BookView{}
		if b != nil {
			v = viewBook(b)
		}
		v.Day, v.Tenant, v.Workload = d.Begin, tenant, name
		out = append(out, v)
	}
	return out
}

// dayBooks are the books of a day by site; the jobs that succeeded stand in the first.
func dayBooks(d *state.Day) []api.BookView {
	rows := booksOf(d.Sites, func(v *api.BookView, name string) { v.Day, v.Site = d.Begin, name })
	if len(rows) == 0 {
		rows = []api.BookView{{Day: d.Begin}}
	}
	rows[0].Runs = d.Runs
	return rows
}

func booksOf(books map[string]*state.Book, name func(v *api.BookView, name string)) (out []api.BookView) {
	for _, key := range sortedNames(books) {
		v := viewBook(books[key])
		name(&v, key)
		out = append(out, v)
	}
	return out
}

func sortedNames(books map[string]*state.Book) []string {
	names := make([]string, 0, len(books))
	for name := range books { // order-free: sorted below
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func viewBook(b *state.Book) api.BookView {
	return api.BookView{
		Attempts: b.Attempts, Succeeded: b.Succeeded, Runs: b.Runs,
		Measured: b.Measured, Modelled: b.Modelled, Assumed: b.Assumed, Generated: b.Generated,
		Carbon: b.Carbon, CarbonMeasured: b.CarbonMeasured, CarbonModelled: b.CarbonModelled,
		CarbonAssumed: b.Carbon - b.CarbonMeasured - b.CarbonModelled, Unknown: b.Unknown,
		Market: b.Carbon - b.Replaced + b.Contract, Contracted: b.Contracted, MarketUnknown: b.Unknown - b.Disclosed,
		Embodied: b.Embodied, Declared: b.Declared, Costs: slices.Clone(b.Costs),
	}
}

// before is what was booked by tenant before this was kept by other names as well, in a
// row without a name, so that the rows sum to the tenants' books.
func (e *Engine) before(rows []api.BookView) []api.BookView {
	var rest api.BookView
	for _, name := range e.st.SortedBooks() {
		v := viewBook(e.st.Books[name])
		rest.Add(&v, 1)
	}
	for i := range rows {
		rest.Add(&rows[i], -1)
	}
	if rest.Attempts == 0 {
		return nil
	}
	rest.Runs = 0
	return []api.BookView{rest}
}
