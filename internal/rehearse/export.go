package rehearse

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/trace"
)

// Rows gives the past as rows of a trace that name nobody: jobs and tenants become
// numbers, in the order in which they first came. Every task is a row of its own;
// the elements of an array are given their mean run time.
func (p *Past) Rows() []trace.Row {
	tenants := map[string]string{}
	var out []trace.Row
	for n, a := range p.Work {
		tenant, ok := tenants[a.Workload.Tenant]
		if !ok {
			tenant = "u" + strconv.Itoa(len(tenants)+1)
			tenants[a.Workload.Tenant] = tenant
		}
		for i := range a.Workload.Tasks {
			t := &a.Workload.Tasks[i]
			row := trace.Row{
				ID: "j" + strconv.Itoa(n+1), User: tenant, Submit: api.Duration(a.At), Count: max(t.Count, 1),
				Each: t.Resources, Estimate: t.Duration, Deadline: a.Workload.Deadline, Priority: a.Workload.Priority, Run: a.Truth[i].Run,
				Size: a.Truth[i].Program, In: a.Truth[i].In, Out: a.Truth[i].Out,
			}
			if len(a.Workload.Tasks) > 1 {
				row.ID += "." + strconv.Itoa(i+1)
			}
			if each := a.Truth[i].Each; len(each) > 0 {
				sum := api.Duration(0)
				for _, d := range each {
					sum += d / api.Duration(len(each))
				}
				row.Run = sum
			}
			out = append(out, row)
		}
	}
	return out
}
