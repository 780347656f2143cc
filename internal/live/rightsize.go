package live

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/provision"
	"drover.dev/internal/state"
)

// Rightsize implements httpapi.Outlook.
func (o prospect) Rightsize(ctx context.Context, tenant string) (api.RightsizingList, error) {
	uses, since, err := o.ahead.Uses()
	if err != nil {
		return api.RightsizingList{}, err
	}
	asked := map[string]api.Rightsizing{}
	_, err = o.cell.View(ctx, 0, func(e *engine.Engine) { asked = asks(e.State(), tenant, uses) })
	out := api.RightsizingList{Items: []api.Rightsizing{}, Since: since}
	for name, r := range asked { // order-free: they are sorted
		out.Items = append(out.Items, recommended(r, uses[name]))
	}
	slices.SortFunc(out.Items, func(a, b api.Rightsizing) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Task, b.Task))
	})
	return out, err
}

// asks is what the newest workload of each name asks for, for tasks whose use is known,
// by the names of their series. "" is all tenants.
func asks(st *state.State, tenant string, uses map[string]provision.Use) map[string]api.Rightsizing {
	out := map[string]api.Rightsizing{}
	newest := map[string]uint64{}
	for id, w := range st.Workloads { // order-free: the newest of each name
		if tenant != "" && w.Spec.Tenant != tenant {
			continue
		}
		for i := range w.Spec.Tasks {
			name := seriesOf(w, uint16(i), st)
			if _, known := uses[name]; !known || newest[name] > id {
				continue
			}
			newest[name] = id
			workload, _, _ := strings.Cut(strings.TrimPrefix(name, w.Spec.Tenant+"/"), ".")
			out[name] = api.Rightsizing{Tenant: w.Spec.Tenant, Workload: workload, Task: w.Spec.Tasks[i].Name, Asked: w.TaskNow(uint16(i)).Resources}
		}
	}
	return out
}

func recommended(r api.Rightsizing, u provision.Use) api.Rightsizing {
	got := provision.Request(u, r.Asked)
	r.Recommended = r.Asked
	r.Recommended.CPU, r.Recommended.Memory = got.CPU, got.Memory
	r.UsedCPU, r.UsedMemory, r.Samples, r.Killed = got.P95CPU, got.PeakMemory, got.Samples, got.Killed
	r.Enough, r.Change = got.Enough, got.Enough && got.Far(r.Asked)
	return r
}
