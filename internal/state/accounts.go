package state

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// Limits of the accounts.
const (
	MaxAccounts = 2000 // workloads of which an account is kept; the others share one a tenant
	MaxDays     = 400  // of which there are books by site
	MaxDaySites = 64   // of one day; the others share one under ""

	MaxWorkDays   = 62  // of which there are books by workload
	MaxDayWorks   = 200 // of one day; the others share one a tenant
	foldedDayWork = 50  // more than that are kept before they are folded
)

// Accounts are the books by site, by workload and by day, beside those by tenant. Each
// attempt stands once in each of them, so that their sums are those of the tenants.
type Accounts struct {
	Sites map[string]*Book `cbor:"1,keyasint,omitempty"` // at most MaxBooks; the others share one under ""
	// Workloads are by "tenant/name", all runs of one name together; "tenant/" holds
	// those of a tenant that have none of their own, "/" those of tenants without a book.
	Workloads map[string]*Book `cbor:"2,keyasint,omitempty"`
	Days      []Day            `cbor:"3,keyasint,omitempty"` // the last MaxDays on which attempts ended, oldest first
	// Works are the books of the last MaxWorkDays on which attempts ended, by workload as
	// in Workloads.
	Works []WorkDay `cbor:"4,keyasint,omitempty"`
	// Given is what of the power that sites make themselves was booked so far.
	Given *Given `cbor:"5,keyasint,omitempty"`
}

// WorkDay is what the attempts took that ended on a day, by workload.
type WorkDay struct {
	Begin api.Time         `cbor:"1,keyasint"` // midnight UTC
	Books map[string]*Book `cbor:"2,keyasint,omitempty"`
}

// Day is what the attempts took that ended on a day.
type Day struct {
	Begin api.Time         `cbor:"1,keyasint"` // midnight UTC
	Sites map[string]*Book `cbor:"2,keyasint,omitempty"`
	Runs  uint64           `cbor:"3,keyasint,omitempty"` // jobs that succeeded
}

// account books what an attempt took by place, work and day.
func (s *State) account(w *Workload, site string, took *api.Footprint, succeeded bool) {
	a := s.books()
	bookIn(a.Sites, site, MaxBooks).add(took, succeeded)
	s.workBook(a, w).add(took, succeeded)
	a.workToday(s.Now, s.workName(w)).add(took, succeeded)
	bookIn(a.today(s.Now).Sites, site, MaxDaySites).add(took, succeeded)
}

// ran counts a job that succeeded.
func (s *State) ran(w *Workload) {
	if s.Accounts == nil {
		return // nothing was ever booked: no power, price or signal is known
	}
	s.Accounts.today(s.Now).Runs++
	s.workBook(s.Accounts, w).Runs++
	s.Accounts.workToday(s.Now, s.workName(w)).Runs++
	if b := s.Books[s.bookOf(w.Spec.Tenant)]; b != nil {
		b.Runs++
	}
}

func (s *State) books() *Accounts {
	if s.Accounts == nil {
		s.Accounts = &Accounts{}
	}
	a := s.Accounts
	a.Sites, a.Workloads = orMake(a.Sites), orMake(a.Workloads)
	return a
}

// today is the book of the day of a moment; the oldest goes when there are too many.
// Time never runs backwards.
func (a *Accounts) today(now api.Time) *Day {
	begin := (&api.Budget{Window: api.Day}).Begin(now)
	if n := len(a.Days); n == 0 || a.Days[n-1].Begin < begin {
		a.Days = append(a.Days, Day{Begin: begin})
		a.Days = trimFront(a.Days, max(0, len(a.Days)-MaxDays))
	}
	d := &a.Days[len(a.Days)-1]
	d.Sites = orMake(d.Sites)
	return d
}

// bookIn is the book of a name, or the one that is shared when there are too many.
func bookIn(m map[string]*Book, name string, most int) *Book {
	if m[name] == nil && len(m) >= most {
		name = ""
	}
	if m[name] == nil {
		m[name] = &Book{}
	}
	return m[name]
}

// workName is under what name a workload is booked.
func (s *State) workName(w *Workload) string {
	if owner := s.bookOf(w.Spec.Tenant); owner != w.Spec.Tenant {
		return owner + "/"
	}
	if p := s.Workloads[w.Parent]; p != nil { // a run of a scheduled job
		return w.Spec.Tenant + "/" + p.Spec.Name
	}
	return w.Spec.Tenant + "/" + w.Spec.Name
}

// workBook is the account of a workload's name.
func (s *State) workBook(a *Accounts, w *Workload) *Book {
	name := s.workName(w)
	if b := a.Workloads[name]; b != nil {
		return b
	}
	if len(a.Workloads) >= 2*MaxAccounts+MaxBooks {
		fold(a.Workloads, MaxAccounts)
	}
	b := &Book{}
	a.Workloads[name] = b
	return b
}

// workToday is the book of a name on the day of a moment. A day that is over keeps those
// of most energy.
func (a *Accounts) workToday(now api.Time, name string) *Book {
	begin, n := (&api.Budget{Window: api.Day}).Begin(now), len(a.Works)
	if n == 0 || a.Works[n-1].Begin < begin {
		if n > 0 {
			fold(a.Works[n-1].Books, MaxDayWorks)
		}
		a.Works = append(a.Works, WorkDay{Begin: begin})
		a.Works = trimFront(a.Works, max(0, len(a.Works)-MaxWorkDays))
	}
	d := &a.Works[len(a.Works)-1]
	d.Books = orMake(d.Books)
	if b := d.Books[name]; b != nil {
		return b
	}
	if ofTheirOwn(d.Books) >= MaxDayWorks+foldedDayWork {
		fold(d.Books, MaxDayWorks)
	}
	b := &Book{}
	d.Books[name] = b
	return b
}

// ofTheirOwn counts the workloads that have a book of their own.
func ofTheirOwn(books map[string]*Book) (n int) {
	for name := range books { // order-free: counts
		if name[len(name)-1] != '/' {
			n++
		}
	}
	return n
}

// fold keeps the books of so many workloads that took most energy, and adds the others to
// those of their tenants. It comes once in many new names.
func fold(books map[string]*Book, most int) {
	var own []string
	for _, name := range sortedKeys(books) {
		if name[len(name)-1] != '/' {
			own = append(own, name)
		}
	}
	slices.SortStableFunc(own, func(x, y string) int {
		return cmp.Compare(books[y].energy(), books[x].energy())
	})
	for _, name := range own[min(most, len(own)):] {
		rest := bookIn(books, restOf(name), len(books)+1)
		rest.merge(books[name])
		delete(books, name)
	}
}

// restOf is where the account of a name goes that is not kept: "tenant/".
func restOf(name string) string {
	for i := range name {
		if name[i] == '/' {
			return name[:i+1]
		}
	}
	return "/"
}
