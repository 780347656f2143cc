package rehearse

import (
	"fmt"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/energy/storage"
	"drover.dev/internal/twin"
)

// SiteBattery is a battery that a site of a plan is given.
type SiteBattery struct {
	Site    string // "": that at which all nodes stand
	Battery api.Battery
}

// ParseSiteBattery reads [SITE=]CAPACITY,POWER,EFFICIENCY[,WEAR], such as
// bonn=400kWh,100kW,0.9,0.03 EUR.
func ParseSiteBattery(text string) (s SiteBattery, err error) {
	what := text
	if name, rest, named := strings.Cut(text, "="); named {
		if s.Site, what = name, rest; !api.ValidName(name) {
			return s, fmt.Errorf("%.40q is no name of a site", name)
		}
	}
	parts := strings.Split(what, ",")
	if len(parts) < 3 || len(parts) > 4 {
		return s, fmt.Errorf("%.80q is not CAPACITY,POWER,EFFICIENCY or CAPACITY,POWER,EFFICIENCY,WEAR", what)
	}
	b := &s.Battery
	if b.Capacity, err = api.ParseEnergy(strings.TrimSpace(parts[0])); err != nil {
		return s, err
	}
	if b.Charge, err = api.ParsePower(strings.TrimSpace(parts[1])); err != nil {
		return s, err
	}
	if b.Efficiency, err = api.ParseMilli(strings.TrimSpace(parts[2])); err != nil {
		return s, err
	}
	if len(parts) == 4 {
		wear, err := api.ParseMoney(strings.TrimSpace(parts[3]))
		if err != nil {
			return s, err
		}
		b.Wear = &wear
	}
	site := api.Site{Name: "site", Layer: api.LayerCloud, Battery: b}
	if faults := site.Validate(); len(faults) > 0 {
		return s, fmt.Errorf("%s: %s", faults[0].Path, faults[0].Message)
	}
	return s, nil
}

// nowhere is how the site is called at which nodes stand that name none.
const nowhere = "here"

// Equip gives a site of the fleet a battery. A site that is not declared is, and one that
// names neither a zone nor a tariff gets a zone of its own, so that it hears of a price.
func (f *Fleet) Equip(s SiteBattery) error {
	name := s.Site
	for i := range f.Nodes {
		n := &f.Nodes[i]
		switch {
		case s.Site != "":
		case name == "" && n.Site == "":
			name = nowhere
		case name == "":
			name = n.Site
		case n.Site != name && (n.Site != "" || name != nowhere):
			return fmt.Errorf("the fleet has more sites than one: say of which the battery is, as in %s=…", name)
		}
	}
	if s.Site == "" && name == nowhere {
		f.Nodes = slices.Clone(f.Nodes)
		for i := range f.Nodes {
			f.Nodes[i].Site = nowhere
		}
	}
	at := slices.IndexFunc(f.Nodes, func(n api.Node) bool { return n.Site == name })
	if at < 0 {
		return fmt.Errorf("no node of the fleet stands at a site %s", name)
	}
	f.Sites = slices.Clone(f.Sites)
	k := slices.IndexFunc(f.Sites, func(v api.Site) bool { return v.Name == name })
	if k < 0 {
		k, f.Sites = len(f.Sites), append(f.Sites, api.Site{Name: name, Layer: f.Nodes[at].Layer})
	}
	site := &f.Sites[k]
	if site.Battery = &s.Battery; site.Zone == "" && site.Tariff == "" {
		site.Zone = name
	}
	return nil
}

// StoreReport is what a site's battery did over a run. Costs are of what the site needs
// besides what it makes itself, the wear of the battery included.
type StoreReport struct {
	BoughtKWh   float64 `json:"boughtKWh"`
	GivenKWh    float64 `json:"givenKWh"`
	LostKWh     float64 `json:"lostKWh"`
	FirstKWh    float64 `json:"firstKWh"` // in the cells at the beginning
	LastKWh     float64 `json:"lastKWh"`  // and at the end
	Cycles      float64 `json:"cycles"`   // what was taken out of the cells, in capacities
	CostWithout float64 `json:"costWithout"`
	CostWith    float64 `json:"costWith"`
	// CostOptimal is the least with every price and every need known, of a battery that
	// begins and ends with its reserve; nil where no hour was counted.
	CostOptimal *float64 `json:"costOptimal,omitempty"`
	GapPercent  float64  `json:"gapPercent"` // of the optimal saving that was missed
}

const kWh = 3.6e12 // in µJ

func storeReport(b *twin.Battery, cost float64) *StoreReport {
	r := &StoreReport{
		BoughtKWh: float64(b.Bought) / kWh, GivenKWh: float64(b.Given) / kWh, LostKWh: float64(b.Lost) / kWh,
		FirstKWh: float64(b.First) / kWh, LastKWh: float64(b.Last) / kWh, CostWith: cost,
	}
	out := r.GivenKWh / float64(b.Spec.OneWay()) * 1e6
	r.Cycles = out / (float64(b.Spec.Capacity) / kWh)
	for i := range b.Needed {
		r.CostWithout += b.Needed[i].Price * b.Needed[i].Joules / 3.6e6
	}
	if w := b.Spec.Wear; w != nil {
		r.CostWith += float64(w.Micro) / 1e6 * out
	}
	if best, err := storage.Optimal(cellsOf(&b.Spec), needs(b.Needed)); err == nil {
		r.CostOptimal = &best.With
		if saves := best.Without - best.With; saves > 1e-9 {
			r.GapPercent = 100 * (r.CostWith - best.With) / saves
		}
	}
	return r
}

// cellsOf is what of a battery is used.
func cellsOf(b *api.Battery) storage.Battery {
	const kW = 1e6 // in mW
	cells := storage.Battery{
		Capacity: float64(api.Microjoules(b.Capacity)-b.Kept()) / kWh, Power: float64(b.Charge) / kW, Discharge: float64(b.MostDischarge()) / kW,
		Efficiency: float64(b.Efficiency) / 1000,
	}
	if b.Wear != nil {
		cells.Ageing = float64(b.Wear.Micro) / 1e6
	}
	return cells
}

// needs are those of a site as steps of a plan.
func needs(list []twin.Need) (steps []storage.Step) {
	for _, n := range list {
		if n.Seconds > 0 {
			steps = append(steps, storage.Step{Hours: n.Seconds / 3600, Price: n.Price, Load: max(n.Joules, 0) / n.Seconds / 1000})
		}
	}
	return steps
}
