package account

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
)

// Scope2 is a report by both methods of scope 2, side by side.
type Scope2 struct {
	Standard string `json:"standard"`
	Period
	Energy Energy `json:"energy"`
	// Location is by the intensity of each site's grid, hour by hour. What sites made
	// themselves (Energy.Generated) emits nothing by either method.
	Location Carbon `json:"location"`
	// Market is by what was bought: certificates, then what sites declare, then the grid.
	Market        api.Micrograms  `json:"market"`
	Certified     api.Microjoules `json:"certified"`     // energy that certificates cover
	Contracted    api.Microjoules `json:"contracted"`    // energy at a factor that its site declares
	Unknown       api.Microjoules `json:"unknown"`       // energy that is not in Location, for want of an intensity
	MarketUnknown api.Microjoules `json:"marketUnknown"` // and not in Market
	Sites         []Scope2Site    `json:"sites"`
	Certificates  []Applied       `json:"certificates"`
	Days          []Scope2Day     `json:"days"`
}

// Scope2Site is what a site adds.
type Scope2Site struct {
	Site     string          `json:"site"`
	Zone     string          `json:"zone,omitempty"`
	Energy   Energy          `json:"energy"`
	Location Carbon          `json:"location"`
	Before   api.Micrograms  `json:"beforeCertificates"` // market-based
	Market   api.Micrograms  `json:"market"`
	Covered  api.Microjoules `json:"certified"`
	// Instrument is what the site declares now; nil stands for the intensity of its
	// grid, since no residual mix is declared.
	Instrument *api.Market `json:"instrument,omitempty"`

	sum api.BookView
}

// Applied is a retired certificate and what it covers of the period.
type Applied struct {
	Serial  string          `json:"serial"`
	Zone    string          `json:"zone"`
	Vintage int32           `json:"vintage"`
	Energy  api.Microjoules `json:"energy"`
	Covers  api.Microjoules `json:"covers"`

	left api.Microjoules
}

// Scope2Day is a day of the report.
type Scope2Day struct {
	Day      api.Time       `json:"day"`
	Location api.Micrograms `json:"location"`
	Market   api.Micrograms `json:"market"`
}

// MakeScope2 reports on the books by day and site. A retired certificate covers energy of
// the sites of its zone in the year of its vintage, day by day from the year's first, so
// that the reports of parts of a year sum to that of the year; what is covered emits
// nothing. Sites with a contract or a supplier's disclosure of their own need none, and
// what a site makes itself is not bought and needs none either.
func MakeScope2(days []api.BookView, sites []api.Site, ledger []api.OffsetView, p Period) *Scope2 {
	r := &Scope2{Standard: "GHG Protocol Scope 2 Guidance (2015)", Period: p, Certificates: retired(ledger), Sites: []Scope2Site{}, Days: []Scope2Day{}}
	declared := map[string]*api.Site{}
	for i := range sites {
		declared[sites[i].Name] = &sites[i]
	}
	for i := range days {
		r.row(&days[i], declared[days[i].Site])
	}
	sum := sumOf(days, p)
	r.Energy, r.Location, r.Contracted, r.Unknown = energyOf(&sum), carbonOf(&sum), sum.Contracted, sum.Unknown
	slices.SortFunc(r.Sites, func(a, b Scope2Site) int { return strings.Compare(a.Site, b.Site) })
	return r
}

// retired are the certificates that count, the first retired first.
func retired(ledger []api.OffsetView) []Applied {
	list := slices.Clone(ledger)
	slices.SortStableFunc(list, func(a, b api.OffsetView) int {
		return cmp.Or(cmp.Compare(a.Done, b.Done), strings.Compare(a.Serial, b.Serial))
	})
	out := []Applied{}
	for i := range list {
		if o := &list[i]; o.Kind == api.Certificate && o.Status == api.OffsetRetired {
			out = append(out, Applied{Serial: o.Serial, Zone: o.Zone, Vintage: o.Vintage, Energy: api.Microjoules(o.Energy), left: api.Microjoules(o.Energy)})
		}
	}
	return out
}

// row covers the energy of a site's day, and counts it where it is in the period.
func (r *Scope2) row(b *api.BookView, site *api.Site) {
	if site == nil {
		site = &api.Site{Name: b.Site}
	}
	inside := r.holds(b.Day)
	covered := r.cover(b, site, inside)
	if !inside || b.Attempts == 0 {
		return
	}
	market := b.Market - part(b.Market, covered, b.Bought())
	r.Market += market
	r.Certified += covered
	r.MarketUnknown += b.MarketUnknown - api.Microjoules(part(api.Micrograms(b.MarketUnknown), covered, b.Bought()))
	s := r.site(site)
	s.sum.Add(b, 1)
	s.Energy, s.Location, s.Before = energyOf(&s.sum), carbonOf(&s.sum), s.sum.Market
	s.Market += market
	s.Covered += covered
	if n := len(r.Days); n == 0 || r.Days[n-1].Day != b.Day {
		r.Days = append(r.Days, Scope2Day{Day: b.Day})
	}
	d := &r.Days[len(r.Days)-1]
	d.Location += b.Carbon
	d.Market += market
}

// cover takes energy of certificates for a site's day.
func (r *Scope2) cover(b *api.BookView, site *api.Site, inside bool) (covered api.Microjoules) {
	if site.Zone == "" || site.Market != nil && site.Market.Kind != api.MarketResidual {
		return 0
	}
	year := int32(time.Unix(0, int64(b.Day)).UTC().Year())
	for i := range r.Certificates {
		c := &r.Certificates[i]
		if c.Vintage != year || !within(site.Zone, c.Zone) {
			continue
		}
		take := min(c.left, b.Bought()-covered)
		c.left -= take
		covered += take
		if inside {
			c.Covers += take
		}
	}
	return covered
}

// within tells whether a zone is one, or a part of it: DE-LU of DE.
func within(zone, of string) bool { return zone == of || strings.HasPrefix(zone, of+"-") }

func (r *Scope2) site(site *api.Site) *Scope2Site {
	for i := range r.Sites {
		if r.Sites[i].Site == site.Name {
			return &r.Sites[i]
		}
	}
	r.Sites = append(r.Sites, Scope2Site{Site: site.Name, Zone: site.Zone, Instrument: site.Market})
	return &r.Sites[len(r.Sites)-1]
}
