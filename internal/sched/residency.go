package sched

import (
	"slices"

	"drover.dev/api"
)

// A task's residency holds for its node, and for the site where the cell keeps what
// tasks take in and leave behind.

// astray says that a task's data would come to be where they may not be, whatever its
// node: at the site where the cell keeps data, or at one that is not known. "" is that
// they would not.
func (x *Index) astray(t *api.Task) string {
	switch {
	case t.Residency == nil || !t.HoldsData():
		return ""
	case x.home == "":
		return "residency: at which site the cell keeps data is not known (drover sites home)"
	case !t.Residency.Allows(x.home):
		return "residency: the cell keeps data at " + x.home + ", they may be at " + joinOr(t.Residency.Sites) + " only"
	}
	return ""
}

// allow tries each site at which a task's data may not be.
func (x *Index) allow(t *api.Task, try func(string, *api.Task)) {
	if t.Residency == nil {
		return
	}
	var seen []string
	if t.HoldsData() && x.home != "" {
		seen = append(seen, x.home)
	}
	for _, e := range x.nodes {
		if e.Site != "" && !slices.Contains(seen, e.Site) {
			seen = append(seen, e.Site)
		}
	}
	slices.Sort(seen)
	for _, site := range seen {
		if !t.Residency.Allows(site) {
			c := *t
			c.Residency = &api.Residency{Sites: append(slices.Clone(t.Residency.Sites), site)}
			try("allow its data at site "+site+" (residency)", &c)
		}
	}
}
