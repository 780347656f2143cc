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
)

// Accounts are the books by site, by workload and by day, beside those by tenant. Each
// attempt stands once in each of them, so that their sums are those of the tenants.
type Accounts struct {
	Sites map[string]*Book `cbor:"1,keyasint,omitempty"` // at most MaxBooks; the others share one under ""
	// Workloads are by "tenant/name", all runs of one name together; "tenant/" holds
	// those of a tenant that have none of their own, "/" those of tenants without a book.
	Workloads map[string]*Book `cbor:"2,keyasint,omitempty"`
	Days      []Day            `cbor:"3,keyasint,omitempty"` // the last MaxDays on which attempts ended, oldest first
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
	bookIn(a.today(s.Now).Sites, site, MaxDaySites).add(took, succeeded)
}

// ran counts a job that succeeded.
func (s *State) ran(w *Workload) {
	if s.Accounts == nil {
		return // nothing was ever booked: no power, price or signal is known
	}
	s.Accounts.today(s.Now).Runs++
	s.workBook(s.Accounts, w).Runs++
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

// workBook is the account of a workload's name.
func (s *State) workBook(a *Accounts, w *Workload) *Book {
	name := w.Spec.Tenant + "/" + w.Spec.Name
	if p := s.Workloads[w.Parent]; p != nil { // a run of a scheduled job
		name = w.Spec.Tenant + "/" + p.Spec.Name
	}
	if owner := s.bookOf(w.Spec.Tenant); owner != w.Spec.Tenant {
		name = owner + "/"
	}
	if b := a.Workloads[name]; b != nil {
		return b
	}
	if len(a.Workloads) >= 2*MaxAccounts+MaxBooks {
		a.fold()
	}
	b := &Book{}
	a.Workloads[name] = b
	return b
}

// fold keeps the accounts of the MaxAccounts workloads that took most energy, and adds
// the others to those of their tenants. It comes once in MaxAccounts new names.
func (a *Accounts) fold() {
	var own []string
	for _, name := range sortedKeys(a.Workloads) {
		if name[len(name)-1] != '/' {
			own = append(own, name)
		}
	}
	slices.SortStableFunc(own, func(x, y string) int {
		return cmp.Compare(a.Workloads[y].energy(), a.Workloads[x].energy())
	})
	for _, name := range own[min(MaxAccounts, len(own)):] {
		rest := bookIn(a.Workloads, restOf(name), len(a.Workloads)+1)
		rest.merge(a.Workloads[name])
		delete(a.Workloads, name)
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
