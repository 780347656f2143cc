package sched

// Withhold lets the tasks of a declared tenant wait for a reason; "" lets them go on.
func (x *Index) Withhold(tenant, why string) {
	if t := x.tenants[tenant]; t != nil && t.withheld != why {
		t.withheld, t.touched = why, t.touched || why == ""
	}
}
