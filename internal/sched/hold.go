package sched

import "drover.dev/api"

// unheld are entries for the tenants whose tasks wait, so that these are tried again.
func (x *Index) unheld() map[string]*tenant {
	out := map[string]*tenant{}
	for name, t := range x.tenants { // order-free: each by itself
		if t.withheld != "" {
			out[name] = &tenant{Tenant: api.Tenant{Name: name, Weight: 1}, touched: true}
		}
	}
	return out
}

// Withhold lets the tasks of a tenant wait for a reason; "" lets them go on. One that was
// not declared gets an entry that says nothing else.
func (x *Index) Withhold(name, why string) {
	t := x.tenants[name]
	if t == nil && why != "" {
		t = &tenant{Tenant: api.Tenant{Name: name, Weight: 1}}
		x.tenants[name] = t
	}
	if t != nil && t.withheld != why {
		t.withheld, t.touched = why, t.touched || why == ""
	}
}
